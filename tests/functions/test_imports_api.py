"""Imports over HTTP: ask for a place, put the file, read how far it is."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import pytest

from functions.imports_api.handler import lambda_handler as imports
from tests.aws import serve
from tests.uploads import add_merchant, deliver, errors_of, images_of, listed, put_object
from vitrine.imports.model import LARGEST_OBJECT_BYTES

pytestmark = pytest.mark.usefixtures("shop")

CSV = b"image_id,Title,thumbnail-url\nlamp,Lamp,https://x.test/lamp.jpg\nchair,,https://x.test/chair.jpg\n"
COLUMNS = {"title": "name", "Thumbnail URL": "url"}


@pytest.fixture
def shop(cloud: None) -> None:
    add_merchant()


def ask(body: Any, merchant: str = "shop", kind: str = "secret", **headers: str) -> tuple[int, Any]:
    status, response, _ = serve(imports, "POST", "/imports", body=body, merchant=merchant, kind=kind, headers=headers)
    return status, response


def read(import_id: str, merchant: str = "shop") -> tuple[int, Any]:
    status, response, _ = serve(imports, "GET", "/imports/{import_id}", import_id=import_id, merchant=merchant)
    return status, response


def place_of(made: dict[str, Any]) -> str:
    return unquote(urlsplit(made["upload"]["url"]).path).lstrip("/")


def test_an_import_waits_for_its_file() -> None:
    body = {"kind": "images", "gallery_id": "summer", "filename": "my export.csv", "columns": COLUMNS}
    status, made = ask(body)
    assert status == 201
    import_id = made["import_id"]
    assert place_of(made) == f"imports/shop/images/summer/{import_id}.csv"
    _, waiting = read(import_id)
    assert (waiting["status"], waiting["rows_read"], waiting["started_at"]) == ("waiting", 0, None)

    told = put_object(place_of(made), CSV)
    assert deliver(told)
    assert deliver(told)

    _, done = read(import_id)
    assert (done["status"], done["rows_read"], done["rows_imported"], done["rows_rejected"]) == ("completed", 2, 1, 1)
    assert errors_of(import_id) == [{"row": 2, "column": "name", "code": "missing", "detail": "must be given"}]
    assert images_of("summer")["lamp"]["url"] == "https://x.test/lamp.jpg"
    assert listed() == [done]


def test_the_upload_url_is_signed_for_a_time_and_one_media_type() -> None:
    _, made = ask({"kind": "images", "filename": "export.json"})
    assert place_of(made) == f"imports/shop/images/{made['import_id']}.json"
    upload = made["upload"]
    assert (upload["method"], upload["headers"]) == ("PUT", {"Content-Type": "application/json", "If-None-Match": "*"})
    signed = parse_qs(urlsplit(upload["url"]).query)
    assert signed["X-Amz-Algorithm"] == ["AWS4-HMAC-SHA256"]
    assert signed["X-Amz-SignedHeaders"] == ["content-type;host;if-none-match"]
    assert signed["X-Amz-Expires"] == ["900"]
    _, shown = read(made["import_id"])
    assert made["expires_at"] > shown["created_at"]


def test_the_upload_url_accepts_exactly_the_size() -> None:
    _, made = ask({"kind": "images", "filename": "export.json", "size": 1234})
    assert made["upload"]["headers"]["Content-Length"] == "1234"
    signed = parse_qs(urlsplit(made["upload"]["url"]).query)
    assert signed["X-Amz-SignedHeaders"] == ["content-length;content-type;host;if-none-match"]


def test_another_file_at_the_same_url_is_another_import() -> None:
    _, made = ask({"kind": "images", "filename": "export.csv", "columns": COLUMNS})
    assert deliver(put_object(place_of(made), CSV))
    assert deliver(put_object(place_of(made), b"id,name,url\nsofa,Sofa,https://x.test/sofa.jpg\n", sequencer="2"))
    assert {shown["status"] for shown in listed()} == {"completed"}
    assert len(listed()) == 2
    assert images_of().keys() == {"lamp", "sofa"}


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"kind": "planets"}, "/kind"),
        ({"kind": None}, "/kind"),
        ({"gallery_id": "not an id"}, "/gallery_id"),
        ({"filename": "export.xls"}, "/filename"),
        ({"filename": ".csv"}, "/filename"),
        ({"filename": "a" * 301 + ".csv"}, "/filename"),
        ({"columns": {"Title": "nonsense"}}, "/columns"),
        ({"columns": {"": "name"}}, "/columns//[key]"),
        ({"size": 0}, "/size"),
        ({"size": LARGEST_OBJECT_BYTES + 1}, "/size"),
        ({"surplus": 1}, "/surplus"),
    ],
)
def test_an_impossible_import_is_refused_at_once(change: dict[str, Any], pointer: str) -> None:
    status, problem = ask({"kind": "images", "filename": "export.csv", **change})
    assert (status, [error["pointer"] for error in problem["errors"]]) == (422, [pointer])


def test_folders_in_a_filename_are_ignored() -> None:
    _, made = ask({"kind": "images", "filename": "C:/exports/../x.JSONL.GZ"})
    assert place_of(made) == f"imports/shop/images/{made['import_id']}.jsonl.gz"


def test_imports_are_listed_newest_first_page_by_page() -> None:
    made = [ask({"kind": "images", "filename": "export.csv"})[1]["import_id"] for _ in range(5)]
    first = serve(imports, "GET", "/imports", query={"limit": "2"})[1]
    cursor = first["next_cursor"]
    second = serve(imports, "GET", "/imports", query={"limit": "2", "cursor": cursor})[1]
    shown = [each["import_id"] for each in first["items"] + second["items"]]
    assert shown == [each["import_id"] for each in listed()][:4]
    assert {each["import_id"] for each in listed()} == set(made)


def test_errors_are_listed_page_by_page_over_chunks() -> None:
    rows = b"".join(b"%d,,\n" % number for number in range(1030))
    assert deliver(put_object("imports/shop/images/x.csv", b"id,name,url\n" + rows))
    (done,) = listed()
    assert (done["rows_read"], done["rows_rejected"]) == (1030, 1030)
    errors = errors_of(done["import_id"])
    assert [(each["row"], each["column"]) for each in errors] == [
        (row, column) for row in range(1, 1031) for column in ("name", "url")
    ]


def test_an_import_belongs_to_its_merchant_and_needs_a_secret_key() -> None:
    _, made = ask({"kind": "images", "filename": "export.csv"})
    assert read(made["import_id"], merchant="other")[0] == 404
    assert serve(imports, "GET", "/imports/{import_id}/errors", import_id=made["import_id"], merchant="other")[0] == 404
    assert listed(merchant="other") == []
    assert ask({"kind": "images", "filename": "export.csv"}, kind="publishable")[0] == 403
