"""Galleries to simulate: true click rates of real pictures, and how shoppers look at a page.

Rates are those of real A/B tests of headline and picture (Upworthy Research Archive, Matias et al. 2021, CC BY 4.0),
of variants with at least 500 views whose test has no suspicion of bad randomisation, shrunk to their mean by a beta
distribution fitted to them. All arrays have a row a seed: seeds are simulated together.
"""

from __future__ import annotations

import csv
import gzip
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import NamedTuple

import numpy as np

VARIANTS = Path(__file__).parents[2] / "tests/data/ab-tests/variants.csv.gz"
PAGE = 20
DAYS = 30.0
_FASHION_MEAN, _FASHION_VARIATION = 0.0044, 0.5  # Open Bandit: mean and coefficient of variation of its items


class Tests(NamedTuple):
    """Variants of real A/B tests, by test."""

    test: np.ndarray
    views: np.ndarray
    clicks: np.ndarray


@cache
def real_tests() -> Tests:
    with gzip.open(VARIANTS, "rt") as lines:
        rows = [(int(row["test"]), int(row["views"]), int(row["clicks"])) for row in csv.DictReader(lines)]
    tests, views, clicks = zip(*rows, strict=True)
    return Tests(np.array(tests), np.array(views), np.array(clicks))


def shrunk_rates(views: np.ndarray, clicks: np.ndarray) -> np.ndarray:
    """Posterior means under a beta prior fitted by moments: of the variance, chance's part is taken off."""
    rates = clicks / views
    mean = rates.mean()
    between = rates.var() - (mean * (1 - mean) / views).mean()
    size = mean * (1 - mean) / between - 1
    return (mean * size + clicks) / (size + views)


@dataclass(frozen=True)
class World:
    """A gallery and its shoppers; `S1` of the settings unless said otherwise."""

    name: str
    says: str
    images: int = 200
    examination: str = "steep"  # how likely positions are looked at: steep, log, harmonic
    sees_impressions: bool = False  # a view is counted for every image of the page, looked at or not
    stops: float = 0.0  # cascade: a click ends the visit with this probability
    arrives_later: float = 0.0  # share of images that come during the month
    novelty: bool = False
    seasons: bool = False
    rates: str = "tests"
    rate_factor: float = 1.0
    lag: int = 10  # page views until scores follow
    begins_after_interest: int = 0
    wrong_curve: bool = False  # what the debiased policy believes of examination is wrong

    def look(self) -> np.ndarray:
        at = np.arange(PAGE)
        return {
            "steep": 0.93**at,
            "cascade": 0.95**at,
            "log": 1 / np.log2(2 + at),
            "harmonic": 1 / (1 + at),
        }[self.examination]

    def believed_look(self) -> np.ndarray:
        """Examination as a policy that corrects for positions has it, for views that are impressions."""
        if not self.sees_impressions:
            return np.ones(PAGE)
        return 1 / np.log2(2 + np.arange(PAGE)) if self.wrong_curve else self.look()


BASE = World("S1", "200 images, steep examination, all there from the start")
WORLDS = (
    BASE,
    replace(
        BASE, name="S2", says="mild examination, a view is an impression", examination="log", sees_impressions=True
    ),
    replace(BASE, name="S3", says="cascade: six clicks of ten end the visit", examination="cascade", stops=0.6),
    replace(BASE, name="S4", says="steepest examination, impressions", examination="harmonic", sees_impressions=True),
    replace(
        BASE,
        name="S4b",
        says="the same, debiased by the wrong curve",
        examination="harmonic",
        sees_impressions=True,
        wrong_curve=True,
    ),
    replace(BASE, name="S5", says="half of the images arrive later", arrives_later=0.5),
    replace(BASE, name="S6", says="novelty wears off, and arrivals", arrives_later=0.5, novelty=True),
    replace(BASE, name="S7", says="seasons and a random walk", seasons=True),
    replace(BASE, name="S8", says="rates of fashion items", rates="fashion"),
    replace(BASE, name="S9", says="500 images", images=500),
    replace(BASE, name="S10", says="20 images", images=20),
    replace(BASE, name="S11", says="differences within a test only", rates="within"),
    replace(BASE, name="S12", says="scores follow 100 page views late", lag=100),
    replace(BASE, name="S13", says="begins after 10,000 page views by interest", begins_after_interest=10_000),
    replace(BASE, name="S14", says="a shop's click rates, 3.5 times", rate_factor=3.5),
)


class Rates:
    """True click rates of a world's images at any moment of the month, for each seed."""

    def __init__(self, world: World, seeds: int, rng: np.random.Generator) -> None:
        self._world = world
        shape = seeds, world.images
        self._base = _draw_rates(world, shape, rng) * world.rate_factor
        arrives = rng.random(shape) < world.arrives_later
        self.arrival = np.where(arrives, rng.uniform(0, DAYS, shape), 0.0)
        if world.arrives_later:  # there is a page from the start
            self.arrival[:, :PAGE] = 0.0
        self._phase = rng.uniform(0, 2 * np.pi, shape)
        steps = rng.normal(0, 0.15, (int(DAYS) + 1, *shape))
        self._walk = np.cumsum(steps, axis=0)

    def at(self, day: float) -> np.ndarray:
        rates = self._base
        if self._world.novelty:
            age = np.maximum(day - self.arrival, 0)
            rates = rates * (0.3 + 0.7 * 0.5 ** (age / 7))
        if self._world.seasons:
            swing = 0.5 * np.sin(2 * np.pi * day / 7 + self._phase)
            rates = rates * np.exp(swing + self._walk[min(int(day), len(self._walk) - 1)])
        return np.minimum(rates, 0.9)


def _draw_rates(world: World, shape: tuple[int, int], rng: np.random.Generator) -> np.ndarray:
    if world.rates == "fashion":
        form = 1 / _FASHION_VARIATION**2
        return rng.gamma(form, _FASHION_MEAN / form, shape)
    tests = real_tests()
    rates = shrunk_rates(tests.views, tests.clicks)
    if world.rates == "within":
        sizes = np.bincount(tests.test)
        means = np.bincount(tests.test, rates) / sizes
        rates = (rates.mean() * rates / means[tests.test])[sizes[tests.test] > 1]
    return rng.choice(rates, shape)
