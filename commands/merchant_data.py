"""Exports and removes a merchant's data in all tables and buckets.

Both scan whole tables, so they cost as much as the whole stack holds.
"""

from __future__ import annotations

import base64
import json
import os
import re
import time
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from vitrine.catalog.model import PARTS
from vitrine.catalog.wiring import interaction_repository, product_repository
from vitrine.galleries.model import GalleryKey
from vitrine.galleries.wiring import gallery_repository
from vitrine.platform.aws import client, invalidate
from vitrine.platform.dynamodb import batch_write, translated
from vitrine.platform.times import to_rfc3339
from vitrine.renditions.model import original_path, renditions_prefix
from vitrine.review.model import LISTINGS
from vitrine.review.wiring import review_store

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from pathlib import Path

    from vitrine.platform.dynamodb import Item

# The prefixes of a merchant's id in the partition keys of each table. The id is followed by nothing or by a slash.
TABLES = {
    "GALLERIES_TABLE": ("",),
    "IMAGES_TABLE": ("",),
    "COUNTERS_TABLE": ("",),
    "QUERIES_TABLE": ("",),
    "REVIEW_TABLE": ("",),
    "IMPORTS_TABLE": ("",),
    "VISITS_TABLE": ("stores/", "jobs/", "job/", "store_jobs/", "visits/", "picture/"),
    "RENDITIONS_TABLE": ("holder/", "original/", "withdrawn/"),
    "PRODUCTS_TABLE": ("",),
    "INTERACTIONS_TABLE": ("",),
    "RECOMMENDATIONS_TABLE": ("",),
    "LOGS_TABLE": ("",),
}
ACCESS_TABLE = "ACCESS_TABLE"
# A partition that all merchants share, and what stands before the id in its sort keys. Behind it comes a slash.
SHARED = {"GALLERIES_TABLE": ("//rules", "#")}
# The prefixes of a merchant's id in the keys of each bucket's objects. The id is followed by a slash.
BUCKETS = {
    "PICTURES_BUCKET": ("snapshots/", "gallery-uploads/"),
    "UPLOADS_BUCKET": ("imports/",),
    "SUBMISSIONS_BUCKET": ("submissions/",),
    "SEARCH_BUCKET": ("search/",),
    "MODELS_BUCKET": ("",),
    "HISTORY_BUCKET": ("",),
}
EXPORTED_BUCKETS = ("PICTURES_BUCKET", "SUBMISSIONS_BUCKET")
MOST_PASSES = 10
_TOGETHER = 100
_KEYS = ("pk", "sk")


class DataLeft(Exception):
    """New data of the merchant still arrives."""


def use_stack(name: str) -> None:
    """Set the environment variables of the stack's tables, buckets and distribution, named as in the functions."""
    pages = client("cloudformation").get_paginator("list_stack_resources").paginate(StackName=name)
    for page in pages:
        for resource in page["StackResourceSummaries"]:
            service = resource["ResourceType"].split("::")[1]
            if service in {"DynamoDB", "S3", "CloudFront"} and "PhysicalResourceId" in resource:
                os.environ[variable_of(resource["LogicalResourceId"])] = resource["PhysicalResourceId"]


# -- export --------------------------------------------------------------------------------------------------------


def export(merchant_id: str, folder: Path) -> dict[str, int]:
    """Write all data of a merchant; return the number of lines or objects by file.

    `imports/` has files that can be imported, one of each kind. `records/` has each table's items in the form of
    DynamoDB's own export, and `files/` has uploaded pictures and submissions. Keys and secrets are not written.
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
        for key in (key for prefix in BUCKETS[bucket] for key in _object_keys(bucket, f"{prefix}{merchant_id}/")):
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
    """The key as a path that stays below its folder, although an id may be two dots."""
    return "/".join(part.replace(".", "%2E") if set(part) == {"."} else part for part in key.split("/"))


def _row(**values: Any) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value not in (None, (), {}, [])}


def _pages(read: Callable[[str | None], Sequence[Any]], name: Callable[[Any], str]) -> Iterator[Any]:
    after: str | None = None
    while page := read(after):
        yield from page
        after = name(page[-1])


def _gallery_ids(merchant_id: str) -> Iterator[str]:
    galleries = gallery_repository()
    for gallery in _pages(
        lambda after: galleries.list_galleries(merchant_id, _TOGETHER, after), lambda gallery: gallery.key.gallery_id
    ):
        yield gallery.key.gallery_id


def _image_rows(key: GalleryKey) -> Iterator[dict[str, Any]]:
    galleries = gallery_repository()
    for image in _pages(lambda after: galleries.stored_images(key, _TOGETHER, after), lambda image: image.image_id):
        described = image.description._asdict() | {"created_at": to_rfc3339(image.description.created_at)}
        yield _row(id=image.image_id, **described)


def _product_rows(merchant_id: str) -> Iterator[dict[str, Any]]:
    products = product_repository()
    for product in _pages(
        lambda after: products.list_products(merchant_id, _TOGETHER, after), lambda product: product.product_id
    ):
        yield _row(**asdict(product))


def _interaction_rows(merchant_id: str) -> Iterator[dict[str, Any]]:
    for part in range(PARTS):
        for interaction in interaction_repository().part(merchant_id, part):
            yield _row(**asdict(interaction) | {"occurred_at": to_rfc3339(interaction.occurred_at)})


def _snapshot_rows(merchant_id: str) -> Iterator[dict[str, Any]]:
    for listing in LISTINGS:
        after: str | None = None
        while True:
            page, after = review_store().list_snapshots(merchant_id, listing, None, _TOGETHER, after)
            for snapshot in page:
                yield _row(
                    snapshot_id=snapshot.snapshot_id,
                    product_id=snapshot.product_id,
                    filename=snapshot.filename,
                    url=snapshot.url,
                    upload=snapshot.url is None or None,
                    gallery_id=snapshot.gallery_id,
                    known_answer=snapshot.known_answer,
                )
            if after is None:
                break


def _store_rows(merchant_id: str) -> Iterator[dict[str, Any]]:
    for item in _items("VISITS_TABLE", merchant_id, ("stores/",)):
        yield _row(store_id=item["sk"]["S"], store_name=item["name"]["S"], area_code=item["area"]["S"])


# -- removal -------------------------------------------------------------------------------------------------------


def off_board(merchant_id: str, pause_seconds: float, tell: Callable[[str], object]) -> None:
    """Remove all data of a merchant, keys first, until a pass over all tables and buckets finds nothing.

    Functions that were running when the keys went may still write, so passes are `pause_seconds` apart. Raises
    DataLeft if the last pass still finds something. A distribution drops its cached pictures and API responses.
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
        invalidate(client("cloudfront"), distribution, ["/pictures/*", "/v1/*"])


def _remove(merchant_id: str) -> int:
    removed = _delete(ACCESS_TABLE, _items(ACCESS_TABLE, merchant_id, names=("pk",)))
    for digest in _picture_digests(merchant_id):
        removed += _delete("RENDITIONS_TABLE", [{"pk": {"S": f"picture/{digest}"}, "sk": {"S": "-"}}])
        for prefix in (renditions_prefix(digest), original_path(digest)):
            removed += _delete_objects("PICTURES_BUCKET", prefix)
    for table in TABLES:
        removed += _delete(table, _items(table, merchant_id, names=_KEYS))
    for bucket, prefixes in BUCKETS.items():
        for prefix in prefixes:
            removed += _delete_objects(bucket, f"{prefix}{merchant_id}/")
    return removed


def _picture_digests(merchant_id: str) -> set[str]:
    """Digests of copied pictures. They belong to this merchant alone, since its id is part of them."""
    digests: set[str] = set()
    for item in _items("RENDITIONS_TABLE", merchant_id, names=(*_KEYS, "digests")):
        digests.update(item.get("digests", {}).get("SS", ()))
        if item["pk"]["S"].startswith("withdrawn/"):
            digests.add(item["sk"]["S"])
    for item in _items("IMAGES_TABLE", merchant_id, names=("original",)):
        if "original" in item:
            digests.add(item["original"]["M"]["digest"]["S"])
    return digests


def _delete(table: str, items: Iterable[Item]) -> int:
    keys = [{name: item[name] for name in _KEYS if name in item} for item in items]
    batch_write(client("dynamodb"), os.environ[table], [{"DeleteRequest": {"Key": key}} for key in keys])
    return len(keys)


def _delete_objects(bucket: str, prefix: str) -> int:
    """Remove objects with all their versions."""
    removed = 0
    pages = client("s3").get_paginator("list_object_versions").paginate(Bucket=os.environ[bucket], Prefix=prefix)
    for page in pages:
        versions = [*page.get("Versions", []), *page.get("DeleteMarkers", [])]
        objects = [{"Key": version["Key"], "VersionId": version["VersionId"]} for version in versions]
        if objects:
            client("s3").delete_objects(Bucket=os.environ[bucket], Delete={"Objects": objects})  # type: ignore[typeddict-item]
        removed += len(objects)
    return removed


# -- reading -------------------------------------------------------------------------------------------------------


def variable_of(resource: str) -> str:
    """The environment variable of a resource of the template: `IMAGES_TABLE` for `ImagesTable`."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", resource).upper()


def condition_of(table: str, merchant_id: str, prefixes: Sequence[str] | None = None) -> dict[str, Any]:
    """The arguments of a scan that returns only the merchant's items."""
    if table == ACCESS_TABLE:
        return {
            "FilterExpression": "pk = :merchant OR merchant_id = :id",
            "ExpressionAttributeValues": {":merchant": {"S": f"merchant#{merchant_id}"}, ":id": {"S": merchant_id}},
        }
    wanted = TABLES[table] if prefixes is None else prefixes
    values = {f":exact{index}": {"S": f"{prefix}{merchant_id}"} for index, prefix in enumerate(wanted)}
    values |= {f":below{index}": {"S": f"{prefix}{merchant_id}/"} for index, prefix in enumerate(wanted)}
    terms = [f"pk = :exact{index} OR begins_with(pk, :below{index})" for index in range(len(wanted))]
    if prefixes is None and table in SHARED:
        partition, before = SHARED[table]
        terms.append("(pk = :shared AND contains(sk, :mark))")
        values |= {":shared": {"S": partition}, ":mark": {"S": f"{before}{merchant_id}/"}}
    return {"FilterExpression": " OR ".join(terms), "ExpressionAttributeValues": values}


def scan(table: str, names: Sequence[str] = (), **more: Any) -> Iterator[Item]:
    """All items of a table, read consistently; only the attributes `names` if given."""
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
    return (stored["Key"] for page in pages for stored in page.get("Contents", []))
