"""The catalogue on its engines."""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

from vitrine.catalog.dynamodb import DynamoDBInteractions, DynamoDBProducts
from vitrine.platform.aws import client
from vitrine.platform.settings import read_settings


class ProductSettings(NamedTuple):
    """Where products are kept."""

    products_table: str


class InteractionSettings(NamedTuple):
    """Where interactions are kept."""

    interactions_table: str


@cache
def product_store() -> DynamoDBProducts:
    """Products."""
    return DynamoDBProducts(client("dynamodb"), read_settings(ProductSettings).products_table)


@cache
def interaction_store() -> DynamoDBInteractions:
    """Interactions."""
    return DynamoDBInteractions(client("dynamodb"), read_settings(InteractionSettings).interactions_table)
