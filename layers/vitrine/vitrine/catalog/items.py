"""The keys and items that other rooms read in one round trip with their own; `dynamodb.py` lists all."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from vitrine.catalog.model import Product

if TYPE_CHECKING:
    from vitrine.catalog.model import UserKey

    Item = dict[str, Any]


def product_key(merchant_id: str, product_id: str) -> Item:
    """Return the key of a product."""
    return {"pk": {"S": merchant_id}, "sk": {"S": product_id}}


def user_partition(user: UserKey) -> str:
    """Return the partition key of a user."""
    return f"{user.merchant_id}/{user.user_id}"


def user_key(user: UserKey) -> Item:
    """Return the key of the item with a user's `revision`."""
    return {"pk": {"S": user_partition(user)}, "sk": {"S": "user"}}


def bought_key(user: UserKey, product_id: str) -> Item:
    """Return the key of a user's purchases of one product."""
    return {"pk": {"S": user_partition(user)}, "sk": {"S": f"b/{product_id}"}}


def product_item(merchant_id: str, product: Product) -> Item:
    """Return a product as a DynamoDB item."""
    return {**product_key(merchant_id, product.product_id), "content": {"S": json.dumps(asdict(product))}}


def product_of(item: Item) -> Product:
    """Return the product of a DynamoDB item; the inverse of `product_item`."""
    content = json.loads(item["content"]["S"])
    return Product(**{**content, "tags": tuple(content["tags"])})
