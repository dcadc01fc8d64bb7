"""Does every image show exactly what was counted for it?"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from vitrine.galleries.model import NOTHING_COUNTED
from vitrine.galleries.read_gallery import find_gallery

if TYPE_CHECKING:
    from vitrine.galleries.model import GalleryKey, Totals
    from vitrine.galleries.ports import Counters, GalleryStore

_PAGE = 100


class Mismatch(NamedTuple):
    """An image that does not show what was counted for it."""

    image_id: str
    shown: Totals
    counted: Totals


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
        counted = counters.read(images)
        for image in images:
            expected = counted.get(image.image_id, NOTHING_COUNTED)
            if image.totals != expected:
                mismatched.append(Mismatch(image.image_id, image.totals, expected))
        compared += len(images)
        if len(images) < _PAGE:
            return Audit(compared, mismatched)
        after = images[-1].image_id
