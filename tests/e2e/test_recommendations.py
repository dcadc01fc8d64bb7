"""Real grocery purchases come in as files, become a model, and are recommended from."""

from __future__ import annotations

import csv
import gzip
import json
import os
import subprocess
import sys
import time
import uuid
from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest

from local.deployment import client, stack_outputs
from local.seed import run_merchants
from local.state import ROOT
from tests.e2e.api import Api, eventually
from tests.e2e.conftest import open_shop, put_file
from tests.real_data import DATA
from vitrine.access.model import sign_user_token

if TYPE_CHECKING:
    from local.state import Stack

PURCHASES = DATA / "grocery-purchases"
HOUSEHOLDS, PRODUCTS = 40, 60


@pytest.fixture(scope="module")
def stack(stack: Stack) -> Stack:
    return open_shop(stack)


@pytest.fixture(scope="module")
def purchases() -> list[dict[str, str]]:
    """What forty households bought of the sixty products that are bought most."""
    with gzip.open(PURCHASES / "transactions_w01_43.csv.gz", "rt") as lines:
        rows = list(csv.DictReader(lines))
    products = {product_id for product_id, _ in Counter(row["product_id"] for row in rows).most_common(PRODUCTS)}
    rows = [row for row in rows if row["product_id"] in products]
    households = {household for household, _ in Counter(row["household_id"] for row in rows).most_common(HOUSEHOLDS)}
    latest = {(row["household_id"], row["product_id"]): row for row in rows if row["household_id"] in households}
    return list(latest.values())


@pytest.fixture(scope="module")
def shoppers(shop: Api, stack: Stack, purchases: list[dict[str, str]]) -> dict[str, set[str]]:
    """Products by household, imported and learned from."""
    bought: dict[str, set[str]] = {}
    interactions = []
    for row in purchases:
        user = f"household-{row['household_id']}"
        bought.setdefault(user, set()).add(row["product_id"])
        at = row["transaction_timestamp"].replace(" ", "T") + "Z"
        interactions.append([f"{row['basket_id']}:{row['product_id']}", user, row["product_id"], "purchase", at])
    wanted = set().union(*bought.values())
    with gzip.open(PURCHASES / "products.csv.gz", "rt") as lines:
        products = [row for row in csv.DictReader(lines) if row["product_id"] in wanted]
    described = [
        {
            "product_id": row["product_id"],
            "name": row["product_type"] or row["product_category"],
            "category": row["department"],
            "brand": row["brand"],
            "tags": [row["product_category"]],
        }
        for row in products
    ]
    put_file(shop, stack, "products", "jsonl", "\n".join(map(json.dumps, described)))
    headings = "interaction_id,user_id,product_id,type,occurred_at"
    put_file(shop, stack, "interactions", "csv", "\n".join([headings, *map(",".join, interactions)]))
    told = build(stack)
    assert told[-2:] == [
        "export 9/9, learn 2/2, load 9/9, refresh 8/8",
        "The model is in use; shoppers' lists follow.",
    ]
    return bought


def build(stack: Stack) -> list[str]:
    """What the command says that a person runs."""
    outputs = stack_outputs(stack.endpoint_url)
    where = ["--function", outputs["ModelsFunction"], "--table", outputs["RecommendationsTable"]]
    done = subprocess.run(
        [sys.executable, "-m", "commands.recommendations", "build", stack.merchant_id, *where, "--most-seconds", "120"],
        env=os.environ
        | {
            "AWS_ENDPOINT_URL": stack.endpoint_url,
            "AWS_DEFAULT_REGION": stack.region,
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "PYTHONPATH": f"{ROOT}:{ROOT / 'layers' / 'vitrine'}",
        },
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout.splitlines()


def items(shop: Api, user: str, **headers: str) -> list[dict[str, Any]]:
    return list(shop.get(f"/users/{user}/recommendations?limit=100", **headers).json["items"])


def user_token(stack: Stack, user: str) -> str:
    """What the shop's server gives the user's page."""
    made = run_merchants(
        stack.endpoint_url, stack_outputs(stack.endpoint_url), "roll-identity-secret", stack.merchant_id
    )
    assert made
    return sign_user_token(made["identity_secret"], user, int(time.time()) + 600)


def test_a_household_gets_what_it_has_not_bought_and_why(
    shop: Api, web_page: Api, stack: Stack, shoppers: dict[str, set[str]]
) -> None:
    user = min(shoppers, key=lambda shopper: len(shoppers[shopper]))
    reasons = {"collaborative", "content"}
    eventually(lambda: any(item["reason"]["strategy"] in reasons for item in items(shop, user)))
    found = items(web_page, user, **{"X-User-Token": user_token(stack, user)})
    assert not {item["product_id"] for item in found} & shoppers[user]
    assert all(set(item["reason"]["because"]) <= shoppers[user] for item in found)
    assert all(item["reason"]["because"] for item in found if item["reason"]["strategy"] in reasons)
    personal = [item["score"] for item in found if item["reason"]["strategy"] in reasons]
    assert personal == sorted(personal, reverse=True)
    assert all(item["product"]["name"] and item["product"]["category"] for item in found)


def test_what_is_purchased_is_dropped_at_once(shop: Api, shoppers: dict[str, set[str]]) -> None:
    user = max(shoppers, key=lambda shopper: len(shoppers[shopper]) if len(shoppers[shopper]) < PRODUCTS - 5 else 0)
    first = items(shop, user)[0]["product_id"]
    eventually(lambda: shop.get(f"/users/{user}/recommendations").json["cached"] is True)
    purchase = {"interaction_id": uuid.uuid4().hex, "user_id": user, "product_id": first, "type": "purchase"}
    assert shop.post("/interactions", {"interactions": [purchase]}).status == 202
    after = shop.get(f"/users/{user}/recommendations?limit=100").json
    assert after["cached"] is False
    assert first not in [item["product_id"] for item in after["items"]]


def test_somebody_new_gets_what_is_popular_and_then_what_goes_with_the_first_click(
    shop: Api, shoppers: dict[str, set[str]]
) -> None:
    user = f"new-{uuid.uuid4().hex}"
    popular = items(shop, user)
    assert {item["reason"]["strategy"] for item in popular} == {"popular"}
    product = popular[0]["product_id"]
    click = {"interaction_id": "1", "user_id": user, "product_id": product, "type": "click"}
    shop.post("/interactions", {"interactions": [click]})
    eventually(lambda: any(item["reason"]["because"] == [product] for item in items(shop, user)))


def test_an_erased_household_is_a_stranger(shop: Api, stack: Stack, shoppers: dict[str, set[str]]) -> None:
    user = min(shoppers)
    assert shop.delete(f"/users/{user}").status == 202
    eventually(lambda: shop.get(f"/users/{user}/interactions").json["items"] == [])
    table = stack_outputs(stack.endpoint_url)["RecommendationsTable"]

    def traces() -> list[Any]:
        pages = client("dynamodb", stack.endpoint_url).get_paginator("scan").paginate(TableName=table)
        return [item for page in pages for item in page["Items"] if item["pk"]["S"].endswith(f"/u/{user}")]

    eventually(lambda: not traces())
