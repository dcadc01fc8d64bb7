"""Response bodies of products and interactions."""

from __future__ import annotations

from functools import reduce
from typing import TYPE_CHECKING, Any, NotRequired, TypedDict

from vitrine.catalog.model import Earnings
from vitrine.platform.times import to_rfc3339
from vitrine.renditions.responses import RenditionsResponse, renditions_of

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import date

    from vitrine.catalog.model import Interaction, Product
    from vitrine.renditions.model import Original


class ProductResponse(TypedDict):
    product_id: str
    name: str
    category: str | None
    brand: str | None
    price: float | None
    currency: str | None
    tags: list[str]
    image_url: str | None
    renditions: RenditionsResponse | None
    attributes: dict[str, Any]
    available: bool


class InteractionResponse(TypedDict):
    interaction_id: str
    product_id: str
    type: str
    occurred_at: str
    value: float | None
    recommendation_id: str | None


class RecordedResponse(TypedDict):
    interaction_id: str
    status: str
    detail: NotRequired[str]


class EarningsResponse(TypedDict):
    clicks: int
    purchases: int
    value: float


class DayEarningsResponse(EarningsResponse):
    day: str


class EarningsByDayResponse(EarningsResponse):
    days: list[DayEarningsResponse]


class RecordedInteractionsResponse(TypedDict):
    results: list[RecordedResponse]


class ErasureResponse(TypedDict):
    status: str


def product_response(product: Product, original: Original | None = None) -> ProductResponse:
    """Return the response body of a product, with renditions if `original` is a copy of its picture."""
    return {
        "product_id": product.product_id,
        "name": product.name,
        "category": product.category,
        "brand": product.brand,
        "price": product.price,
        "currency": product.currency,
        "tags": list(product.tags),
        "image_url": product.image_url,
        "renditions": renditions_of(product.image_url, original),
        "attributes": dict(product.attributes),
        "available": product.available,
    }


def interaction_response(interaction: Interaction) -> InteractionResponse:
    """Return the response body of an interaction.

    It does not name the user: the path does, and saved responses must not hold a person's id.
    """
    return {
        "interaction_id": interaction.interaction_id,
        "product_id": interaction.product_id,
        "type": interaction.type,
        "occurred_at": to_rfc3339(interaction.occurred_at),
        "value": interaction.value,
        "recommendation_id": interaction.recommendation_id,
    }


def earnings_response(days: Mapping[date, Earnings]) -> EarningsByDayResponse:
    """Return the response body of what recommendations earned."""
    total = reduce(Earnings.plus, days.values(), Earnings())
    return {
        **_sums(total),
        "days": [{"day": day.isoformat(), **_sums(earned)} for day, earned in sorted(days.items())],
    }


def _sums(earned: Earnings) -> EarningsResponse:
    return {"clicks": earned.clicks, "purchases": earned.purchases, "value": float(earned.value)}
