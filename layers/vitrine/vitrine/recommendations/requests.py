"""Request bodies of recommendations."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from vitrine.platform.requests import STORABLE, Id, RequestBody
from vitrine.recommendations.model import ChosenWeights, Repeat

MOST_IN_A_BASKET = 50

Weight = Annotated[float, Field(ge=0, le=10, allow_inf_nan=False), STORABLE]


class PutWeightsRequest(RequestBody):
    """Weights of other shoppers' behaviour and of products' features. What is left out or null is measured.

    `repeat` applies to requests without one; left out or null, it is `exclude`.
    """

    collaborative: Weight | None = None
    content: Weight | None = None
    repeat: Repeat | None = None

    def chosen(self) -> ChosenWeights:
        """Return the weights as the domain's type."""
        return ChosenWeights(self.collaborative, self.content, self.repeat)


class BasketRequest(RequestBody):
    """The products of a basket, in the order they were put in."""

    product_ids: Annotated[tuple[Id, ...], Field(min_length=1, max_length=MOST_IN_A_BASKET)]
