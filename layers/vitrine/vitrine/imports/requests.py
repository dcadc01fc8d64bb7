"""Bodies of requests about imports."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import AfterValidator, Field

from vitrine.imports.model import LARGEST_OBJECT_BYTES, LARGEST_PICTURE_BYTES, NewPicture, PictureKey, image_id_of
from vitrine.platform.requests import WHOLE, Id, RequestBody

if TYPE_CHECKING:
    from datetime import datetime

    from vitrine.galleries.model import GalleryKey

MOST_PICTURES = 100

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


def _distinct(pictures: tuple[PicturePart, ...]) -> tuple[PicturePart, ...]:
    if len({picture.sha256 for picture in pictures}) < len(pictures):
        message = "must be different pictures"
        raise ValueError(message)
    return pictures


class PicturePart(RequestBody):
    """A picture to upload. The upload URL accepts this content only: `sha256` is its digest in hexadecimal."""

    sha256: Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
    size: Annotated[int, Field(ge=1, le=LARGEST_PICTURE_BYTES), WHOLE]
    media_type: Literal["image/jpeg", "image/png", "image/webp", "image/gif", "image/avif"]
    name: Annotated[str, Field(min_length=1, max_length=300)]

    def picture(self, gallery: GalleryKey, now: datetime) -> NewPicture:
        """Return the picture as the domain has it."""
        key = PictureKey(gallery.merchant_id, gallery.gallery_id, image_id_of(self.sha256))
        return NewPicture(key, self.sha256, self.size, self.media_type, self.name, now)


class PostPicturesRequest(RequestBody):
    """Pictures to upload into a gallery. Send it again to see how far they are."""

    pictures: Annotated[
        tuple[PicturePart, ...], Field(min_length=1, max_length=MOST_PICTURES), AfterValidator(_distinct)
    ]
