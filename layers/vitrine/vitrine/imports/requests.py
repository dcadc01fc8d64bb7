"""Bodies of requests about imports."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from vitrine.imports.model import LARGEST_OBJECT_BYTES
from vitrine.platform.requests import WHOLE, Id, RequestBody

Heading = Annotated[str, Field(min_length=1, max_length=300)]


class PostImportRequest(RequestBody):
    """A file to import. `columns` maps its headings to ours: `{"title": "name"}`.

    With a mapping, only mapped columns are imported, and the required ones and the row's id.

    With `size`, the upload URL accepts exactly so many bytes.
    """

    kind: str
    gallery_id: Id | None = None
    filename: Annotated[str, Field(min_length=1, max_length=300)]
    size: Annotated[int, Field(ge=1, le=LARGEST_OBJECT_BYTES), WHOLE] | None = None
    columns: Annotated[dict[Heading, Heading], Field(max_length=200)] | None = None
