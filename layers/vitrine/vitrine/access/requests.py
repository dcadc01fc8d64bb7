"""Request bodies of keys."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, StringConstraints

from vitrine.access.model import LONGEST_OVERLAP, KeyRole
from vitrine.platform.requests import WHOLE, RequestBody

_PRINTABLE = r"^[^\x00-\x1f\x7f]*\S[^\x00-\x1f\x7f]*$"
Label = Annotated[str, StringConstraints(min_length=1, max_length=100, pattern=_PRINTABLE)]
Reviewer = Annotated[
    str,
    StringConstraints(
        min_length=1, max_length=64, pattern=r"^[^\s\x00-\x1f\x7f]([^\x00-\x1f\x7f]*[^\s\x00-\x1f\x7f])?$"
    ),
]
Origin = Annotated[str, StringConstraints(max_length=260, pattern=r"^https?://[A-Za-z0-9.-]{1,253}(:[0-9]{1,5})?$")]


class PostKeyRequest(RequestBody):
    """A key to create.

    `origins` are the web origins that may use a publishable key; without them any may. `reviewer` is the name under
    which a reviewer's key claims and decides.
    """

    role: KeyRole
    label: Label
    origins: Annotated[tuple[Origin, ...], Field(max_length=10)] = ()
    reviewer: Reviewer | None = None


class RollKeyRequest(RequestBody):
    """How long the old key stays valid beside its successor; by default it stops at once."""

    overlap_seconds: Annotated[int, Field(ge=0, le=int(LONGEST_OVERLAP.total_seconds())), WHOLE] = 0
