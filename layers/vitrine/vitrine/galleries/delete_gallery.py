"""A gallery goes, with all its images."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vitrine.galleries.change_image import delete_found_image
from vitrine.platform.problems import NotFound

if TYPE_CHECKING:
    from collections.abc import Callable

    from vitrine.galleries.model import GalleryKey
    from vitrine.galleries.ports import Counters, GalleryStore, Tasks

_PAGE = 100


def request_deletion(store: GalleryStore, tasks: Tasks, key: GalleryKey) -> None:
    """Close the gallery and have it removed. Asking again is harmless. Raises NotFound."""
    if not store.mark_deleting(key):
        raise NotFound(f"There is no gallery {key.gallery_id}.")
    tasks.delete_gallery(key)


def delete_images(store: GalleryStore, counters: Counters, key: GalleryKey, time_is_left: Callable[[], bool]) -> bool:
    """Remove the images of a gallery that is marked, then the gallery; False when time ran out before."""
    while time_is_left():
        images = store.stored_images(key, _PAGE, None)
        gallery = store.find_gallery(key)
        if gallery is None or not gallery.deleting:
            return True
        if not images:
            store.drop_gallery(key)
            return True
        for image in images:
            try:
                delete_found_image(store, counters, image)
            except NotFound:
                continue
    return False
