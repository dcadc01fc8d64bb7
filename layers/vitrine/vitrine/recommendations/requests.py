"""What merchants send of recommendations."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from vitrine.platform.requests import STORABLE, RequestBody
from vitrine.recommendations.model import ChosenWeights

Weight = Annotated[float, Field(ge=0, le=10, allow_inf_nan=False), STORABLE]


class PutWeightsRequest(RequestBody):
    """How much other shoppers' behaviour and products' features count; what is left out or null is measured."""

    collaborative: Weight | None = None
    content: Weight | None = None

    def chosen(self) -> ChosenWeights:
        """What the merchant chose."""
        return ChosenWeights(self.collaborative, self.content)
