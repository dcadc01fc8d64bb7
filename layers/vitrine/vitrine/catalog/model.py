"""Products and interactions."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

InteractionType = Literal["view", "click", "purchase"]

PARTS = 8
_KEYED_DIGEST_BYTES = 16


@dataclass(frozen=True)
class Product:
    """Something a merchant sells."""

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
    """Something a shopper did with a product. `value` is what it was worth, as the merchant counts."""

    interaction_id: str
    user_id: str
    product_id: str
    type: InteractionType
    occurred_at: datetime
    value: float | None = None


class UserKey(NamedTuple):
    """One merchant's shopper."""

    merchant_id: str
    user_id: str


def part_of(user_id: str) -> int:
    """Which of a merchant's `PARTS` a user's interactions are read with in bulk."""
    return int.from_bytes(hashlib.blake2b(user_id.encode(), digest_size=2).digest()) % PARTS


def interaction_id_of(gallery_id: str, event_id: str, product_id: str) -> str:
    """The same gallery event gives the same interaction, however often it is sent."""
    text = f"{gallery_id}/{event_id}/{product_id}"
    return "event:" + hashlib.blake2b(text.encode(), digest_size=_KEYED_DIGEST_BYTES).hexdigest()
