"""Shoppers visit a gallery whose order follows what they do."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from bench.ranking.worlds import DAYS, PAGE, Rates
from vitrine.ranking.lab import FIRST_PAGE_WEIGHT, POOL
from vitrine.ranking.model import CLICK_WEIGHT, Evidence, Prior, fitted, is_off

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from bench.ranking.worlds import World

SEEDS = 20


class State:
    """What a ranker may know: counts of each image of each seed."""

    def __init__(self, world: World, ranker: Ranker, seeds: int) -> None:
        shape = seeds, world.images
        self.lag = world.lag
        self.half_life = ranker.half_life
        self.believed_look = world.believed_look() if ranker.debiased else np.ones(PAGE)
        self.views = np.zeros(shape)
        self.clicks = np.zeros(shape)
        self.exposure = np.zeros(shape)
        self.recent_exposure = np.zeros(shape)
        self.recent_clicks = np.zeros(shape)
        self.age_days = np.zeros(shape)
        self.pages = 0
        self.mean_rate = np.full((seeds, 1), Prior().mean_rate)
        self.rng = np.random.default_rng(7)

    @property
    def evidence(self) -> Evidence:
        return Evidence(
            self.views + CLICK_WEIGHT * self.clicks,
            self.exposure,
            self.clicks,
            self.recent_exposure,
            self.recent_clicks,
        )

    @property
    def prior(self) -> Prior:
        return Prior(self.mean_rate)

    def count(self, order, views, clicks, days) -> None:
        rows = np.arange(len(order))[:, None]
        exposure = views * self.believed_look
        if self.half_life:
            fade = 0.5 ** (days / self.half_life)
            self.recent_exposure *= fade
            self.recent_clicks *= fade
        for counted, amount in (
            (self.views, views),
            (self.clicks, clicks),
            (self.exposure, exposure),
            (self.recent_exposure, exposure),
            (self.recent_clicks, clicks),
        ):
            counted[rows, order] += amount
        self.pages += self.lag

    def fit(self, *, anyway: bool) -> None:
        """Fit the prior where it is off, as a gallery does; a new version fits it `anyway`."""
        for seed, (clicks, exposure) in enumerate(zip(self.clicks.sum(1), self.exposure.sum(1), strict=True)):
            prior = Prior(float(self.mean_rate[seed, 0]))
            if anyway or is_off(prior, clicks, exposure):
                self.mean_rate[seed] = fitted(prior, clicks, exposure).mean_rate


class Ranker(NamedTuple):
    """A ranker: scores by which images come, the best first. `half_life` in days ages the recent counts."""

    name: str
    score: Callable[[State], np.ndarray]
    half_life: float | None = None
    debiased: bool = False
    hysteresis: float = 0.0


class Moment(NamedTuple):
    """A gallery after so many page views, a row a seed.

    `share` are expected clicks of the pages shown by those of a clairvoyant order, `clicks` the former alone; `order`
    the images of the first page, `true` all images' rates and `lab_…` what the lab counted of them.
    """

    pages: int
    share: np.ndarray
    clicks: np.ndarray
    order: np.ndarray
    true: np.ndarray
    evidence: Evidence
    mean_rate: np.ndarray
    lab_pages: int
    lab_views: np.ndarray
    lab_clicks: np.ndarray
    rank_writes: float
    events: float


class _Stored:
    """Scores as the gallery keeps them: replaced when they have moved."""

    def __init__(self, tolerance: float) -> None:
        self._tolerance = tolerance
        self._scores: np.ndarray | None = None
        self.writes = 0

    def follow(self, scores: np.ndarray) -> np.ndarray:
        if self._scores is None:
            self._scores = scores
        low, high = np.minimum(scores, self._scores), np.maximum(scores, self._scores)
        moved = high > low * (1 + self._tolerance)
        self.writes += moved.sum()
        self._scores = np.where(moved, scores, self._scores)
        return self._scores


def simulate(
    world: World, ranker: Ranker, marks: Sequence[int], *, seeds: int = SEEDS, lab_share: float = 0.0
) -> list[Moment]:
    """Let shoppers visit for a month; answers how it stands after each mark of page views."""
    rng = np.random.default_rng([1, *world.name.encode()])
    rates = Rates(world, seeds, rng)
    state = State(world, ranker, seeds)
    stored = _Stored(ranker.hysteresis)
    shown, best = np.zeros(seeds), np.zeros(seeds)
    lab_views, lab_clicks = np.zeros_like(state.views), np.zeros_like(state.views)
    look, lag, rows = world.look(), world.lag, np.arange(seeds)[:, None]
    total = marks[-1] + world.begins_after_interest
    lab_batch = round(lag * lab_share)
    moments: list[Moment] = []
    events = 0.0
    for start in range(0, total, lag):
        day = start / total * DAYS
        true = rates.at(day)
        there = rates.arrival <= day
        state.age_days = np.where(there, day - rates.arrival, np.inf)
        switches = start == world.begins_after_interest > 0
        if switches or start % (10 * lag) == 0:
            state.fit(anyway=switches)
        if start < world.begins_after_interest:
            score = state.evidence.weight
        else:
            score = np.broadcast_to(ranker.score(state), there.shape)
            score = stored.follow(score) if ranker.hysteresis else score
        order = first(np.where(there, score, -np.inf), rates.arrival, PAGE)
        if start >= world.begins_after_interest:
            ideal = first(np.where(there, true, -np.inf), rates.arrival, PAGE)
            best += lag * _expected(world, look, true[rows, ideal])
            shown += (lag - lab_batch) * _expected(world, look, true[rows, order])
        if lab_batch:
            pool = first(np.where(there, score, -np.inf), rates.arrival, POOL)
            for _ in range(lab_batch):
                page = _lab_page(pool, rng)
                shown += true[rows, page].mean(1) * look.sum()
                views, clicks = _visit(world, look, true[rows, page], 1, rng)
                lab_views[rows, page] += views
                lab_clicks[rows, page] += clicks
        views, clicks = _visit(world, look, true[rows, order], lag - lab_batch, rng)
        events += (views.sum() + clicks.sum()) / seeds
        state.count(order, views, clicks, DAYS * lag / total)
        done = start + lag - world.begins_after_interest
        if done in marks:
            moments.append(
                Moment(
                    done,
                    shown / best,
                    shown.copy(),
                    order,
                    true,
                    Evidence(*(np.array(column) for column in state.evidence)),
                    state.mean_rate.copy(),
                    done // lag * lab_batch,
                    lab_views.copy(),
                    lab_clicks.copy(),
                    stored.writes / seeds,
                    events,
                )
            )
    return moments


def first(score: np.ndarray, arrival: np.ndarray | float, length: int) -> np.ndarray:
    """The first images: those of the highest score, then the newest, then by id."""
    spread = score - 1e-13 * np.arange(score.shape[1]) + 1e-12 * arrival
    if score.shape[1] <= length:
        return np.argsort(-spread, axis=1, kind="stable")
    top = np.argpartition(-spread, length - 1, axis=1)[:, :length]
    rows = np.arange(score.shape[0])[:, None]
    return top[rows, np.argsort(-spread[rows, top], axis=1, kind="stable")]


def _lab_page(pool: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """As `lab.LabVisitor.shuffled`."""
    weights = np.where(np.arange(pool.shape[1]) < PAGE, FIRST_PAGE_WEIGHT, 1.0)
    drawn = np.argsort(rng.exponential(size=pool.shape) / weights, axis=1)[:, :PAGE]
    return rng.permuted(pool[np.arange(len(pool))[:, None], drawn], axis=1)


def _expected(world: World, look: np.ndarray, rates: np.ndarray) -> np.ndarray:
    """Expected clicks of a page."""
    if world.stops:
        stays = np.cumprod(1 - world.stops * rates, axis=1)
        return (look * rates * np.hstack([np.ones((len(rates), 1)), stays[:, :-1]])).sum(1)
    return (look * rates).sum(1)


def _visit(world, look, rates, pages, rng):
    """Views and clicks of so many page views, by position."""
    if not world.stops:
        examined = rng.binomial(pages, np.broadcast_to(look, rates.shape))
        clicks = rng.binomial(examined, rates)
        return np.full(rates.shape, pages) if world.sees_impressions else examined, clicks
    shape = rates.shape[0], pages, PAGE
    goes_on = rng.random(shape) < 0.95
    clicked = rng.random(shape) < rates[:, None, :]
    stays = goes_on & ~(clicked & (rng.random(shape) < world.stops))
    reached = np.cumprod(stays, axis=2, dtype=bool)
    examined = np.concatenate([np.ones((*shape[:2], 1), bool), reached[:, :, :-1]], axis=2)
    return examined.sum(1), (clicked & examined).sum(1)
