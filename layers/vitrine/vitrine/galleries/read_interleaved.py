"""Show a visitor pages that both arms of an experiment take turns in making."""

from __future__ import annotations

from itertools import takewhile
from typing import TYPE_CHECKING, NamedTuple

from vitrine.galleries.model import PINNED_START, RANKED_START
from vitrine.galleries.ports import ImageRange
from vitrine.galleries.read_gallery import OrderedPage, Position, Reader
from vitrine.ranking.interleaving import interleave

if TYPE_CHECKING:
    from collections.abc import Collection

    from vitrine.galleries.model import Experiment, Gallery, Image
    from vitrine.galleries.ports import GalleryRepository
    from vitrine.ranking.interleaving import Coins
    from vitrine.ranking.model import Version


def read_interleaved(  # noqa: PLR0913 - an experiment's order follows from all of these
    repository: GalleryRepository,
    gallery: Gallery,
    limit: int,
    start: Position | None,
    coins: Coins,
    *,
    experiment: Experiment,
    second: Version,
) -> OrderedPage:
    """Return a page of a visitor's interleaved order, and which arm placed each image that is not pinned.

    It takes one query of each order. An image was shown on an earlier page if it comes before the reader's place in
    either order, so no page has to know the pages before it; the queries reach further by the images that the other
    arm may have shown. The order does not depend on the pages' sizes.
    """
    here = start or Position(gallery.live.number, 1, RANKED_START, PINNED_START, RANKED_START)
    after_other = here.after_other or RANKED_START
    reach = limit + (here.picked + 1) // 2
    readers = [Reader(repository, gallery.key, version, reach) for version in (gallery.live, second)]
    pinned, ranked = readers[0].from_the_start() if start is None else readers[0].from_(here)
    other = repository.ranked_images(gallery.key, second, reach + 1, after_other)
    orders = (
        _Order(ranked, readers[0], readers[1], here.after_ranked, after_other),
        _Order(other, readers[1], readers[0], after_other, here.after_ranked),
    )
    picks = interleave(orders[0].new(), orders[1].new(), coins.first_begins, limit, here.picked)
    images = {image.image_id: image for order in orders for image in order.found.images}
    left = ranked.cut or len(orders[0].new()) > len(picks)
    merged = readers[0].merge(pinned, ImageRange([images[pick.image_id] for pick in picks], left), here, limit)
    shown = {image.image_id for image in merged.ranks}
    arms = {pick.image_id: experiment.arm(pick.team) for pick in picks if pick.image_id in shown}
    if not (merged.pins_left or left or len(shown) < len(picks)):
        return OrderedPage(merged.placed, None, arms)
    following = Position(
        version=here.version,
        next_position=here.next_position + len(merged.placed),
        after_ranked=orders[0].after(shown),
        after_pinned=merged.after_pinned,
        after_other=orders[1].after(shown),
        picked=here.picked + len(shown),
    )
    return OrderedPage(merged.placed, following, arms)


class _Order(NamedTuple):
    """What was found in one arm's order after the reader's place in it; `there` is their place in the other order."""

    found: ImageRange
    reader: Reader
    other: Reader
    here: str
    there: str

    def new(self) -> list[str]:
        """Return the images that were not shown on an earlier page."""
        return [image.image_id for image in self.found.images if not self._was_shown(image)]

    def after(self, shown: Collection[str]) -> str:
        """Return the reader's place in this order after a page with these images."""
        passed = list(takewhile(lambda image: image.image_id in shown or self._was_shown(image), self.found.images))
        return self.reader.rank(passed[-1]) if passed else self.here

    def _was_shown(self, image: Image) -> bool:
        return RANKED_START < self.other.rank(image) <= self.there
