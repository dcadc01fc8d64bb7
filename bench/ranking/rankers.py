"""The shipped policies, and other rankers as far as their published rules can be written as a score."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import numpy as np

from bench.ranking.simulate import Ranker
from vitrine.ranking.model import HALF_LIFE_DAYS, HYSTERESIS
from vitrine.ranking.policies import POLICIES

if TYPE_CHECKING:
    from bench.ranking.simulate import State

_POOL = 60


@cache
def shipped(policy: str, **more) -> Ranker:
    """One of the product's policies, its own function."""
    rules = POLICIES[policy]
    return Ranker(
        policy, lambda state: rules.score(state.evidence, state.prior), HALF_LIFE_DAYS if rules.ages else None, **more
    )


def _interest_and_a_slot(state: State) -> np.ndarray:
    """Interest, and the tenth position for the image that was seen least."""
    weight = np.asarray(state.evidence.weight, dtype=float)
    tenth = np.partition(-weight, 9, axis=1)[:, 9:10] * -1
    least_seen = np.argmin(state.views, axis=1)
    weight[np.arange(len(weight)), least_seen] = tenth[:, 0] + 0.5
    return weight


def _plain_rate(state: State) -> np.ndarray:
    return state.clicks / np.maximum(state.views, 1)


def _wilson(state: State) -> np.ndarray:
    """The lower bound of Wilson's interval (Evan Miller's "How not to sort by average rating")."""
    views, z = np.maximum(state.views, 1), 1.96
    rate = np.minimum(state.clicks / views, 1)
    spread = z * np.sqrt(rate * (1 - rate) / views + z**2 / (4 * views**2))
    return (rate + z**2 / (2 * views) - spread) / (1 + z**2 / views)


def _kl_ucb(state: State) -> np.ndarray:
    """The largest rate q with views · kl(rate, q) ≤ log t (Garivier & Cappé 2011), by bisection."""
    views = np.maximum(state.views, 1e-9)
    rate = np.clip(state.clicks / np.maximum(state.views, 1), 1e-9, 1 - 1e-9)
    bound = np.log(max(state.pages, 2)) / views
    low, high = rate, np.ones_like(rate)
    for _ in range(20):
        middle = np.minimum((low + high) / 2, 1 - 1e-9)
        distance = rate * np.log(rate / middle) + (1 - rate) * np.log((1 - rate) / (1 - middle))
        low, high = np.where(distance < bound, middle, low), np.where(distance < bound, high, middle)
    return low


def _thompson(state: State) -> np.ndarray:
    """A draw of each image's posterior, among the 60 of the highest expected rate."""
    clicks, exposure = state.prior.clicks + state.clicks, state.prior.exposure + state.exposure
    expected = clicks / exposure
    drawn = state.rng.gamma(clicks) / exposure
    if expected.shape[1] <= _POOL:
        return drawn
    last = -np.partition(-expected, _POOL - 1, axis=1)[:, _POOL - 1 : _POOL]
    return np.where(expected >= last, drawn + 1, expected)


def _hacker_news(state: State) -> np.ndarray:
    """(points - 1) / (age in hours + 2)^1.8, a click a point."""
    return (state.clicks - 1) / (state.age_days * 24 + 2) ** 1.8


def _lobsters(state: State) -> np.ndarray:
    """Hotness: the logarithm of the score, and 22 hours more of youth are worth ten times the votes."""
    return np.log10(np.maximum(state.clicks, 1)) - state.age_days * 24 / 22


def _metarank(state: State) -> np.ndarray:
    """Metarank's `rate` of clicks by impressions, normalised with the weight 10, of the last days."""
    return (10 + state.recent_clicks) / (10 / state.mean_rate + state.recent_exposure)


def _algolia(state: State) -> np.ndarray:
    """Algolia's custom ranking by popularity: recent clicks."""
    return state.recent_clicks


POSITION_DEBIASED = shipped("optimistic_rate", debiased=True)._replace(name="optimistic_rate, debiased by position")
WITH_HYSTERESIS = shipped("optimistic_rate", hysteresis=HYSTERESIS)._replace(name="optimistic_rate, as stored")
SHIPPED = tuple(shipped(policy) for policy in POLICIES)
OTHERS = (
    Ranker("interest and a slot for the least seen", _interest_and_a_slot),
    Ranker("clicks / views", _plain_rate),
    Ranker("Wilson's lower bound", _wilson),
    Ranker("KL-UCB", _kl_ucb),
    Ranker("Thompson sampling of the top 60", _thompson),
    Ranker("Metarank's rate", _metarank, 30.0),
    Ranker("Algolia's custom ranking by clicks", _algolia, 30.0),
    Ranker("Hacker News", _hacker_news),
    Ranker("Lobsters", _lobsters),
)
