"""Files of products and interactions come in."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from pydantic import BaseModel

from functions.interactions_api.handler import lambda_handler as interactions
from functions.products_api.handler import lambda_handler as products
from tests.aws import serve
from tests.recommendations import ids, recommended
from tests.uploads import add_merchant, deliver, errors_of, listed, put_object
from vitrine.imports.model import Import, ImportKey, ObjectVersion, Rejection
from vitrine.imports.ports import AcceptedRow, Kind, Lease
from vitrine.imports.run_import import run_import
from vitrine.imports.wiring import import_repository, importer
from vitrine.platform.aws import client
from vitrine.platform.dynamodb import translated
from vitrine.platform.problems import Unstorable
from vitrine.platform.times import utc_now

if TYPE_CHECKING:
    from collections.abc import Sequence

pytestmark = pytest.mark.usefixtures("shop")

PRODUCTS = (
    b"Product ID,Name,category,brand,price,currency,tags,attributes,available\n"
    b'tea,Tea,drinks,Leaf,2.5,EUR,"hot, green","{""size"": ""S""}",\n'
    b"mug,Mug,,,,,,,false\n"
    b"bad id,Bad,,,,,,,\n"
    b"kettle,,,,-1,,,,\n"
)
HISTORY = (
    b"interaction_id,user_id,product_id,type,occurred_at\n"
    b"1,ann,tea,purchase,2024-01-01T00:00:00Z\n"
    b"2,ann,mug,view,\n"
    b"3,ann,mug,looked,\n"
    b"1,ann,tea,view,2024-01-02T00:00:00Z\n"
)


@pytest.fixture
def shop(cloud: None) -> None:
    add_merchant()


def product(product_id: str) -> Any:
    return serve(products, "GET", "/products/{product_id}", product_id=product_id)[1]


def history(user: str) -> list[Any]:
    _, response, _ = serve(interactions, "GET", "/users/{user_id}/interactions", user_id=user)
    return [(item["interaction_id"], item["product_id"], item["type"]) for item in response["items"]]


def only_import() -> dict[str, Any]:
    (only,) = listed()
    return only


def counts() -> tuple[int, int, int]:
    shown = only_import()
    return shown["rows_read"], shown["rows_imported"], shown["rows_rejected"]


def test_a_csv_file_becomes_products() -> None:
    assert deliver(put_object("imports/shop/products/all.csv", PRODUCTS))
    assert (only_import()["status"], counts()) == ("completed", (4, 2, 2))
    tea = product("tea")
    assert (tea["category"], tea["brand"], tea["price"], tea["currency"]) == ("drinks", "Leaf", 2.5, "EUR")
    assert (tea["tags"], tea["attributes"], tea["available"]) == (["hot", "green"], {"size": "S"}, True)
    assert product("mug")["available"] is False
    assert {(error["row"], error["column"]) for error in errors_of(only_import()["import_id"])} >= {
        (3, "product_id"),
        (4, "name"),
    }
    assert ids(recommended("nobody")) == ["tea"]


@pytest.mark.parametrize("form", ["json", "jsonl"])
def test_json_becomes_products(form: str) -> None:
    rows = [{"id": "a", "name": "A", "tags": ["x"], "attributes": {"n": 1}}, {"product_id": "b", "name": "B"}]
    text = json.dumps(rows) if form == "json" else "\n".join(map(json.dumps, rows))
    assert deliver(put_object(f"imports/shop/products/all.{form}", text.encode()))
    assert (product("a")["tags"], product("a")["attributes"], product("b")["name"]) == (["x"], {"n": 1}, "B")


def test_a_rejected_row_says_plainly_what_is_wrong_with_it() -> None:
    rows = [
        {"product_id": "a", "name": "A", "tags": {"red": 1}},
        {"product_id": "b", "name": "B", "price": "cheap"},
        {"product_id": "c d", "name": "C"},
        {"product_id": "e", "name": "E", "image_url": "picture.jpg"},
    ]
    assert deliver(put_object("imports/shop/products/all.jsonl", "\n".join(map(json.dumps, rows)).encode()))
    errors = errors_of(only_import()["import_id"])
    assert [(error["column"], error["detail"]) for error in errors] == [
        ("tags", "must be a list"),
        ("price", "must be a number"),
        ("product_id", "must be 1 to 128 letters, digits or . _ ~ : -"),
        ("image_url", "must be an absolute http or https address"),
    ]


def test_a_file_becomes_interactions_and_the_last_of_an_id_counts() -> None:
    assert deliver(put_object("imports/shop/interactions/all.csv", HISTORY))
    assert (only_import()["status"], counts()) == ("completed", (4, 3, 1))
    assert history("ann") == [("2", "mug", "view"), ("1", "tea", "view")]


def test_a_purchase_of_a_file_is_not_recommended() -> None:
    assert deliver(put_object("imports/shop/products/all.csv", PRODUCTS))
    assert ids(recommended("bob")) == ["tea"]
    rows = b"interaction_id,user_id,product_id,type\n9,bob,tea,purchase\n"
    assert deliver(put_object("imports/shop/interactions/one.csv", rows))
    assert ids(recommended("bob")) == []


def test_a_file_that_is_told_of_again_changes_nothing_and_is_gone_from_the_bucket() -> None:
    told = put_object("imports/shop/interactions/all.csv", HISTORY)
    assert deliver(told)
    before = only_import(), history("ann")
    assert "Contents" not in client("s3").list_objects_v2(Bucket="uploadsbucket")
    assert deliver(told)
    assert (only_import(), history("ann")) == before


HOSTILE = [
    r'{"product_id":"x","name":"ok","attributes":{"a":"\ud800"}}',
    r'{"product_id":"x","name":"ok","attributes":{"\udfff":1}}',
    r'{"product_id":"x","name":"\ud83d"}',
    '{"product_id":"x","name":"ok","attributes":' + '{"a":' * 900 + "1" + "}" * 900 + "}",
    '{"product_id":"x","name":"ok","attributes":{"a":' + "[" * 5000 + "]" * 5000 + "}}",
    '{"product_id":"x","name":"ok","attributes":{"a":1e-200}}',
    '{"product_id":"x","name":"ok","attributes":{"a":' + "9" * 5000 + "}}",
    '{"product_id":"x","name":"ok","price":1e-200}',
    '{"product_id":"x","name":"ok","price":1e999}',
    '{"product_id":"x","name":"ok","tags":"[\\"\\\\ud800\\"]"}',
    '{"product_id":"x","name":"ok","attributes":"{\\"a\\":\\"\\\\ud800\\"}"}',
]


@pytest.mark.parametrize("form", ["json", "jsonl"])
def test_a_hostile_row_is_rejected_alone(form: str) -> None:
    good = ['{"product_id":"a","name":"A"}', *HOSTILE, '{"product_id":"b","name":"B 🦊"}']
    text = "[" + ",".join(good) + "]" if form == "json" else "\n".join(good)
    assert deliver(put_object(f"imports/shop/products/all.{form}", text.encode()))
    assert (only_import()["status"], counts()) == ("completed", (len(HOSTILE) + 2, 2, len(HOSTILE)))
    status, page, _ = serve(products, "GET", "/products")
    assert (status, [product["name"] for product in page["items"]]) == (200, ["A", "B 🦊"])


def test_a_row_that_fails_in_its_room_is_rejected_alone_and_told_of() -> None:
    class Row(BaseModel):
        number: int

    taken: list[int] = []
    told: list[tuple[int, str]] = []

    def write(_: Import, rows: Sequence[AcceptedRow]) -> list[Rejection]:
        for row in rows:
            if row.row.number % 100 == 7:
                raise KeyError(row.row.number)
        taken.extend(row.row.number for row in rows)
        return []

    worker = replace(
        importer(),
        kind=lambda _: Kind(row=Row, id_headings=("number",), write=write),
        report=lambda _, row, error: told.append((row, repr(error))),
    )
    put_object("imports/shop/products/all.csv", b"number\n" + b"\n".join(str(n).encode() for n in range(300)))
    upload = client("s3").head_object(Bucket="uploadsbucket", Key="imports/shop/products/all.csv")
    version = ObjectVersion("imports/shop/products/all.csv", upload["ETag"].strip('"'), upload["ContentLength"])
    key = ImportKey("shop", "one")
    import_repository().add(Import(key, "products", None, version.key, utc_now(), {}, version))
    progress = run_import(worker, key, Lease("me", utc_now() + timedelta(minutes=1)), lambda: True)
    assert progress[:3] == (300, 297, 3)
    assert sorted(taken) == [n for n in range(300) if n % 100 != 7]
    assert told == [(n + 1, f"KeyError({n})") for n in (7, 107, 207)]
    assert [rejection.code for rejection in import_repository().rejections(key, 10, None).rejections] == [
        "row_failed"
    ] * 3


def test_a_number_that_the_store_cannot_hold_is_told_by_the_store() -> None:
    with pytest.raises(Unstorable), translated():
        client("dynamodb").put_item(
            TableName="ProductsTable", Item={"pk": {"S": "shop"}, "sk": {"S": "x"}, "price": {"N": "1e-200"}}
        )
