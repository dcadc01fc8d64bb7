"""Files of products and interactions come in."""

from __future__ import annotations

import json
from typing import Any

import pytest

from functions.interactions_api.handler import lambda_handler as interactions
from functions.products_api.handler import lambda_handler as products
from tests.aws import api_event, send
from tests.recommendations import ids, recommended
from tests.uploads import add_merchant, deliver, errors_of, listed, put_object
from vitrine.platform.aws import client

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
    return send(products, api_event("GET", "/products/{product_id}", product_id=product_id))[1]


def history(user: str) -> list[Any]:
    _, answer, _ = send(interactions, api_event("GET", "/users/{user_id}/interactions", user_id=user))
    return [(it["interaction_id"], it["product_id"], it["type"]) for it in answer["items"]]


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
    assert {(it["row"], it["column"]) for it in errors_of(only_import()["import_id"])} >= {
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
