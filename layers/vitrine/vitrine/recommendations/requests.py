"""Request bodies of recommendations."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from vitrine.platform.requests import STORABLE, RequestBody
from vitrine.recommendations.model import ChosenWeights

Weight = Annotated[float, Field(ge=0, le=10, allow_inf_nan=False), STORABLE]


class PutWeightsRequest(RequestBody):
    """Weights of other shoppers' behaviour and of products' features. What is left out or null is measured."""

    collaborative: Weight | None = None
    content: Weight | None = None

    def chosen(self) -> ChosenWeights:
        """Return the weights as the domain's type."""
        return ChosenWeights(self.collaborative, self.content)
