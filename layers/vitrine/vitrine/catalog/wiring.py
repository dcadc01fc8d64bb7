"""Picks the catalogue's engines."""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

from vitrine.catalog.dynamodb import DynamoDBInteractions, DynamoDBProducts
from vitrine.platform.aws import client
from vitrine.platform.settings import read_settings


class ProductSettings(NamedTuple):
    """The table of products."""

    products_table: str


class InteractionSettings(NamedTuple):
    """The table of interactions."""

    interactions_table: str


@cache
def product_repository() -> DynamoDBProducts:
    """Return the process's product repository."""
    return DynamoDBProducts(client("dynamodb"), read_settings(ProductSettings).products_table)


@cache
def interaction_repository() -> DynamoDBInteractions:
    """Return the process's interaction repository."""
    return DynamoDBInteractions(client("dynamodb"), read_settings(InteractionSettings).interactions_table)
