"""Take pictures for a gallery: say where to put each, and how far those are that were put."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from vitrine.galleries.read_gallery import find_gallery
from vitrine.imports.model import PictureResult

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vitrine.galleries.model import GalleryKey
    from vitrine.galleries.ports import GalleryRepository
    from vitrine.imports.model import NewPicture
    from vitrine.imports.ports import UploadedPictures

_PARALLEL = 16


def upload_pictures(
    galleries: GalleryRepository, uploads: UploadedPictures, key: GalleryKey, pictures: Sequence[NewPicture]
) -> list[PictureResult]:
    """Return for each picture whether it is in the gallery, was refused, waits for its check, or is to be put.

    A picture is known by its content, so asking again changes nothing and shows how far it is. Raises NotFound for an
    unknown gallery.
    """
    find_gallery(galleries, key)
    added = galleries.get_images(key, {picture.key.image_id for picture in pictures})

    def state(picture: NewPicture) -> PictureResult:
        if picture.key.image_id in added:
            return PictureResult(picture, "added")
        stored = uploads.find(picture.key)
        if stored and stored.refusal:
            return PictureResult(picture, "refused", refusal=stored.refusal)
        waits = stored is not None and not stored.is_added
        return PictureResult(picture, "waiting" if waits else "wanted", upload=uploads.upload_to(picture))

    with ThreadPoolExecutor(_PARALLEL) as workers:
        return list(workers.map(state, pictures))
