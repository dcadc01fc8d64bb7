"""Images of galleries as holders of mirrored pictures."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from vitrine.galleries.change_image import change_image
from vitrine.galleries.model import GalleryKey
from vitrine.platform.problems import NotFound
from vitrine.renditions.model import Holder
from vitrine.renditions.ports import ShownPicture

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from vitrine.galleries.model import Image
    from vitrine.galleries.ports import GalleryRepository
    from vitrine.renditions.model import Original


_PAGE = 100


def mirror_images(
    repository: GalleryRepository,
    send: Callable[[Iterable[Holder]], object],
    key: GalleryKey,
    after: str | None,
    time_is_left: Callable[[], bool],
) -> str | None:
    """Send the gallery's images after the id `after` to be mirrored or withdrawn; return the id to continue after.

    Returns None at the end.
    """
    while time_is_left():
        images = repository.stored_images(key, _PAGE, after)
        send(Holder(*key, image.image_id) for image in images)
        if len(images) < _PAGE:
            return None
        after = images[-1].image_id
    return after


class GalleryHolders:
    """The port `Holders` on galleries."""

    def __init__(self, repository: GalleryRepository) -> None:
        self._repository = repository

    def find(self, holder: Holder) -> ShownPicture | None:
        """Return the picture that the image shows; None if it is deleted or hidden, or its gallery is not mirrored."""
        key = _key(holder)
        image = self._repository.get_images(key, [holder.image_id]).get(holder.image_id)
        if image is None or image.hidden:
            return None
        gallery = self._repository.find_gallery(key)
        return ShownPicture(image.description.url, image.original) if gallery and gallery.mirror else None

    def refer(self, holder: Holder, original: Original) -> None:
        """Let the image refer to this copy, if it still shows the copied picture."""

        def change(image: Image) -> Image:
            return image._replace(original=original) if image.description.url == original.url else image

        self._change(holder, change)

    def forget(self, holder: Holder, digest: str) -> None:
        """Remove the image's reference to this copy."""

        def change(image: Image) -> Image:
            return image._replace(original=None) if image.original and image.original.digest == digest else image

        self._change(holder, change)

    def _change(self, holder: Holder, change: Callable[[Image], Image]) -> None:
        with suppress(NotFound):
            change_image(self._repository, _key(holder), holder.image_id, change)


def _key(holder: Holder) -> GalleryKey:
    return GalleryKey(holder.merchant_id, holder.gallery_id)
