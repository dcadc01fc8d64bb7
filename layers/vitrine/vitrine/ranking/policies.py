"""The ranking policies. Pure: a policy is a function of an image's evidence and the gallery's prior.

To add one, write its score and add it to `POLICIES`: request bodies, documentation, audits and the benchmark read that
table. The arithmetic also takes arrays, so the benchmark ranks thousands of galleries with these same functions.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from vitrine.ranking.model import HYSTERESIS, LARGEST_POINTS, Evidence, Prior

if TYPE_CHECKING:
    from collections.abc import Callable

_RATE_SCALE = 10**14


@dataclass(frozen=True)
class Policy:
    """How images are scored.

    `expected` is the estimate without the benefit of the doubt: a click rate if `is_rate`. A score times `scale`, as
    a whole number, gives its points. A stored score may be off by `tolerance`. `ages`: old events count for less.
    """

    score: Callable[[Evidence, Prior], float]
    expected: Callable[[Evidence, Prior], float]
    scale: int = _RATE_SCALE
    tolerance: float = HYSTERESIS
    is_rate: bool = True
    ages: bool = False

    def points(self, evidence: Evidence, prior: Prior) -> int:
        """Return the score as it is stored: a whole number of at most 15 digits."""
        return min(int(self.score(evidence, prior) * self.scale), LARGEST_POINTS)


def interest(evidence: Evidence, prior: Prior) -> float:  # noqa: ARG001 - every policy takes both
    """Return `views + CLICK_WEIGHT·clicks`: popular images stay popular."""
    return evidence.weight


def newest(evidence: Evidence, prior: Prior) -> float:  # noqa: ARG001 - as above
    """Return the same score for all images, so that the newest come first."""
    return 0.0


def smoothed_rate(evidence: Evidence, prior: Prior) -> float:
    """Return the expected click rate: the mean of its posterior (empirical Bayes, gamma-Poisson)."""
    return (prior.clicks + evidence.clicks) / (prior.exposure + evidence.exposure)


def optimistic_rate(evidence: Evidence, prior: Prior) -> float:
    """Return the expected click rate plus one standard deviation, so that rarely seen images get a chance.

    It is an upper bound of the posterior (Bayes-UCB, Kaufmann et al. 2012) and needs no randomness at reading.
    """
    clicks = prior.clicks + evidence.clicks
    deviation: float = clicks**0.5
    return (clicks + deviation) / (prior.exposure + evidence.exposure)


def _recent(evidence: Evidence) -> Evidence:
    return evidence._replace(exposure=evidence.recent_exposure, clicks=evidence.recent_clicks)


def recent_rate(evidence: Evidence, prior: Prior) -> float:
    """Return `smoothed_rate` of recent events."""
    return smoothed_rate(_recent(evidence), prior)


def trending_rate(evidence: Evidence, prior: Prior) -> float:
    """Return `optimistic_rate` of recent events: for galleries whose images go in and out of season."""
    return optimistic_rate(_recent(evidence), prior)


POLICIES = {
    "interest": Policy(interest, interest, scale=1, tolerance=0.0, is_rate=False),
    "newest": Policy(newest, newest, scale=1, tolerance=0.0, is_rate=False),
    "smoothed_rate": Policy(smoothed_rate, smoothed_rate),
    "optimistic_rate": Policy(optimistic_rate, smoothed_rate),
    "trending_rate": Policy(trending_rate, recent_rate, ages=True),
}
