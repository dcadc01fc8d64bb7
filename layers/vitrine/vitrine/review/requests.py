"""Bodies of requests about snapshots and decisions."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import Field, StringConstraints, model_validator

from vitrine.platform.requests import WHOLE, Id, RequestBody, WebAddress
from vitrine.review.model import LARGEST_PICTURE_BYTES, Decision, Verdict

MOST_SNAPSHOTS = 100
MOST_CLAIMED = 50

Filename = Annotated[str, StringConstraints(min_length=1, max_length=255, pattern=r"^[^/\x00-\x1f\x7f]+$")]


class NewSnapshot(RequestBody):
    """A photo of a product to be reviewed: at `url`, or with `upload: true` uploaded to the URL in the response.

    With `size`, that URL accepts exactly so many bytes. A picture of more than 50 MiB is deleted after its upload.

    A snapshot with a `known_answer` is planted: it measures reviewers and is never published.
    """

    snapshot_id: Id | None = None
    product_id: Id
    filename: Filename
    url: WebAddress | None = None
    upload: bool = False
    size: Annotated[int, Field(ge=1, le=LARGEST_PICTURE_BYTES), WHOLE] | None = None
    gallery_id: Id | None = None
    known_answer: Decision | None = None

    @model_validator(mode="after")
    def _has_one_picture(self) -> Self:
        if self.upload == (self.url is not None):
            message = "give either url or upload: true"
            raise ValueError(message)
        if self.size is not None and not self.upload:
            message = "size is for upload: true"
            raise ValueError(message)
        if self.known_answer and self.gallery_id:
            message = "a snapshot with known_answer is never published: leave gallery_id out"
            raise ValueError(message)
        return self


class PostSnapshotsRequest(RequestBody):
    """Snapshots to add; one that is refused does not affect the others."""

    snapshots: Annotated[tuple[NewSnapshot, ...], Field(min_length=1, max_length=MOST_SNAPSHOTS)]


class PostClaimRequest(RequestBody):
    """How many snapshots to claim, and of which product; and which leases to renew.

    With `snapshot_id` this waiting snapshot is claimed, and no others.
    """

    limit: Annotated[int, Field(ge=0, le=MOST_CLAIMED)] = 10
    product_id: Id | None = None
    snapshot_id: Id | None = None
    renew: Annotated[tuple[Id, ...], Field(max_length=MOST_CLAIMED)] = ()


class PutDecisionRequest(RequestBody):
    """A decision; `viewed_ms` says how long the reviewer looked.

    `unsure` decides nothing: the snapshot goes to another reviewer.
    """

    decision: Verdict
    reason: Annotated[str, Field(max_length=1000)] | None = None
    viewed_ms: Annotated[int, Field(ge=0, le=3_600_000)] | None = None
