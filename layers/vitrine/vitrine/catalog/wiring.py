"""Picks the catalogue's engines."""

from __future__ import annotations

from functools import cache

from vitrine.catalog.dynamodb import DynamoDBInteractions, DynamoDBProducts
from vitrine.platform.aws import client
from vitrine.platform.settings import setting


@cache
def product_repository() -> DynamoDBProducts:
    """Return the process's product repository."""
    return DynamoDBProducts(client("dynamodb"), setting("PRODUCTS_TABLE"))


@cache
def interaction_repository() -> DynamoDBInteractions:
    """Return the process's interaction repository."""
    return DynamoDBInteractions(client("dynamodb"), setting("INTERACTIONS_TABLE"))
