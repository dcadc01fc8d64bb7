"""Request bodies of products and interactions."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Field, field_validator

from vitrine.catalog.model import Interaction, InteractionType, Product
from vitrine.catalog.record_interactions import Sent
from vitrine.platform.requests import STORABLE, STORABLE_JSON, Id, RequestBody, UtcTime, WebAddress

if TYPE_CHECKING:
    from datetime import datetime

MOST_INTERACTIONS = 500
LONGEST_TOKEN = 200
_MOST_ATTRIBUTE_CHARACTERS = 8192

Text = Annotated[str, Field(min_length=1, max_length=200)]
Amount = Annotated[float, Field(ge=0, le=1e12, allow_inf_nan=False), STORABLE]
Value = Annotated[float, Field(ge=-1e12, le=1e12, allow_inf_nan=False), STORABLE]
Tags = Annotated[tuple[Annotated[str, Field(min_length=1, max_length=100)], ...], Field(max_length=50)]
Attributes = Annotated[dict[str, Any], Field(max_length=100), STORABLE_JSON]


class PutProductRequest(RequestBody):
    """A product; replaces what was stored under its id."""

    name: Annotated[str, Field(min_length=1, max_length=500)]
    category: Text | None = None
    brand: Text | None = None
    price: Amount | None = None
    currency: Annotated[str, Field(pattern="^[A-Z]{3}$")] | None = None
    tags: Tags | None = None
    image_url: WebAddress | None = None
    attributes: Attributes | None = None
    available: bool = True

    @field_validator("attributes")
    @classmethod
    def _is_small(cls, value: dict[str, Any] | None) -> dict[str, Any] | None:
        try:
            size = len(json.dumps(value, allow_nan=False))
        except ValueError as error:
            message = "must not hold infinite numbers"
            raise ValueError(message) from error
        if size > _MOST_ATTRIBUTE_CHARACTERS:
            message = f"must have at most {_MOST_ATTRIBUTE_CHARACTERS} characters as JSON"
            raise ValueError(message)
        return value

    def product(self, product_id: str) -> Product:
        """Return the product as the domain's type."""
        return Product(
            product_id,
            self.name,
            self.category,
            self.brand,
            self.price,
            self.currency,
            self.tags or (),
            self.image_url,
            self.attributes or {},
            self.available,
        )


class PutInteraction(RequestBody):
    """One interaction of the user in the path."""

    product_id: Id
    type: InteractionType
    occurred_at: UtcTime | None = None
    value: Value | None = None
    recommendation_id: Id | None = None

    def sent(self, user_id: str, interaction_id: str, now: datetime) -> Sent:
        """Return the interaction as the domain's type; without `occurred_at` it happened `now`."""
        when = self.occurred_at or now
        interaction = Interaction(
            interaction_id, user_id, self.product_id, self.type, when, self.value, self.recommendation_id
        )
        return Sent(interaction, self.occurred_at is not None)


class NewInteraction(PutInteraction):
    """One interaction of a batch. A client that sends it again keeps its `interaction_id`."""

    interaction_id: Id
    user_id: Id


class PostedInteraction(NewInteraction):
    """An interaction, with the token that the shop's server signed for its user."""

    user_token: Annotated[str, Field(max_length=LONGEST_TOKEN)] | None = None


class PostInteractionsRequest(RequestBody):
    """A batch of interactions."""

    interactions: Annotated[tuple[PostedInteraction, ...], Field(min_length=1, max_length=MOST_INTERACTIONS)]
