"""What another policy would earn, estimated from visitors who see a random order. Pure.

A small share of a gallery's visitors, the *lab*, sees a page drawn from the best 60 images, in random order. Each of
its images is equally likely at each position, so clicks divided by views estimate an image's rate without the bias of
any policy. The counts that made an order cannot: the images that a policy puts first are those whose counts flatter
them.

Two thirds of a lab page come from today's first page. So the lab costs less than half of what an evenly drawn page
costs, and learns more about the images that matter.
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
# The probability that a shopper looks at a position of the first page (docs/ranking.md).
EXAMINATION = tuple(0.93**at for at in range(PAGE))
_Z = 1.959964  # of a 95 % interval
_ENOUGH_SUPPORT = 0.95
_ENOUGH_PRECISION = 0.25
_CHANCES = 2**64


class LabImage(NamedTuple):
    """What the lab counted for an image, and its positions, from 0, in the order to estimate and in today's order."""

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

    `clicks_per_page` is clicks per view of the first page; `lift` compares it with today's order (0.1 means 10 %
    more). `support` is the share of the page's attention that falls on images the lab has shown. `enough` says
    whether the figures are reliable; if not, `page_views_needed` says how many page views by lab visitors, in total,
    would be enough (None if nothing was counted yet).
    """

    clicks_per_page: float
    interval: Interval
    lift: float | None
    lift_interval: Interval | None
    support: float
    enough: bool
    page_views_needed: int | None


def chance(secret: str, *names: object) -> float:
    """Return a number in [0, 1) that depends on `names` alone; nobody can predict it without the secret."""
    text = json.dumps(names).encode()
    digest = hashlib.blake2b(text, key=secret.encode()[:64], digest_size=8).digest()
    return int.from_bytes(digest) / _CHANCES


class LabVisitor(NamedTuple):
    """A visitor under one version of a gallery's ranking."""

    secret: str
    gallery: str
    version: int
    visitor: str

    def is_in_lab(self, share: float) -> bool:
        """Return whether the visitor belongs to the share that sees the lab's order."""
        return chance(self.secret, "lab", self.gallery, self.version, self.visitor) < share

    def shuffled(self, image_ids: Sequence[str]) -> list[str]:
        """Return the visitor's order of the lab's pool, which is given in today's order. It is always the same one.

        The page is drawn without replacement (Efraimidis & Spirakis 2006, doi 10.1016/j.ipl.2005.11.003); images of
        today's first page weigh six times as much as others. Then it is shuffled, so that each of its images is
        equally likely at each position.
        """
        arrivals = {
            image_id: -math.log(1 - self._chance("draw", image_id)) / self._weight(position)
            for position, image_id in enumerate(image_ids)
        }
        drawn = sorted(image_ids, key=arrivals.__getitem__)
        page = sorted(drawn[:PAGE], key=lambda image_id: self._chance("place", image_id))
        return page + drawn[PAGE:]

    def _chance(self, purpose: str, image_id: str) -> float:
        return chance(self.secret, purpose, self.gallery, self.version, self.visitor, image_id)

    @staticmethod
    def _weight(position: int) -> float:
        return FIRST_PAGE_WEIGHT if position < PAGE else 1.0


def estimate(images: Sequence[LabImage], page_views: int, examination: Sequence[float] = EXAMINATION) -> Estimate:
    """Estimate what an order would earn, compared with today's, from the lab's counts for both first pages.

    `page_views` is the number of pages that the lab has shown. The value of a page is the sum over its positions of
    examination times lab rate; its variance is that of Poisson counts, (clicks + ½) / views². An image that the lab
    has not shown yet counts as an average one.
    """
    views, clicks = sum(image.views for image in images), sum(image.clicks for image in images)
    if views == 0:
        return Estimate(0.0, Interval(0.0, 0.0), None, None, 0.0, enough=False, page_views_needed=None)
    rates = [image.clicks / image.views if image.views else clicks / views for image in images]
    variances = [(image.clicks + 0.5) / max(image.views, 1) ** 2 for image in images]
    planned = _attention([image.planned for image in images], examination)
    today = _attention([image.today for image in images], examination)
    value, value_today = _dot(planned, rates), _dot(today, rates)
    deviation = math.sqrt(_dot([weight**2 for weight in planned], variances))
    support = _dot(planned, [float(image.views > 0) for image in images]) / sum(planned)
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


def _attention(positions: Sequence[int | None], examination: Sequence[float]) -> list[float]:
    return [examination[at] if at is not None and at < len(examination) else 0.0 for at in positions]


def _dot(some: Sequence[float], others: Sequence[float]) -> float:
    return sum(one * other for one, other in zip(some, others, strict=True))
