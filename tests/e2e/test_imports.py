"""Files put into the deployed stack's bucket become images."""

from __future__ import annotations

import gzip
import json
from typing import TYPE_CHECKING, Any

import urllib3

from local.deployment import client
from tests.e2e.api import Api, eventually

if TYPE_CHECKING:
    from local.state import Stack

ROWS = [
    {"id": f"picture-{number}", "title": f"Picture {number}", "url": f"https://shop.example/{number}.jpg"}
    for number in range(250)
]


def is_over(shop: Api, import_id: str) -> bool:
    return bool(shop.get(f"/imports/{import_id}").json["status"] in ("completed", "failed"))


def counts(shown: dict[str, Any]) -> tuple[int, int, int]:
    return shown["rows_read"], shown["rows_imported"], shown["rows_rejected"]


def test_a_file_is_put_where_the_api_says_and_comes_in(shop: Api, gallery: str):
    body = {"kind": "images", "gallery_id": gallery, "filename": "export.jsonl.gz", "columns": {"title": "name"}}
    made = shop.post("/imports", body)
    assert made.status == 201
    upload = made.json["upload"]
    lines = "\n".join(json.dumps(row) for row in [*ROWS, {"id": "no-name", "url": "https://shop.example/x.jpg"}])

    put = urllib3.request(
        upload["method"], upload["url"], body=gzip.compress(lines.encode()), headers=upload["headers"]
    )

    assert put.status == 200, put.data
    import_id = made.json["import_id"]
    eventually(lambda: is_over(shop, import_id))
    done = shop.get(f"/imports/{import_id}").json
    assert (done["status"], counts(done), done["error"]) == ("completed", (251, 250, 1), None)
    errors = shop.get(f"/imports/{import_id}/errors").json["items"]
    assert errors == [{"row": 251, "column": "name", "code": "missing", "detail": "must be given"}]
    assert shop.get(f"/galleries/{gallery}").json["images"] == 250


def test_an_object_put_into_the_bucket_comes_in(shop: Api, stack: Stack, gallery: str):
    key = f"imports/{stack.merchant_id}/images/{gallery}/my export.csv"
    rows = b"Image ID,Name,URL\n" + b"".join(b"%d,Picture,https://shop.example/%d.jpg\n" % (n, n) for n in range(20))

    client("s3", stack.endpoint_url).put_object(Bucket=stack.uploads_bucket, Key=key, Body=rows)

    eventually(lambda: any(each["object"] == key for each in shop.get("/imports").json["items"]))
    (import_id,) = [each["import_id"] for each in shop.get("/imports").json["items"] if each["object"] == key]
    eventually(lambda: is_over(shop, import_id))
    assert counts(shop.get(f"/imports/{import_id}").json) == (20, 20, 0)
    assert shop.get(f"/galleries/{gallery}").json["images"] == 20


def test_a_file_that_cannot_be_read_fails_and_says_why(shop: Api, stack: Stack, gallery: str):
    key = f"imports/{stack.merchant_id}/images/{gallery}/broken.json.gz"

    client("s3", stack.endpoint_url).put_object(Bucket=stack.uploads_bucket, Key=key, Body=b"no gzip at all")

    def failed() -> bool:
        found = [each for each in shop.get("/imports").json["items"] if each["object"] == key]
        return bool(found) and found[0]["status"] == "failed"

    eventually(failed)
    (shown,) = [each for each in shop.get("/imports").json["items"] if each["object"] == key]
    assert shown["error"]["code"] == "corrupt_gzip"
