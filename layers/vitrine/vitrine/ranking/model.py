"""What a ranking policy knows of an image, and how its score becomes a sort key. Pure.

**Scores.** A policy (`policies.py`) is a function of an image's evidence and the gallery's prior. Scores are stored
as *points*, whole numbers of at most 15 digits, so that a page is one query by a sort key.

**Hysteresis.** A stored score is replaced only when the score has moved by 5 %: a rank that moves costs an index two
more write units, and a smaller move changes the order little.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple

if TYPE_CHECKING:
    from datetime import datetime

Slot = Literal["a", "b"]

LARGEST_POINTS = 10**15 - 1
HYSTERESIS = 0.05
FIRST_MEAN_RATE = 0.01
PRIOR_CLICKS = 2.0
HALF_LIFE_DAYS = 14
_REFIT_FACTOR = 1.5
_REFIT_WEIGHT = 20.0


class Evidence(NamedTuple):
    """What was counted of an image, up to now.

    `exposure` is how often it was looked at and `clicks` how often clicked, events of the lab left out; `recent_…`
    are the same with old events counted for less. `weight` is `views + 7·clicks` of all events.
    """

    weight: float = 0.0
    exposure: float = 0.0
    clicks: float = 0.0
    recent_exposure: float = 0.0
    recent_clicks: float = 0.0


class Prior(NamedTuple):
    """What is expected of an image before it is seen: a gamma distribution of its click rate.

    `mean_rate` is the gallery's clicks by its exposure. `clicks` is the distribution's shape: it says how many clicks
    the expectation is worth (2: rates of pictures differ by 70 % of their mean, measured in real A/B tests).
    """

    mean_rate: float = FIRST_MEAN_RATE
    clicks: float = PRIOR_CLICKS

    @property
    def exposure(self) -> float:
        """The looks that the expectation is worth."""
        return self.clicks / self.mean_rate


def has_moved(stored: int, points: int, tolerance: float) -> bool:
    """Whether a stored score is too far from the score as it is now. Without tolerance any difference is."""
    if tolerance == 0:
        return stored != points
    low, high = sorted((stored, points))
    return high > low * (1 + tolerance)


def rank_digits(points: int) -> str:
    """Fifteen digits that sort ascending where points descend."""
    return f"{LARGEST_POINTS - min(points, LARGEST_POINTS):015d}"


def fitted(prior: Prior, clicks: float, exposure: float) -> Prior:
    """The prior of a gallery with these clicks and this exposure, where `prior` was expected before.

    The old mean stands for twenty clicks beside the counted ones, so that the first clicks by chance mean little. The
    mean is weighted by exposure: that of the images that are shown, which a new one has to compete with. The plain
    mean of the images' rates ranks worse (docs/ranking.md).
    """
    return prior._replace(mean_rate=(_REFIT_WEIGHT + clicks) / (_REFIT_WEIGHT / prior.mean_rate + exposure))


def is_off(prior: Prior, clicks: float, exposure: float) -> bool:
    """Whether the prior is off by half: then scores are worth computing again."""
    mean = fitted(prior, clicks, exposure).mean_rate
    return not prior.mean_rate / _REFIT_FACTOR < mean < prior.mean_rate * _REFIT_FACTOR


class Ranking(NamedTuple):
    """How a merchant wants a gallery ordered.

    Events lose half of their weight in `half_life_days` in the recent counts, which some policies score.
    `lab_share` of the visitors see a random order (`lab.py`).
    """

    policy: str = "interest"
    half_life_days: int = HALF_LIFE_DAYS
    lab_share: float = 0.0


class Version(NamedTuple):
    """A ranking with all that scores follow from beside the counters: it never changes.

    `slot` is the index in which the images have their ranks under it: there are two, so that a new order is made
    whole while the old one is read.
    """

    number: int
    ranking: Ranking
    prior: Prior
    slot: Slot
    created_at: datetime
    reason: str
    without_arm: str | None = None


def first_version(ranking: Ranking, now: datetime) -> Version:
    """The version of a new gallery."""
    return Version(1, ranking, Prior(), "a", now, "created")


def other_slot(slot: Slot) -> Slot:
    """The slot in which the next order is made."""
    return "b" if slot == "a" else "a"
