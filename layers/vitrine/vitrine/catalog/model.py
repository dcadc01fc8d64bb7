"""Products and interactions."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from vitrine.ranking.decay import EventType

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

InteractionType = Literal[EventType, "purchase"]

PARTS = 8
_KEYED_DIGEST_BYTES = 16


@dataclass(frozen=True)
class Product:
    """A product of a merchant."""

    product_id: str
    name: str
    category: str | None = None
    brand: str | None = None
    price: float | None = None
    currency: str | None = None
    tags: tuple[str, ...] = ()
    image_url: str | None = None
    attributes: Mapping[str, Any] = field(default_factory=dict)
    available: bool = True


@dataclass(frozen=True)
class Interaction:
    """A view, click or purchase of a product by a user. `value` is its worth in the merchant's own unit.

    `recommendation_id` names the list of recommendations that led to it.
    """

    interaction_id: str
    user_id: str
    product_id: str
    type: InteractionType
    occurred_at: datetime
    value: float | None = None
    recommendation_id: str | None = None


class Earnings(NamedTuple):
    """What recommendations led to: clicks, purchases, and what the purchases were worth."""

    clicks: int = 0
    purchases: int = 0
    value: Decimal = Decimal()

    def plus(self, other: Earnings, sign: int = 1) -> Earnings:
        """Return the sum, or with `sign` -1 the difference."""
        return Earnings(
            self.clicks + sign * other.clicks,
            self.purchases + sign * other.purchases,
            self.value + sign * other.value,
        )


def earnings_of(interaction: Interaction) -> Earnings:
    """Return what recommendations earned by an interaction."""
    if interaction.recommendation_id is None:
        return Earnings()
    if interaction.type == "click":
        return Earnings(clicks=1)
    if interaction.type == "purchase":
        return Earnings(purchases=1, value=Decimal(str(interaction.value or 0)))
    return Earnings()


class UserKey(NamedTuple):
    """A user of a merchant."""

    merchant_id: str
    user_id: str


def part_of(user_id: str) -> int:
    """Return which of a merchant's `PARTS` a user is in: bulk reads take one part at a time."""
    return int.from_bytes(hashlib.blake2b(user_id.encode(), digest_size=2).digest()) % PARTS


def interaction_id_of(gallery_id: str, event_id: str, product_id: str) -> str:
    """Return the id of the interaction that a gallery event makes: the same event always makes the same id."""
    text = f"{gallery_id}/{event_id}/{product_id}"
    return "event:" + hashlib.blake2b(text.encode(), digest_size=_KEYED_DIGEST_BYTES).hexdigest()
