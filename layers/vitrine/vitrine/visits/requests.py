"""What clients send of store visits. The assignment's clients may send more than we read, so more is ignored."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import AfterValidator, ConfigDict, Field, model_validator

from vitrine.platform.requests import Id, RequestBody, UtcTime
from vitrine.visits.model import Visit

LONGEST_URL = 2048


def _fits(url: str) -> str:
    """Limits a URL as it is written in a message, where a letter beyond ASCII takes six."""
    if len(url.encode("ascii", "backslashreplace")) > LONGEST_URL:
        message = f"must be at most {LONGEST_URL} letters; those beyond ASCII count as they are escaped"
        raise ValueError(message)
    return url


class Publication(RequestBody):
    """Where a visit's pictures appear, and the product they show; after a review if that is asked for."""

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
        """The visit in the domain's terms."""
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
