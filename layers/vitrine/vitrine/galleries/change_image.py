"""One image is changed or deleted."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vitrine.galleries.model import NOTHING_COUNTED, Counted
from vitrine.galleries.ports import StaleImages
from vitrine.galleries.read_gallery import find_image
from vitrine.galleries.show_totals import show_totals
from vitrine.platform.problems import Unavailable

if TYPE_CHECKING:
    from collections.abc import Callable

    from vitrine.galleries.model import GalleryKey, Image
    from vitrine.galleries.ports import Counters, GalleryStore

_ATTEMPTS = 8


def change_image(store: GalleryStore, key: GalleryKey, image_id: str, change: Callable[[Image], Image]) -> Image:
    """Apply `change` to the image as it stands. Raises NotFound, Unavailable under contention."""
    for _ in range(_ATTEMPTS):
        image = find_image(store, key, image_id)
        changed = change(image)
        if changed == image:
            return image
        if not store.save_images([changed]):
            return changed
    raise Unavailable("Others are changing this image. Send the request again.", 1)


def delete_image(store: GalleryStore, counters: Counters, key: GalleryKey, image_id: str) -> None:
    """Remove an image. Raises NotFound, Unavailable under contention.

    Its counters close first, then the gallery takes in their last totals: whatever fails in between, no event
    is taken for an image that is gone, none is missing in the gallery, and deleting again completes.
    """
    for _ in range(_ATTEMPTS):
        image = find_image(store, key, image_id)
        counters.close(image)
        totals = counters.read([image]).get(image_id, NOTHING_COUNTED)
        if image.totals != totals:
            show_totals(store, key, [Counted(image_id, image.incarnation, totals)])
            continue
        try:
            store.delete_image(image)
        except StaleImages:
            continue
        return
    raise Unavailable("Others are changing this image. Send the request again.", 1)
