"""Show lab visitors a random order, and estimate from their events what another order would earn."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING, NamedTuple

from vitrine.galleries.model import PINNED_START, RANKED_START, Counts, Placed, place_pinned, score_under
from vitrine.galleries.read_gallery import OrderedPage, Position, order_expired, read_order
from vitrine.ranking.lab import EXAMINATION, PAGE, POOL, Estimate, LabImage, estimate

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from vitrine.galleries.model import Gallery, Image
    from vitrine.galleries.ports import Counters, GalleryRepository
    from vitrine.ranking.lab import LabVisitor
    from vitrine.ranking.merchandising import Action
    from vitrine.ranking.model import Ranking, Version

_CONSIDERED = 1000
_READ_AT_ONCE = 100


def read_lab_order(
    repository: GalleryRepository, gallery: Gallery, limit: int, start: Position | None, visitor: LabVisitor
) -> OrderedPage:
    """Return a page of a lab visitor's order: the best images shuffled, then the others in today's order.

    Pinned images keep their positions; boosted ones are shuffled among themselves, and so are buried ones. If the best
    images change between pages, an image may appear twice or not at all. Raises MalformedRequest if the reader's order
    was deleted.
    """
    if start is not None and start.version != gallery.live.number:
        raise order_expired()
    pool = read_order(repository, gallery, POOL, None)
    begin = start.next_position if start else 1
    if begin > len(pool.placed):
        return read_order(repository, gallery, limit, start)
    ranked = [one.image for one in pool.placed if one.image.pinned_position is None]
    pinned = [one.image for one in pool.placed if one.image.pinned_position is not None]
    order: list[Image] = []
    for _, group in groupby(ranked, key=lambda image: _action(image, gallery.live)):
        images = {image.image_id: image for image in group}
        order += [images[image_id] for image_id in visitor.shuffled(list(images))]
    placed = place_pinned(order, pinned, 1, len(pool.placed))[begin - 1 : begin - 1 + limit]
    following = begin + len(placed)
    if following > len(pool.placed):
        return OrderedPage(placed, pool.next)
    return OrderedPage(placed, Position(gallery.live.number, following, RANKED_START, PINNED_START))


def _action(image: Image, version: Version) -> Action | None:
    score = image.score(version)
    return score.action if score else None


class RankingEstimate(NamedTuple):
    """What a ranking would have earned, how many images were considered, and the first pages of both orders."""

    estimate: Estimate
    considered: int
    planned: Sequence[Placed]
    today: Mapping[str, int]


def estimate_ranking(
    repository: GalleryRepository, counters: Counters, gallery: Gallery, ranking: Ranking, *, now: datetime
) -> RankingEstimate:
    """Estimate from the lab what the gallery would earn under a ranking, compared with today.

    Considers the first thousand images of today's order.
    """
    images = _first_images(repository, gallery)
    counts: dict[str, Counts] = {}
    for begin in range(0, len(images), _READ_AT_ONCE):
        counts |= counters.read(images[begin : begin + _READ_AT_ONCE])
    version = gallery.following(ranking, now, "estimated")
    planned = _ordered(images, counts, version, int(now.timestamp()))
    today = {image.image_id: at for at, image in enumerate(images[:PAGE])}
    then = {placed.image.image_id: placed.position - 1 for placed in planned}
    lab_views = sum(counted.lab.views for counted in counts.values())
    result = estimate(
        [
            LabImage(lab.views, lab.clicks, then.get(image_id), today.get(image_id))
            for image_id in then | today
            for lab in [counts.get(image_id, Counts()).lab]
        ],
        round(lab_views / sum(EXAMINATION)),
    )
    return RankingEstimate(result, len(images), planned, {image_id: at + 1 for image_id, at in today.items()})


def _first_images(repository: GalleryRepository, gallery: Gallery) -> list[Image]:
    images: list[Image] = []
    position: Position | None = None
    while len(images) < _CONSIDERED:
        page = read_order(repository, gallery, _READ_AT_ONCE, position)
        images += [placed.image for placed in page.placed]
        position = page.next
        if position is None:
            break
    return images


def _ordered(images: Sequence[Image], counts: Mapping[str, Counts], version: Version, now: int) -> list[Placed]:
    """Return the first page under a version."""

    def rank(image: Image) -> str:
        return image.rank(score_under(version, image.description, counts.get(image.image_id, Counts()), now)) or ""

    in_order = sorted(images, key=rank)
    pinned = [image for image in in_order if image.pinned_position is not None]
    return place_pinned([image for image in in_order if image.pinned_position is None], pinned, 1, PAGE)
