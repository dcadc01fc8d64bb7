"""What another policy would earn, from visitors who see a random order. Pure.

A small share of a gallery's visitors, the *lab*, see a page drawn from the best 60 images, in random order: each image
of it is at each position with the same probability, so the clicks of an image by its views say its rate without the
bias of any policy. Counts by which an order was made cannot say so: the images that a policy puts first are those whose
counts flatter them.

Two thirds of a lab page are of today's first page. So the lab costs less than half of what a page drawn evenly costs,
and says more of the images that matter.
"""

from __future__ import annotations

import hashlib
import json
import math
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

POOL = 60
PAGE = 20
FIRST_PAGE_WEIGHT = 6.0
LARGEST_SHARE = 0.2
# How likely a shopper looks at a position of the first page (docs/ranking.md).
EXAMINATION = tuple(0.93**at for at in range(PAGE))
_Z = 1.959964  # of a 95 % interval
_ENOUGH_SUPPORT = 0.95
_ENOUGH_PRECISION = 0.25
_CHANCES = 2**64


class LabImage(NamedTuple):
    """What the lab counted of an image, and where the order to judge and today's order have it, from 0."""

    views: int = 0
    clicks: int = 0
    planned: int | None = None
    today: int | None = None


class Interval(NamedTuple):
    """A 95 % interval."""

    low: float
    high: float


class Estimate(NamedTuple):
    """What an order would earn.

    `clicks_per_page` are clicks a view of the first page, `lift` is by how much they exceed today's order (0.1 is
    10 % more). `support` is the share of the page's attention on images that the lab has shown. `enough` says
    whether the figures can be relied on; if not, `page_views_needed` in all by visitors of the lab would do, None
    where nothing was counted to tell it from.
    """

    clicks_per_page: float
    interval: Interval
    lift: float | None
    lift_interval: Interval | None
    support: float
    enough: bool
    page_views_needed: int | None


def chance(secret: str, *names: object) -> float:
    """A number in [0, 1) drawn for `names`, the same each time; nobody can foretell it without the secret."""
    told = json.dumps(names).encode()
    digest = hashlib.blake2b(told, key=secret.encode()[:64], digest_size=8).digest()
    return int.from_bytes(digest) / _CHANCES


class LabVisitor(NamedTuple):
    """A visitor while a version of a gallery's ranking stands."""

    secret: str
    gallery: str
    version: int
    visitor: str

    def is_in_lab(self, share: float) -> bool:
        """Whether the visitor is of the share that sees the lab's order."""
        return chance(self.secret, "lab", self.gallery, self.version, self.visitor) < share

    def shuffled(self, image_ids: Sequence[str]) -> list[str]:
        """The visitor's order of the lab's pool, which comes in today's order; it stays the visitor's.

        The page is drawn without replacement (Efraimidis & Spirakis 2006, doi 10.1016/j.ipl.2005.11.003), images of
        today's first page with six times the weight of others, then shuffled: each of them is at each position as
        likely.
        """
        drawn = sorted(
            image_ids, key=lambda it: -math.log(1 - self._chance("draw", it)) / self._weight(image_ids.index(it))
        )
        page = sorted(drawn[:PAGE], key=lambda it: self._chance("place", it))
        return page + drawn[PAGE:]

    def _chance(self, purpose: str, image_id: str) -> float:
        return chance(self.secret, purpose, self.gallery, self.version, self.visitor, image_id)

    @staticmethod
    def _weight(place: int) -> float:
        return FIRST_PAGE_WEIGHT if place < PAGE else 1.0


def estimate(images: Sequence[LabImage], page_views: int, examination: Sequence[float] = EXAMINATION) -> Estimate:
    """What an order would earn beside today's, from what the lab counted of the images of both first pages.

    `page_views` are how many pages the lab has shown.

    The value of a page is the sum over its positions of examination times lab rate; its variance is that of Poisson
    counts, (clicks + ½) / views². An image that the lab has not shown yet is taken for an average one.
    """
    views, clicks = sum(it.views for it in images), sum(it.clicks for it in images)
    if views == 0:
        return Estimate(0.0, Interval(0.0, 0.0), None, None, 0.0, enough=False, page_views_needed=None)
    rates = [it.clicks / it.views if it.views else clicks / views for it in images]
    variances = [(it.clicks + 0.5) / max(it.views, 1) ** 2 for it in images]
    planned = _attention([it.planned for it in images], examination)
    today = _attention([it.today for it in images], examination)
    value, value_today = _dot(planned, rates), _dot(today, rates)
    deviation = math.sqrt(_dot([weight**2 for weight in planned], variances))
    support = _dot(planned, [float(it.views > 0) for it in images]) / sum(planned)
    precision = _Z * deviation / value if value else math.inf
    enough = support >= _ENOUGH_SUPPORT and precision <= _ENOUGH_PRECISION
    needed = None
    if value and not enough:
        needed = math.ceil(page_views * max(1.0, precision / _ENOUGH_PRECISION) ** 2)
    lift, lift_interval = None, None
    if value and value_today:
        lift = value / value_today - 1
        contrast = [(one / value - other / value_today) ** 2 for one, other in zip(planned, today, strict=True)]
        spread = math.exp(_Z * math.sqrt(_dot(contrast, variances)))
        lift_interval = Interval((lift + 1) / spread - 1, (lift + 1) * spread - 1)
    interval = Interval(max(0.0, value - _Z * deviation), value + _Z * deviation)
    return Estimate(value, interval, lift, lift_interval, support, enough, needed)


def _attention(places: Sequence[int | None], examination: Sequence[float]) -> list[float]:
    return [examination[place] if place is not None and place < len(examination) else 0.0 for place in places]


def _dot(some: Sequence[float], others: Sequence[float]) -> float:
    return sum(one * other for one, other in zip(some, others, strict=True))
