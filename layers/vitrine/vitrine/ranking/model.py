"""What a ranking policy knows about an image, and how its score becomes a sort key. Pure.

**Scores.** A policy (`policies.py`) is a function of an image's evidence and the gallery's prior. Scores are stored
as *points*, whole numbers of at most 15 digits, so that a page is one query by sort key.

**Hysteresis.** A stored score is replaced only after the score has moved by 5 %: changing a rank costs two more write
units for the index, and a smaller move hardly changes the order.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple

if TYPE_CHECKING:
    from datetime import datetime

    from vitrine.ranking.merchandising import Rule

Slot = Literal["a", "b"]

CLICK_WEIGHT = 7  # the gallery challenge's rule: a click says seven times more than a view
LARGEST_POINTS = 10**15 - 1
HYSTERESIS = 0.05
FIRST_MEAN_RATE = 0.01
PRIOR_CLICKS = 2.0
HALF_LIFE_DAYS = 14
_REFIT_FACTOR = 1.5
_REFIT_WEIGHT = 20.0


class Evidence(NamedTuple):
    """What was counted for an image so far.

    `exposure` is its views and `clicks` its clicks, without the lab's events; in `recent_…`, old events count for
    less. `weight` is `views + CLICK_WEIGHT·clicks` of all events.
    """

    weight: float = 0.0
    exposure: float = 0.0
    clicks: float = 0.0
    recent_exposure: float = 0.0
    recent_clicks: float = 0.0


class Prior(NamedTuple):
    """The click rate expected of an image before it is seen: a gamma distribution.

    `mean_rate` is the gallery's clicks divided by its exposure. `clicks` is the distribution's shape: how many
    observed clicks the expectation counts for (2: click rates of images vary by 70 % of their mean in real A/B tests).
    """

    mean_rate: float = FIRST_MEAN_RATE
    clicks: float = PRIOR_CLICKS

    @property
    def exposure(self) -> float:
        """How many observed views the expectation counts for."""
        return self.clicks / self.mean_rate


def has_moved(stored: int, points: int, tolerance: float) -> bool:
    """Return whether a stored score is too far from the present one. Without tolerance any difference is too far."""
    if tolerance == 0:
        return stored != points
    low, high = sorted((stored, points))
    return high > low * (1 + tolerance)


def rank_digits(points: int) -> str:
    """Return 15 digits that sort in the opposite order of points."""
    return f"{LARGEST_POINTS - min(points, LARGEST_POINTS):015d}"


def fitted(prior: Prior, clicks: float, exposure: float) -> Prior:
    """Return the prior of a gallery with these clicks and this exposure, after it had `prior`.

    The old mean counts for 20 clicks, so that a few chance clicks at the start mean little. The new mean is weighted
    by exposure: it is the rate of the images that are shown, with which a new image competes. The plain mean of the
    images' rates ranks worse (docs/ranking.md).
    """
    return prior._replace(mean_rate=(_REFIT_WEIGHT + clicks) / (_REFIT_WEIGHT / prior.mean_rate + exposure))


def is_off(prior: Prior, clicks: float, exposure: float) -> bool:
    """Return whether the prior is wrong by a factor of 1.5, so that scores are worth recomputing."""
    mean = fitted(prior, clicks, exposure).mean_rate
    return not prior.mean_rate / _REFIT_FACTOR < mean < prior.mean_rate * _REFIT_FACTOR


class Ranking(NamedTuple):
    """How a merchant wants a gallery ordered.

    In the recent counts, which some policies score, events lose half of their weight in `half_life_days`.
    `lab_share` is the share of visitors who see a random order (`lab.py`).
    """

    policy: str = "interest"
    half_life_days: int = HALF_LIFE_DAYS
    lab_share: float = 0.0


class Version(NamedTuple):
    """A ranking with everything that determines scores besides the counters. It never changes.

    `slot` names the index that holds the images' ranks under this version. There are two, so that a new order is
    completed while the old one is read. `rules` are the merchandising rules in force. `without_arm` names an
    experiment arm whose events are left out.
    """

    number: int
    ranking: Ranking
    prior: Prior
    slot: Slot
    created_at: datetime
    reason: str
    rules: tuple[Rule, ...] = ()
    without_arm: str | None = None


def first_version(ranking: Ranking, now: datetime, rules: tuple[Rule, ...] = ()) -> Version:
    """Return the version of a new gallery."""
    return Version(1, ranking, Prior(), "a", now, "created", rules)


def other_slot(slot: Slot) -> Slot:
    """Return the slot in which the next order is made."""
    return "b" if slot == "a" else "a"
