"""Import images of a gallery."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Annotated

from vitrine.galleries.model import DEFAULT_GALLERY, GalleryKey, new_gallery
from vitrine.galleries.put_images import ImageDraft, put_images
from vitrine.galleries.requests import Attributes, NewImage, ProductIds, Tags
from vitrine.imports.lists import Listed, Parsed
from vitrine.imports.model import ImportRefused
from vitrine.platform.problems import NotFound

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from vitrine.galleries.ports import GalleryRepository
    from vitrine.imports.model import Import, Rejection
    from vitrine.imports.ports import AcceptedRow


class ImageRow(NewImage):
    """An image in a file: `tags` and `product_ids` may be one text, `attributes` a JSON text."""

    tags: Annotated[Tags | None, Listed] = None
    product_ids: Annotated[ProductIds | None, Listed] = None
    attributes: Annotated[Attributes | None, Parsed] = None

    def draft(self, now: datetime) -> ImageDraft:
        """Return the image. If the row has no id, it is derived from the URL, so that a second import adds no image."""
        return ImageDraft(self.id or hashlib.sha256(self.url.encode()).hexdigest()[:32], self.description(now))


def write_images(
    repository: GalleryRepository, new_incarnation: Callable[[], str], import_: Import, rows: Sequence[AcceptedRow]
) -> Sequence[Rejection]:
    """Put the rows into their gallery, and create it if there is none. Of rows with one id the last counts.

    An image without a time was created with the import, however often its rows are written.
    """
    key = GalleryKey(import_.key.merchant_id, import_.gallery_id or DEFAULT_GALLERY)
    drafts = [row.row.draft(import_.created_at) for row in rows]
    last = list({draft.image_id: draft for draft in drafts}.values())
    try:
        put_images(repository, key, last, new_incarnation=new_incarnation)
    except NotFound:
        repository.put_gallery(new_gallery(key, import_.created_at))
        _put_again(repository, new_incarnation, key, last)
    return []


def _put_again(
    repository: GalleryRepository, new_incarnation: Callable[[], str], key: GalleryKey, drafts: Sequence[ImageDraft]
) -> None:
    try:
        put_images(repository, key, drafts, new_incarnation=new_incarnation)
    except NotFound:
        raise ImportRefused(
            "gallery_deleted", f"Gallery {key.gallery_id} is being deleted; upload the file again later."
        ) from None
