"""A merchant's data in all tables and buckets: exported as files, and removed.

Both read whole tables, so they cost what the stack holds and not what the merchant does.
"""

from __future__ import annotations

import base64
import json
import os
import re
import time
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, get_args
from uuid import uuid4

from vitrine.catalog.model import PARTS
from vitrine.catalog.wiring import interaction_repository, product_repository
from vitrine.galleries.model import GalleryKey
from vitrine.galleries.wiring import gallery_repository
from vitrine.platform.aws import client
from vitrine.platform.dynamodb import batch_write, translated
from vitrine.platform.times import to_rfc3339
from vitrine.renditions.model import original_path
from vitrine.review.model import Status
from vitrine.review.wiring import review_store

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from pathlib import Path

    from vitrine.platform.dynamodb import Item

# What stands before a merchant's id in the partition keys of a table. Behind the id comes nothing or a slash.
TABLES = {
    "GALLERIES_TABLE": ("",),
    "IMAGES_TABLE": ("",),
    "COUNTERS_TABLE": ("",),
    "REVIEW_TABLE": ("",),
    "IMPORTS_TABLE": ("",),
    "VISITS_TABLE": ("stores/", "jobs/", "job/", "store_jobs/", "visits/", "picture/"),
    "RENDITIONS_TABLE": ("holder/", "withdrawn/"),
    "PRODUCTS_TABLE": ("",),
    "INTERACTIONS_TABLE": ("",),
    "RECOMMENDATIONS_TABLE": ("",),
}
ACCESS_TABLE = "ACCESS_TABLE"
# What stands before the id in the keys of a bucket's objects. Behind it comes a slash.
BUCKETS = {
    "PICTURES_BUCKET": "snapshots/",
    "UPLOADS_BUCKET": "imports/",
    "SUBMISSIONS_BUCKET": "submissions/",
    "SEARCH_BUCKET": "search/",
    "MODELS_BUCKET": "",
}
EXPORTED_BUCKETS = ("PICTURES_BUCKET", "SUBMISSIONS_BUCKET")
MOST_PASSES = 10
_TOGETHER = 100
_KEYS = ("pk", "sk")


class DataLeft(Exception):
    """Data of the merchant still arrives."""


def use_stack(name: str) -> None:
    """Put the stack's tables, buckets and distribution into the environment, under the functions' names of them."""
    pages = client("cloudformation").get_paginator("list_stack_resources").paginate(StackName=name)
    for page in pages:
        for it in page["StackResourceSummaries"]:
            if it["ResourceType"].split("::")[1] in {"DynamoDB", "S3", "CloudFront"} and "PhysicalResourceId" in it:
                os.environ[variable_of(it["LogicalResourceId"])] = it["PhysicalResourceId"]


# -- export --------------------------------------------------------------------------------------------------------


def export(merchant_id: str, folder: Path) -> dict[str, int]:
    """Write all data of a merchant; returns the number of lines or objects by file.

    `imports/` has what an import takes, kind by kind. `records/` has each table's items as DynamoDB's own export
    writes them, and `files/` uploaded pictures and submissions. Keys and secrets are not written.
    """
    written: dict[str, int] = {}

    def write(name: str, lines: Iterable[dict[str, Any]]) -> None:
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        with file.open("w", encoding="utf-8") as target:
            for number, line in enumerate(lines, 1):
                target.write(json.dumps(line, ensure_ascii=False, default=_base64) + "\n")
                written[name] = number
        if name not in written:
            file.unlink()

    for gallery_id in _gallery_ids(merchant_id):
        write(f"imports/images/{gallery_id}.jsonl", _image_rows(GalleryKey(merchant_id, gallery_id)))
    write("imports/products.jsonl", _product_rows(merchant_id))
    write("imports/interactions.jsonl", _interaction_rows(merchant_id))
    write("imports/snapshots.jsonl", _snapshot_rows(merchant_id))
    write("imports/stores.jsonl", _store_rows(merchant_id))
    for table in TABLES:
        write(f"records/{table.lower()}.jsonl", ({"Item": item} for item in _items(table, merchant_id)))
    for bucket in EXPORTED_BUCKETS:
        for key in _object_keys(bucket, f"{BUCKETS[bucket]}{merchant_id}/"):
            target = folder / "files" / _file_name(key)
            target.parent.mkdir(parents=True, exist_ok=True)
            body = client("s3").get_object(Bucket=os.environ[bucket], Key=key)["Body"]
            with target.open("wb") as file:
                file.writelines(body.iter_chunks(1 << 20))
            written["files"] = written.get("files", 0) + 1
    return written


def _base64(value: object) -> object:
    return base64.b64encode(value).decode() if isinstance(value, bytes) else str(value)


def _file_name(key: str) -> str:
    """The key as a path below a folder: an id may be two dots."""
    return "/".join(it.replace(".", "%2E") if set(it) == {"."} else it for it in key.split("/"))


def _row(**values: Any) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value not in (None, (), {}, [])}


def _pages(read: Callable[[str | None], Sequence[Any]], name: Callable[[Any], str]) -> Iterator[Any]:
    after: str | None = None
    while page := read(after):
        yield from page
        after = name(page[-1])


def _gallery_ids(merchant_id: str) -> Iterator[str]:
    galleries = gallery_repository()
    for it in _pages(
        lambda after: galleries.list_galleries(merchant_id, _TOGETHER, after), lambda it: it.key.gallery_id
    ):
        yield it.key.gallery_id


def _image_rows(key: GalleryKey) -> Iterator[dict[str, Any]]:
    galleries = gallery_repository()
    for it in _pages(lambda after: galleries.stored_images(key, _TOGETHER, after), lambda it: it.image_id):
        described = it.description._asdict() | {"created_at": to_rfc3339(it.description.created_at)}
        yield _row(id=it.image_id, **described)


def _product_rows(merchant_id: str) -> Iterator[dict[str, Any]]:
    products = product_repository()
    for it in _pages(lambda after: products.list_products(merchant_id, _TOGETHER, after), lambda it: it.product_id):
        yield _row(**asdict(it))


def _interaction_rows(merchant_id: str) -> Iterator[dict[str, Any]]:
    for part in range(PARTS):
        for it in interaction_repository().part(merchant_id, part):
            yield _row(**asdict(it) | {"occurred_at": to_rfc3339(it.occurred_at)})


def _snapshot_rows(merchant_id: str) -> Iterator[dict[str, Any]]:
    for status in get_args(Status):
        after: str | None = None
        while True:
            page, after = review_store().list_snapshots(merchant_id, status, None, _TOGETHER, after)
            for it in page:
                yield _row(
                    snapshot_id=it.snapshot_id,
                    product_id=it.product_id,
                    filename=it.filename,
                    url=it.url,
                    upload=it.url is None or None,
                    gallery_id=it.gallery_id,
                    known_answer=it.known_answer,
                )
            if after is None:
                break


def _store_rows(merchant_id: str) -> Iterator[dict[str, Any]]:
    for it in _items("VISITS_TABLE", merchant_id, ("stores/",)):
        yield _row(store_id=it["sk"]["S"], store_name=it["name"]["S"], area_code=it["area"]["S"])


# -- removal -------------------------------------------------------------------------------------------------------


def off_board(merchant_id: str, pause_seconds: float, tell: Callable[[str], object]) -> None:
    """Remove all data of a merchant, keys first, until a pass over all tables and buckets finds nothing.

    What was under way when the keys went may still write, so passes are `pause_seconds` apart. Raises DataLeft when
    the last pass still finds something. Where there is a distribution, it forgets what it keeps of pictures and of
    the API.
    """
    for number in range(1, MOST_PASSES + 1):
        removed = _remove(merchant_id)
        tell(f"pass {number}: {removed:,} items and objects removed")
        if not removed:
            break
        time.sleep(pause_seconds)
    else:
        raise DataLeft
    if distribution := os.environ.get("EDGE_DISTRIBUTION"):
        paths = ["/pictures/*", "/v1/*"]
        client("cloudfront").create_invalidation(
            DistributionId=distribution,
            InvalidationBatch={"Paths": {"Quantity": len(paths), "Items": paths}, "CallerReference": uuid4().hex},
        )


def _remove(merchant_id: str) -> int:
    removed = _delete(ACCESS_TABLE, _items(ACCESS_TABLE, merchant_id, names=("pk",)))
    for digest in _picture_digests(merchant_id):
        removed += _delete("RENDITIONS_TABLE", [{"pk": {"S": f"picture/{digest}"}, "sk": {"S": "-"}}])
        for prefix in (f"pictures/{digest}/", original_path(digest)):
            removed += _delete_objects("PICTURES_BUCKET", prefix)
    for table in TABLES:
        removed += _delete(table, _items(table, merchant_id, names=_KEYS))
    for bucket, prefix in BUCKETS.items():
        removed += _delete_objects(bucket, f"{prefix}{merchant_id}/")
    return removed


def _picture_digests(merchant_id: str) -> set[str]:
    """Digests of copied pictures. They are of this merchant alone: its id is in the digest."""
    found: set[str] = set()
    for it in _items("RENDITIONS_TABLE", merchant_id, names=(*_KEYS, "digests")):
        found.update(it.get("digests", {}).get("SS", ()))
        if it["pk"]["S"].startswith("withdrawn/"):
            found.add(it["sk"]["S"])
    for it in _items("IMAGES_TABLE", merchant_id, names=("original",)):
        if "original" in it:
            found.add(it["original"]["M"]["digest"]["S"])
    return found


def _delete(table: str, items: Iterable[Item]) -> int:
    keys = [{name: it[name] for name in _KEYS if name in it} for it in items]
    batch_write(client("dynamodb"), os.environ[table], [{"DeleteRequest": {"Key": key}} for key in keys])
    return len(keys)


def _delete_objects(bucket: str, prefix: str) -> int:
    """Remove objects with all their versions."""
    removed = 0
    pages = client("s3").get_paginator("list_object_versions").paginate(Bucket=os.environ[bucket], Prefix=prefix)
    for page in pages:
        found = [*page.get("Versions", []), *page.get("DeleteMarkers", [])]
        some = [{"Key": it["Key"], "VersionId": it["VersionId"]} for it in found]
        if some:
            client("s3").delete_objects(Bucket=os.environ[bucket], Delete={"Objects": some})  # type: ignore[typeddict-item]
        removed += len(some)
    return removed


# -- reading -------------------------------------------------------------------------------------------------------


def variable_of(resource: str) -> str:
    """The functions' name of a resource of the template: `IMAGES_TABLE` of `ImagesTable`."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", resource).upper()


def condition_of(table: str, merchant_id: str, prefixes: Sequence[str] | None = None) -> dict[str, Any]:
    """What a scan of a table takes to find a merchant's items alone."""
    if table == ACCESS_TABLE:
        return {
            "FilterExpression": "pk = :merchant OR merchant_id = :id",
            "ExpressionAttributeValues": {":merchant": {"S": f"merchant#{merchant_id}"}, ":id": {"S": merchant_id}},
        }
    wanted = TABLES[table] if prefixes is None else prefixes
    values = {f":exact{at}": {"S": f"{prefix}{merchant_id}"} for at, prefix in enumerate(wanted)}
    values |= {f":below{at}": {"S": f"{prefix}{merchant_id}/"} for at, prefix in enumerate(wanted)}
    terms = [f"pk = :exact{at} OR begins_with(pk, :below{at})" for at in range(len(wanted))]
    return {"FilterExpression": " OR ".join(terms), "ExpressionAttributeValues": values}


def scan(table: str, names: Sequence[str] = (), **more: Any) -> Iterator[Item]:
    """All items of a table, `names` of their attributes or all, read consistently."""
    if names:
        more["ProjectionExpression"] = ", ".join(names)
    with translated():
        for page in client("dynamodb").get_paginator("scan").paginate(TableName=table, ConsistentRead=True, **more):
            yield from page["Items"]


def _items(
    table: str, merchant_id: str, prefixes: Sequence[str] | None = None, names: Sequence[str] = ()
) -> Iterator[Item]:
    return scan(os.environ[table], names, **condition_of(table, merchant_id, prefixes))


def _object_keys(bucket: str, prefix: str) -> Iterator[str]:
    pages = client("s3").get_paginator("list_objects_v2").paginate(Bucket=os.environ[bucket], Prefix=prefix)
    return (found["Key"] for page in pages for found in page.get("Contents", []))
