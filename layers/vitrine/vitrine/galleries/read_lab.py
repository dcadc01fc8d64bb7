"""Visitors of the lab read a page in random order; what they did says what another order would earn."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from vitrine.galleries.model import PINNED_START, RANKED_START, Counts, Placed, place_pinned, score_under
from vitrine.galleries.read_gallery import OrderedPage, Position, order_is_gone, read_order
from vitrine.ranking.lab import EXAMINATION, PAGE, POOL, Estimate, LabImage, estimate

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from vitrine.galleries.model import Gallery, Image
    from vitrine.galleries.ports import Counters, GalleryRepository
    from vitrine.ranking.lab import LabVisitor
    from vitrine.ranking.model import Ranking, Version

_CONSIDERED = 1000
_READ_AT_ONCE = 100


def read_lab_order(
    repository: GalleryRepository, gallery: Gallery, limit: int, start: Position | None, visitor: LabVisitor
) -> OrderedPage:
    """A page of the order that a visitor of the lab sees: the best images shuffled, then the others as they are.

    Pinned images keep their positions. Where the best images change while someone pages, one may come twice or not.
    Raises MalformedRequest where the reader's order is gone.
    """
    if start is not None and start.version != gallery.live.number:
        raise order_is_gone()
    pool = read_order(repository, gallery, POOL, None)
    begin = start.next_position if start else 1
    if begin > len(pool.placed):
        return read_order(repository, gallery, limit, start)
    ranked = {it.image.image_id: it.image for it in pool.placed if it.image.pinned_position is None}
    pinned = [it.image for it in pool.placed if it.image.pinned_position is not None]
    order = [ranked[image_id] for image_id in visitor.shuffled(list(ranked))]
    placed = place_pinned(order, pinned, 1, len(pool.placed))[begin - 1 : begin - 1 + limit]
    following = begin + len(placed)
    if following > len(pool.placed):
        return OrderedPage(placed, pool.next)
    return OrderedPage(placed, Position(gallery.live.number, following, RANKED_START, PINNED_START))


class Trial(NamedTuple):
    """What a ranking would have earned, how many images were looked at for it, and the first pages of both orders."""

    estimate: Estimate
    considered: int
    planned: Sequence[Placed]
    today: Mapping[str, int]


def try_ranking(
    repository: GalleryRepository, counters: Counters, gallery: Gallery, ranking: Ranking, *, now: datetime
) -> Trial:
    """Estimate from the lab what the gallery would earn under a ranking beside what it earns today.

    Looks at the first thousand images of today's order.
    """
    images = _first_images(repository, gallery)
    counts: dict[str, Counts] = {}
    for begin in range(0, len(images), _READ_AT_ONCE):
        counts |= counters.read(images[begin : begin + _READ_AT_ONCE])
    version = gallery.following(ranking, now, "tried")
    planned = _ordered(images, counts, version, int(now.timestamp()))
    today = {image.image_id: place for place, image in enumerate(images[:PAGE])}
    places = {it.image.image_id: it.position - 1 for it in planned}
    shown = sum(it.lab.views for it in counts.values())
    found = estimate(
        [
            LabImage(lab.views, lab.clicks, places.get(image_id), today.get(image_id))
            for image_id in places | today
            for lab in [counts.get(image_id, Counts()).lab]
        ],
        round(shown / sum(EXAMINATION)),
    )
    return Trial(found, len(images), planned, {image_id: place + 1 for image_id, place in today.items()})


def _first_images(repository: GalleryRepository, gallery: Gallery) -> list[Image]:
    images: list[Image] = []
    position: Position | None = None
    while len(images) < _CONSIDERED:
        page = read_order(repository, gallery, _READ_AT_ONCE, position)
        images += [it.image for it in page.placed]
        position = page.next
        if position is None:
            break
    return images


def _ordered(images: Sequence[Image], counts: Mapping[str, Counts], version: Version, now: int) -> list[Placed]:
    """The first page under a version."""
    ranks = {it.image_id: it.rank(score_under(version, counts.get(it.image_id, Counts()), now)) or "" for it in images}
    in_order = sorted(images, key=lambda it: ranks[it.image_id])
    pinned = [it for it in in_order if it.pinned_position is not None]
    return place_pinned([it for it in in_order if it.pinned_position is None], pinned, 1, PAGE)
