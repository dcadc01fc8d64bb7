"""Change or delete one image."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vitrine.galleries.model import Counted, Counts
from vitrine.galleries.ports import StaleImages
from vitrine.galleries.read_gallery import find_gallery, find_image
from vitrine.galleries.show_totals import show_totals
from vitrine.platform.problems import NotFound
from vitrine.platform.retries import Superseded, retry

if TYPE_CHECKING:
    from collections.abc import Callable

    from vitrine.galleries.model import GalleryKey, Image
    from vitrine.galleries.ports import Counters, GalleryRepository

_REFUSAL = "Others are changing this image. Send the request again."


def change_image(
    repository: GalleryRepository, key: GalleryKey, image_id: str, change: Callable[[Image], Image]
) -> Image:
    """Apply `change` to the current image and return the result. Raises NotFound, Unavailable under contention.

    Merchandising rules follow a new description. The gallery is read after the image, so it knows every version under
    which the image has a score.
    """

    def attempt() -> Image:
        image = find_image(repository, key, image_id)
        changed = change(image)
        if changed.description != image.description:
            changed = changed.described(changed.description, find_gallery(repository, key).versions)
        if changed != image and repository.save_images([changed]):
            raise Superseded
        return changed

    return retry(attempt, refusal=_REFUSAL)


def delete_image(repository: GalleryRepository, counters: Counters, key: GalleryKey, image_id: str) -> None:
    """Delete an image. Raises NotFound, Unavailable under contention."""
    delete_found_image(repository, counters, find_image(repository, key, image_id))


def delete_found_image(repository: GalleryRepository, counters: Counters, found: Image) -> None:
    """Delete exactly this incarnation; leave a newer image with the same id alone. Raises as `delete_image`.

    Its counters close first, then the gallery adds their final totals. So whatever fails in between, no event counts
    for a deleted image, none is missing in the gallery's totals, and deleting again completes. What is settling for the
    image goes with it.
    """
    image = found

    def attempt() -> None:
        nonlocal image
        counters.close(image)
        totals = counters.read([image]).get(image.image_id, Counts()).totals
        if image.totals != totals:
            show_totals(repository, image.gallery, [Counted(image.image_id, image.incarnation, totals)])
            image = _current(repository, found)
        if image.totals != totals:
            raise Superseded
        try:
            repository.delete_image(image)
        except StaleImages:
            image = _current(repository, found)
            raise

    retry(attempt, refusal=_REFUSAL)


def _current(repository: GalleryRepository, found: Image) -> Image:
    image = find_image(repository, found.gallery, found.image_id)
    if image.incarnation != found.incarnation:
        raise NotFound(f"Gallery {found.gallery.gallery_id} has no image {found.image_id}.")
    return image
