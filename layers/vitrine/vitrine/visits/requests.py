"""Bodies of requests about store visits. Unknown fields are ignored, because the assignment's clients may send some."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import AfterValidator, ConfigDict, Field, model_validator

from vitrine.platform.requests import Id, RequestBody, UtcTime
from vitrine.visits.model import Visit

LONGEST_URL = 2048


def _fits(url: str) -> str:
    """Limit a URL by its length in a JSON message, where a non-ASCII character takes six."""
    if len(url.encode("ascii", "backslashreplace")) > LONGEST_URL:
        message = f"must have at most {LONGEST_URL} characters; escape non-ASCII ones, each counts as six"
        raise ValueError(message)
    return url


class Publication(RequestBody):
    """Where a visit's pictures appear, whether reviewers must approve them first, and the product that they show."""

    gallery_id: Id | None = None
    review: bool = False
    product_id: Id | None = None


class NewVisit(RequestBody):
    """A visit to a store and the pictures taken there."""

    model_config = ConfigDict(extra="ignore")

    store_id: Annotated[str, Field(min_length=1, max_length=128)]
    image_url: Annotated[tuple[Annotated[str, AfterValidator(_fits)], ...], Field(min_length=1)]
    visit_time: UtcTime
    publish: Publication | None = None

    def visit(self) -> Visit:
        """Return the visit as the model has it."""
        publish = self.publish or Publication()
        return Visit(
            self.store_id, self.visit_time, self.image_url, publish.gallery_id, publish.review, publish.product_id
        )


class SubmitJobRequest(RequestBody):
    """A job: `count` visits."""

    model_config = ConfigDict(extra="ignore")

    count: int
    visits: Annotated[tuple[NewVisit, ...], Field(min_length=1)]

    @model_validator(mode="after")
    def _counted(self) -> Self:
        if self.count != len(self.visits):
            message = f"count is {self.count}, but there are {len(self.visits)} visits"
            raise ValueError(message)
        return self
