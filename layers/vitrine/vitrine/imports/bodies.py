"""What clients send of imports."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from vitrine.platform.bodies import Id, RequestBody

Heading = Annotated[str, Field(min_length=1, max_length=300)]


class PostImport(RequestBody):
    """A file to import. `columns` maps its headings to ours: `{"title": "name"}`."""

    kind: str
    gallery_id: Id | None = None
    filename: Annotated[str, Field(min_length=1, max_length=300)]
    columns: Annotated[dict[Heading, Heading], Field(max_length=200)] | None = None
