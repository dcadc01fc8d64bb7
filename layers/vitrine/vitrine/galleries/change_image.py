"""One image is changed or deleted."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from vitrine.galleries.model import Counted, Counts
from vitrine.galleries.ports import StaleImages
from vitrine.galleries.read_gallery import find_image
from vitrine.galleries.show_totals import show_totals
from vitrine.platform.problems import NotFound, Unavailable

if TYPE_CHECKING:
    from collections.abc import Callable

    from vitrine.galleries.model import GalleryKey, Image
    from vitrine.galleries.ports import Counters, GalleryRepository

_ATTEMPTS = 8


def change_image(
    repository: GalleryRepository, key: GalleryKey, image_id: str, change: Callable[[Image], Image]
) -> Image:
    """Apply `change` to the image as it stands. Raises NotFound, Unavailable under contention."""
    for _ in range(_ATTEMPTS):
        image = find_image(repository, key, image_id)
        changed = change(image)
        if changed == image:
            return image
        if not repository.save_images([changed]):
            return changed
    raise Unavailable("Others are changing this image. Send the request again.", 1)


def delete_image(repository: GalleryRepository, counters: Counters, key: GalleryKey, image_id: str) -> None:
    """Remove an image. Raises NotFound, Unavailable under contention."""
    delete_found_image(repository, counters, find_image(repository, key, image_id))


def delete_found_image(repository: GalleryRepository, counters: Counters, found: Image) -> None:
    """Remove the image that was found, and none that was made since under its id. As `delete_image`.

    Its counters close first, then the gallery takes in their last totals: whatever fails in between, no event
    is taken for an image that is gone, none is missing in the gallery, and deleting again completes.
    """
    image = found
    for _ in range(_ATTEMPTS):
        counters.close(image)
        totals = counters.read([image]).get(image.image_id, Counts()).totals
        if image.totals == totals:
            with suppress(StaleImages):
                repository.delete_image(image)
                return
        else:
            show_totals(repository, image.gallery, [Counted(image.image_id, image.incarnation, totals)])
        image = find_image(repository, found.gallery, found.image_id)
        if image.incarnation != found.incarnation:
            raise NotFound(f"Gallery {found.gallery.gallery_id} has no such image {found.image_id} any more.")
    raise Unavailable("Others are changing this image. Send the request again.", 1)
