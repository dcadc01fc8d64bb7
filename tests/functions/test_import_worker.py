"""Objects put into the uploads bucket become images."""

from __future__ import annotations

import gzip
import io
import json
from typing import TYPE_CHECKING, Any

import openpyxl
import pytest

from functions.galleries_api.handler import lambda_handler as galleries
from tests.aws import Context, add_products, serve
from tests.uploads import add_merchant, deliver, deliver_all, errors_of, images_of, listed, put_object, queued
from vitrine.platform.aws import client

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.usefixtures("shop")

CSV = (
    b"Image ID,NAME,url,createdAt,tags,Width\n"
    b'lamp,Lamp,https://x.test/lamp.jpg,2024-01-01T00:00:00Z,"red, small",800\n'
    b"chair,Chair,https://x.test/chair.jpg,2024-01-02,,\n"
)


@pytest.fixture
def shop(cloud: None) -> None:
    add_merchant()


def only_import(**more: Any) -> dict[str, Any]:
    (only,) = listed(**more)
    return only


def counts(shown: dict[str, Any]) -> tuple[int, int, int]:
    return shown["rows_read"], shown["rows_imported"], shown["rows_rejected"]


def test_a_csv_file_becomes_images_of_its_gallery() -> None:
    assert deliver(put_object("imports/shop/images/summer/export.csv", CSV))
    images = images_of("summer")
    assert list(images) == ["chair", "lamp"]
    lamp = images["lamp"]
    assert (lamp["name"], lamp["url"], lamp["width"]) == ("Lamp", "https://x.test/lamp.jpg", 800)
    assert (lamp["tags"], lamp["created_at"]) == (["red", "small"], "2024-01-01T00:00:00Z")
    done = only_import()
    assert (done["status"], done["kind"], done["gallery_id"]) == ("completed", "images", "summer")
    assert counts(done) == (2, 2, 0)
    assert done["error"] is None
    assert done["created_at"] <= done["started_at"] <= done["finished_at"]


@pytest.mark.parametrize("gzipped", [False, True])
@pytest.mark.parametrize("form", ["jsonl", "json"])
def test_json_is_imported_into_the_gallery_default(form: str, gzipped: bool) -> None:
    rows = [
        {
            "id": "a",
            "name": "A",
            "url": "https://x.test/a",
            "product_ids": ["p1"],
            "ours": {"not": 1},
            "attributes": {"colour": "red"},
        },
        {"image_id": "b", "name": "B", "url": "https://x.test/b", "caption": None},
    ]
    text = json.dumps(rows) if form == "json" else "\n".join(map(json.dumps, rows))
    data = gzip.compress(text.encode()) if gzipped else text.encode()
    assert deliver(put_object(f"imports/shop/images/export.{form}{'.gz' if gzipped else ''}", data))
    assert {name: image["product_ids"] for name, image in images_of().items()} == {"a": ["p1"], "b": []}
    assert {name: image["attributes"] for name, image in images_of().items()} == {"a": {"colour": "red"}, "b": {}}


def test_the_first_sheet_of_a_spreadsheet_is_imported() -> None:
    book, content = openpyxl.Workbook(), io.BytesIO()
    for row in (["Image ID", "Name", "URL", "Width"], ["lamp", "Lamp", "https://x.test/lamp.jpg", 800], ["bad id!"]):
        book.active.append(row)
    book.save(content)
    assert deliver(put_object("imports/shop/images/export.xlsx", content.getvalue()))
    assert [(name, image["width"]) for name, image in images_of().items()] == [("lamp", 800)]
    assert counts(only_import()) == (2, 1, 1)


def test_a_name_with_spaces_and_capitals_is_fine() -> None:
    assert deliver(put_object("imports/shop/images/my export (1).CSV", CSV))
    assert len(images_of()) == 2


@pytest.mark.parametrize(
    ("kind", "row"),
    [
        ("images", {"id": "a", "name": "A", "url": "https://x.test/a"}),
        ("products", {"product_id": "p", "name": "P", "tags": "red, small"}),
        ("interactions", {"interaction_id": "i", "user_id": "u", "product_id": "p", "type": "click"}),
        ("stores", {"store_id": "S1", "store_name": "Kiosk", "area_code": "A1"}),
        ("snapshots", {"snapshot_id": "s", "product_id": "p", "filename": "1.jpg", "url": "https://x.test/1.jpg"}),
    ],
)
def test_rows_of_every_kind_are_imported(kind: str, row: dict[str, str]) -> None:
    add_products("p")
    assert deliver(put_object(f"imports/shop/{kind}/rows.jsonl", json.dumps(row).encode()))
    assert (only_import()["status"], counts(only_import())) == ("completed", (1, 1, 0))


def test_bad_rows_are_rejected() -> None:
    data = b"id,name,url,width\nok,OK,https://x.test/1,1\nbad id!,B,https://x.test/2,\nc,,ftp://x,0\nd,D,https://x.test/4,,x\n"
    assert deliver(put_object("imports/shop/images/export.csv", data))
    done = only_import()
    assert (done["status"], counts(done)) == ("completed", (4, 1, 3))
    assert list(images_of()) == ["ok"]
    errors = errors_of(done["import_id"])
    assert [(error["row"], error.get("column")) for error in errors] == [
        (2, "id"),
        (3, "name"),
        (3, "url"),
        (4, None),
    ]
    assert errors[1]["detail"] == "must be given"
    assert all(error["code"] and error["detail"] for error in errors)


def test_a_row_without_an_id_is_created_once_however_often_it_is_imported() -> None:
    data = b"name,url\nA,https://x.test/a\nB,https://x.test/b\n"
    assert deliver(put_object("imports/shop/images/one.csv", data))
    before = images_of()
    assert deliver(put_object("imports/shop/images/two.csv", data.replace(b"A,", b"New,")))
    assert images_of().keys() == before.keys()
    assert {image["name"] for image in images_of().values()} == {"New", "B"}


def test_of_rows_with_one_id_the_last_counts() -> None:
    data = b"id,name,url\na,First,https://x.test/a\na,Last,https://x.test/a\n"
    assert deliver(put_object("imports/shop/images/one.csv", data))
    assert images_of()["a"]["name"] == "Last"
    assert counts(only_import()) == (2, 2, 0)


class Rushed(Context):
    """Time is up after a number of looks."""

    def __init__(self, looks: int) -> None:
        super().__init__()
        self._looks: Iterator[int] = iter([300_000] * looks)

    def get_remaining_time_in_millis(self) -> int:
        return next(self._looks, 1000)


def test_an_import_larger_than_one_invocation_continues_where_it_stopped() -> None:
    # Three chunks. All but every hundredth row lack a name: moto is slow at images, not at rejections.
    rows = b"".join(b"%d,%s,https://x.test/%d\n" % (n, b"" if n % 100 else b"N", n) for n in range(1100))
    told = put_object("imports/shop/images/big.csv", b"id,name,url\n" + rows)
    assert deliver(told, context=Rushed(1))
    first = only_import()
    assert (first["status"], counts(first)) == ("running", (495, 5, 490))
    (continuation,) = queued()
    assert deliver_all(continuation, lambda: Rushed(1)) == 3
    done = only_import()
    assert (done["status"], counts(done)) == ("completed", (1100, 11, 1089))
    assert [error["row"] for error in errors_of(done["import_id"])] == [n + 1 for n in range(1100) if n % 100]
    _, gallery, _ = serve(galleries, "GET", "/galleries/{gallery_id}", gallery_id="default")
    assert gallery["images"] == 11


@pytest.mark.parametrize(
    ("key", "data", "code"),
    [
        ("imports/shop/images/empty.csv", b"", "empty_file"),
        ("imports/shop/images/x.csv.gz", b"id,name,url\n", "corrupt_gzip"),
        ("imports/shop/images/x.xls", CSV, "bad_name"),
        ("imports/shop/planets/x.csv", CSV, "unknown_kind"),
    ],
)
def test_a_file_that_cannot_be_imported_is_a_failed_import_that_says_why(key: str, data: bytes, code: str) -> None:
    assert deliver(put_object(key, data))
    failed = only_import()
    assert (failed["status"], failed["error"]["code"]) == ("failed", code)
    assert failed["error"]["detail"].endswith(".")
    assert failed["finished_at"]
    assert failed["object"] == key
    assert queued() == []


def test_an_object_that_is_replaced_meanwhile_fails_with_a_code() -> None:
    told = put_object("imports/shop/images/x.csv", CSV)
    client("s3").put_object(Bucket="uploadsbucket", Key="imports/shop/images/x.csv", Body=b"other")
    assert deliver(told)
    assert only_import()["error"]["code"] == "object_replaced"


@pytest.mark.parametrize("key", ["imports/nobody/images/x.csv", "imports/shop/images/"])
def test_an_object_of_no_merchant_is_ignored(key: str) -> None:
    assert deliver(put_object(key, CSV))
    assert listed() == listed(merchant="nobody") == []


def test_the_test_message_of_s3_is_ignored() -> None:
    assert deliver({"Service": "Amazon S3", "Event": "s3:TestEvent", "Bucket": "uploads"})


@pytest.mark.parametrize("message", ["not json", "[]", '{"Records":[{}]}', '{"import_id":"x"}'])
def test_an_unreadable_message_goes_to_the_failure_queue(message: str) -> None:
    assert not deliver(message)


def test_nothing_is_imported_into_a_gallery_that_is_being_deleted() -> None:
    serve(galleries, "PUT", "/galleries/{gallery_id}", gallery_id="summer", body={})
    serve(galleries, "DELETE", "/galleries/{gallery_id}", gallery_id="summer")
    assert deliver(put_object("imports/shop/images/summer/x.csv", CSV))
    assert only_import()["error"]["code"] == "gallery_deleted"


def test_an_import_that_stopped_at_every_delivery_fails_and_its_message_goes_to_the_failure_queue() -> None:
    told = put_object("imports/shop/images/x.csv", CSV)
    assert not deliver(told, times=5)
    failed = only_import()
    assert (failed["status"], failed["error"]["code"]) == ("failed", "stopped")
    assert deliver(told, times=5)
    assert only_import() == failed
