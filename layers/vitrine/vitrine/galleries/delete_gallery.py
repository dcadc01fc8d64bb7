"""Delete a gallery with all its images."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vitrine.galleries.change_image import delete_found_image
from vitrine.platform.problems import NotFound

if TYPE_CHECKING:
    from collections.abc import Callable

    from vitrine.galleries.model import GalleryKey
    from vitrine.galleries.ports import Counters, GalleryRepository, Tasks

_PAGE = 100


def request_deletion(repository: GalleryRepository, tasks: Tasks, key: GalleryKey) -> None:
    """Close the gallery and send the task that deletes it. Idempotent. Raises NotFound."""
    if not repository.mark_deleting(key):
        raise NotFound(f"There is no gallery {key.gallery_id}.")
    tasks.delete_gallery(key)


def delete_images(
    repository: GalleryRepository, counters: Counters, key: GalleryKey, time_is_left: Callable[[], bool]
) -> bool:
    """Delete the images of a gallery marked for deletion, then the gallery; return False if time ran out."""
    while time_is_left():
        images = repository.stored_images(key, _PAGE, None)
        gallery = repository.find_gallery(key)
        if gallery is None or not gallery.deleting:
            return True
        if not images:
            repository.drop_gallery(key)
            return True
        for image in images:
            try:
                delete_found_image(repository, counters, image)
            except NotFound:
                continue
    return False
