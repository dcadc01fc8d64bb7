"""Does every image show exactly what was counted for it?"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from vitrine.galleries.model import find_mismatch
from vitrine.galleries.read_gallery import find_gallery

if TYPE_CHECKING:
    from vitrine.galleries.model import GalleryKey, Mismatch
    from vitrine.galleries.ports import Counters, GalleryStore

_PAGE = 100


class Audit(NamedTuple):
    """How many images were compared and which do not agree."""

    images: int
    mismatched: list[Mismatch]


def audit_gallery(store: GalleryStore, counters: Counters, key: GalleryKey) -> Audit:
    """Compare every image, hidden ones too, with its counters. Raises NotFound.

    Events that are counted and not yet shown are mismatches too: they settle within seconds.
    """
    find_gallery(store, key)
    compared, mismatched, after = 0, [], None
    while True:
        images = store.stored_images(key, _PAGE, after)
        counted = counters.read(key, [image.image_id for image in images])
        for image in images:
            mismatch = find_mismatch(image, counted.get(image.image_id))
            if mismatch:
                mismatched.append(mismatch)
        compared += len(images)
        if len(images) < _PAGE:
            return Audit(compared, mismatched)
        after = images[-1].image_id
