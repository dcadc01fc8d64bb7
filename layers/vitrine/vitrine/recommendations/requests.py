"""Request bodies of recommendations."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from vitrine.platform.letters import folded
from vitrine.platform.requests import STORABLE, Id, RequestBody
from vitrine.recommendations.model import ChosenWeights, Repeat

MOST_IN_A_BASKET = 50
MOST_CATEGORIES = 50

Weight = Annotated[float, Field(ge=0, le=10, allow_inf_nan=False), STORABLE]
Category = Annotated[str, Field(min_length=1, max_length=200)]


class PutWeightsRequest(RequestBody):
    """Weights of other shoppers' behaviour and of products' features. What is left out or null is measured.

    `repeat` applies to requests without one, `repeat_by_category` to those for a category.
    """

    collaborative: Weight | None = None
    content: Weight | None = None
    repeat: Repeat | None = None
    repeat_by_category: Annotated[dict[Category, Repeat], Field(max_length=MOST_CATEGORIES)] = Field(
        default_factory=dict
    )

    def chosen(self) -> ChosenWeights:
        """Return the weights as the domain's type."""
        categories = {folded(category): repeat for category, repeat in self.repeat_by_category.items()}
        return ChosenWeights(self.collaborative, self.content, self.repeat, categories)


class BasketRequest(RequestBody):
    """The products of a basket, in the order they were put in."""

    product_ids: Annotated[tuple[Id, ...], Field(min_length=1, max_length=MOST_IN_A_BASKET)]
