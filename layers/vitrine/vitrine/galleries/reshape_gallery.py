"""A gallery goes, with all its images; or all its images are ranked by another policy."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vitrine.galleries.change_image import change_image, delete_found_image
from vitrine.platform.problems import NotFound

if TYPE_CHECKING:
    from collections.abc import Callable

    from vitrine.galleries.model import GalleryKey, Policy
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


def rank_images_again(
    store: GalleryStore,
    key: GalleryKey,
    policy: Policy,
    after: str | None,
    time_is_left: Callable[[], bool],
) -> str | None:
    """Give images behind the id `after` the policy; answers where to go on, None when all have it.

    Stops when the gallery has another policy by now: a later task does that one.
    """
    while time_is_left():
        gallery = store.find_gallery(key)
        if gallery is None or gallery.policy != policy:
            return None
        images = store.stored_images(key, _PAGE, after)
        for image in images:
            try:
                change_image(store, key, image.image_id, lambda stands: stands._replace(policy=policy))
            except NotFound:
                continue
        if len(images) < _PAGE:
            return None
        after = images[-1].image_id
    return after
