"""Galleries are found and their images read in order."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from vitrine.galleries.model import PINNED_START, RANKED_START, place_pinned
from vitrine.platform.problems import NotFound

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vitrine.galleries.model import Gallery, GalleryKey, Image, Placed
    from vitrine.galleries.ports import GalleryStore


class Position(NamedTuple):
    """Where a reader stands: the next position and the last ranks met among ranked and pinned images.

    `after_pinned` is None once all pinned images were met.
    """

    next_position: int
    after_ranked: str
    after_pinned: str | None


_START = Position(1, RANKED_START, PINNED_START)


class OrderedPage(NamedTuple):
    """Images in order, and where to go on (None at the end)."""

    placed: Sequence[Placed]
    next: Position | None


def find_gallery(store: GalleryStore, key: GalleryKey) -> Gallery:
    """The gallery. Raises NotFound, also while it is being deleted."""
    gallery = store.find_gallery(key)
    if gallery is None or gallery.deleting:
        raise NotFound(f"There is no gallery {key.gallery_id}.")
    return gallery


def find_image(store: GalleryStore, key: GalleryKey, image_id: str) -> Image:
    """The image. Raises NotFound."""
    image = store.get_images(key, [image_id]).get(image_id)
    if image is None:
        raise NotFound(f"Gallery {key.gallery_id} has no image {image_id}.")
    return image


def read_order(store: GalleryStore, key: GalleryKey, limit: int, start: Position | None) -> OrderedPage:
    """A page of the order: one query, and one more only where pinned images reach over a page's end.

    Raises NotFound for an unknown gallery.
    """
    here = start or _START
    pinned: list[Image] = []
    if start is None:
        images = store.ranked_images(key, limit + 1, PINNED_START)
        if not images:
            find_gallery(store, key)
        pinned = [image for image in images if image.pinned_position is not None]
        ranked = [image for image in images if image.pinned_position is None]
        due = sum((image.pinned_position or 0) <= limit for image in pinned)
        if len(images) > limit and len(ranked) + due < limit:
            last = images[-1].rank or RANKED_START
            ranked += store.ranked_images(key, limit + 1, max(last, RANKED_START))
    else:
        if here.after_pinned is not None:
            pinned = store.pinned_images(key, here.after_pinned)
        ranked = store.ranked_images(key, limit + 1, here.after_ranked)
    placed = place_pinned(ranked, pinned, here.next_position, limit)
    if len(ranked) + len(pinned) <= limit:
        return OrderedPage(placed, None)
    ranks_met = [at.image.rank or "" for at in placed if at.image.pinned_position is None]
    pins_met = [at.image.rank or "" for at in placed if at.image.pinned_position is not None]
    following = Position(
        next_position=here.next_position + len(placed),
        after_ranked=ranks_met[-1] if ranks_met else here.after_ranked,
        after_pinned=(pins_met[-1] if pins_met else here.after_pinned) if len(pinned) > len(pins_met) else None,
    )
    return OrderedPage(placed, following)
