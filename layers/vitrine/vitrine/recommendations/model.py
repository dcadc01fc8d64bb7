"""How products are scored for a shopper.

A product's score is the logarithm of its popularity, plus what each of the shopper's newest products says for it:
its *lift*, how much more often shoppers of the one touch the other than all shoppers do (collaborative), or how
much more often shoppers who touch a feature touch it again (content). `docs/recommendations.md` has the formulas
and their sources.
"""

from __future__ import annotations

import hashlib
import math
import re
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Literal, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from datetime import datetime

    from vitrine.catalog.model import Product

Strategy = Literal["hybrid", "collaborative", "content", "popular"]
STRATEGIES: tuple[Strategy, ...] = ("hybrid", "collaborative", "content", "popular")
Repeat = Literal["exclude", "allow", "first"]
REPEATS: tuple[Repeat, ...] = ("exclude", "allow", "first")

SEEDS = 30
SHORTLIST = 50
BECAUSE = 3
_RANK_HALF_LIFE = 5
_REPEAT_HALF_LIFE_DAYS = 365
_DAY_SECONDS = 86_400
_UNTOUCHED = 0.5
_SURE = 100.0
_WORD = re.compile(r"[^\W_]{3,}")
TYPE_WEIGHTS: Mapping[str, float] = {"view": 0.25, "click": 0.5, "purchase": 1.0}


@dataclass(frozen=True)
class Weights:
    """How much the shopper's products say beside popularity. Chosen by measurement (bench/recommendations)."""

    collaborative: float = 0.4
    content: float = 0.4


class ChosenWeights(NamedTuple):
    """What a merchant chose; None is as measured."""

    collaborative: float | None = None
    content: float | None = None

    def over(self, measured: Weights) -> Weights:
        """The weights that count."""
        return Weights(
            measured.collaborative if self.collaborative is None else self.collaborative,
            measured.content if self.content is None else self.content,
        )


class Neighbour(NamedTuple):
    """A product that goes with another. `users` is how many touched it, newer ones counting more."""

    product_id: str
    lift: float
    users: float


@dataclass(frozen=True)
class Neighbourhood:
    """What goes with a product, and its features."""

    collaborative: Sequence[Neighbour] = ()
    content: Sequence[Neighbour] = ()
    tokens: frozenset[int] = frozenset()


class Feature(NamedTuple):
    """The logarithm of how much likelier those who touched a feature touch it again; its share of all touches."""

    lift: float
    share: float


class Popular(NamedTuple):
    """A product that many touch, with its features."""

    product_id: str
    users: float
    tokens: Mapping[int, Feature]


class Seed(NamedTuple):
    """A product the shopper touched and how much it says, from 0 to 1."""

    product_id: str
    weight: float


class Scored(NamedTuple):
    """A product on a shortlist, why it is there, and the products it is there for."""

    product_id: str
    score: float
    reason: Strategy | Literal["repeat"]
    because: tuple[str, ...]


class Shortlist(NamedTuple):
    """A shopper's candidates under each strategy, which of them were bought before, and what is bought again."""

    ranked: Mapping[Strategy, Sequence[Scored]] = MappingProxyType({})
    bought: frozenset[str] = frozenset()
    again: Sequence[Scored] = ()

    def candidates(self, strategy: Strategy, repeat: Repeat) -> list[Scored]:
        """The candidates under a strategy, without what was bought before, with it, or with that first."""
        ranked = self.ranked.get(strategy, ())
        if repeat == "exclude":
            return [it for it in ranked if it.product_id not in self.bought]
        return [*self.again[: SHORTLIST // 2], *ranked] if repeat == "first" else list(ranked)


def seeds_of(newest: Iterable[tuple[str, float]]) -> list[Seed]:
    """The products of the newest touches `(product_id, weight)`, each once, by how recent and by the strongest."""
    strongest: dict[str, float] = {}
    for product_id, weight in newest:
        strongest[product_id] = max(weight, strongest.get(product_id, 0.0))
    return [
        Seed(product_id, weight * 0.5 ** (rank / _RANK_HALF_LIFE))
        for rank, (product_id, weight) in enumerate(list(strongest.items())[:SEEDS])
    ]


def bought_again(purchases: Iterable[tuple[str, datetime]]) -> list[Scored]:
    """The products of purchases, what was bought most first: a purchase counts half as much each year before the last.

    Scores are logarithms, as others are.
    """
    bought = list(purchases)
    newest = max((at for _, at in bought), default=None)
    times: dict[str, float] = {}
    for product_id, at in bought:
        assert newest is not None, "there is a purchase"  # noqa: S101 - tells the type checker
        days = (newest - at).total_seconds() / _DAY_SECONDS
        times[product_id] = times.get(product_id, 0.0) + 0.5 ** (days / _REPEAT_HALF_LIFE_DAYS)
    found = [
        Scored(product_id, math.log(many + _UNTOUCHED), "repeat", (product_id,)) for product_id, many in times.items()
    ]
    return sorted(found, key=lambda it: (-it.score, it.product_id))


def prior(users: float) -> float:
    """What popularity alone says for a product."""
    return math.log(users + _UNTOUCHED)


class Terms(NamedTuple):
    """What speaks for a product: popularity, other shoppers, features."""

    product_id: str
    prior: float
    from_users: float
    from_features: float


def taste(feature: Feature, touches: float, of: float) -> float:
    """The logarithm of how much likelier than anyone a shopper takes a feature that `touches` of `of` touches had.

    Tastes are beta-distributed around the feature's share, by as many imagined touches as make one touch alone say
    the feature's lift.
    """
    if feature.lift <= 0:
        return 0.0
    again = math.exp(feature.lift)
    imagined = max(1.0, (1 / feature.share - again) / (again - 1))
    return math.log((touches / feature.share + imagined) / (of + imagined))


class _Candidate:
    def __init__(self, users: float) -> None:
        self.prior = prior(users)
        self.collaborative: dict[str, float] = {}
        self.content: dict[str, float] = {}
        self.from_features = 0.0

    @property
    def from_users(self) -> float:
        return sum(self.collaborative.values())


class _Tastes:
    """What a shopper's products have in common, weighed."""

    def __init__(self, seeds: Sequence[Seed], neighbourhoods: Mapping[str, Neighbourhood]) -> None:
        self._weights = {seed.product_id: seed.weight for seed in seeds if seed.product_id in neighbourhoods}
        self._touched: dict[int, list[str]] = {}
        for product_id in self._weights:
            for token in neighbourhoods[product_id].tokens:
                self._touched.setdefault(token, []).append(product_id)
        self._of = sum(self._weights.values())

    def of(self, product_id: str, features: Mapping[int, Feature]) -> tuple[float, dict[str, float]]:
        """What other products' features say for a product, and what each of them says."""
        own = self._weights.get(product_id, 0.0)
        total = 0.0
        said: dict[str, float] = {}
        for token, feature in features.items():
            others = {it: self._weights[it] for it in self._touched.get(token, ()) if it != product_id}
            touches = sum(others.values())
            found = taste(feature, touches, self._of - own)
            total += found
            for it, weight in others.items():
                said[it] = said.get(it, 0.0) + found * weight / touches
        return total, said


class Candidates:
    """All products that anything speaks for, to be ranked under each strategy."""

    def __init__(
        self, seeds: Sequence[Seed], neighbourhoods: Mapping[str, Neighbourhood], popular: Sequence[Popular]
    ) -> None:
        self._candidates: dict[str, _Candidate] = {it.product_id: _Candidate(it.users) for it in popular}
        listed = set(self._candidates)
        for seed in seeds:
            found = neighbourhoods.get(seed.product_id, Neighbourhood())
            for near in found.collaborative:
                self._candidate(near).collaborative[seed.product_id] = seed.weight * near.lift
            for near in found.content:
                self._candidate(near).content[seed.product_id] = seed.weight * math.expm1(min(near.lift, _SURE))
        for product_id, it in self._candidates.items():
            if product_id not in listed:
                it.from_features = math.log1p(sum(it.content.values()))
        tastes = _Tastes(seeds, neighbourhoods)
        for product in popular:
            candidate = self._candidates[product.product_id]
            candidate.from_features, candidate.content = tastes.of(product.product_id, product.tokens)

    def ranked(self, strategy: Strategy, weights: Weights) -> list[Scored]:
        """All candidates under a strategy, the best first."""
        collaborative = weights.collaborative if strategy in {"hybrid", "collaborative"} else 0.0
        content = weights.content if strategy in {"hybrid", "content"} else 0.0
        scored = [
            self._score(product_id, candidate, collaborative, content)
            for product_id, candidate in self._candidates.items()
        ]
        return sorted(scored, key=lambda it: (-it.score, it.product_id))

    def terms(self) -> Iterator[Terms]:
        """All candidates, unweighted."""
        for product_id, it in self._candidates.items():
            yield Terms(product_id, it.prior, it.from_users, it.from_features)

    def _candidate(self, near: Neighbour) -> _Candidate:
        if near.product_id not in self._candidates:
            self._candidates[near.product_id] = _Candidate(near.users)
        return self._candidates[near.product_id]

    def _score(self, product_id: str, candidate: _Candidate, collaborative: float, content: float) -> Scored:
        from_users = collaborative * candidate.from_users
        from_features = content * candidate.from_features
        score = candidate.prior + from_users + from_features
        if max(from_users, from_features) <= 0:
            return Scored(product_id, score, "popular", ())
        reason: Strategy = "collaborative" if from_users >= from_features else "content"
        speaking = candidate.collaborative if reason == "collaborative" else candidate.content
        loudest = sorted((seed for seed in speaking if speaking[seed] > 0), key=lambda seed: (-speaking[seed], seed))
        return Scored(product_id, score, reason, tuple(loudest[:BECAUSE]))


def similar_products(near: Neighbourhood, weights: Weights, product_id: str) -> list[Scored]:
    """What goes with a product, the nearest first, popularity aside."""
    scores: dict[str, tuple[float, float]] = {}
    for other in near.collaborative:
        scores[other.product_id] = (weights.collaborative * other.lift, 0.0)
    for other in near.content:
        scores[other.product_id] = (scores.get(other.product_id, (0.0, 0.0))[0], weights.content * other.lift)
    scored = [
        Scored(other, sum(both), "collaborative" if both[0] >= both[1] else "content", (product_id,))
        for other, both in scores.items()
    ]
    return sorted(scored, key=lambda it: (-it.score, it.product_id))


def number_of(text: str) -> int:
    """A text as a number below 2⁶³, by BLAKE2b: two of a million texts meet with probability 10⁻⁷."""
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest()) >> 1


def features_of(product: Product) -> Iterator[tuple[str, str]]:
    """What a product's description says, as `(kind, feature)`."""
    seen = set()
    for kind, feature in _features(product):
        if (kind, feature) not in seen:
            seen.add((kind, feature))
            yield kind, feature


def _features(product: Product) -> Iterator[tuple[str, str]]:
    if product.category:
        yield "category", product.category.lower()
    if product.brand:
        yield "brand", product.brand.lower()
    for tag in product.tags:
        yield "tag", tag.lower()
    if product.price:
        yield "price", f"{product.currency}/{round(2 * math.log2(product.price))}"
    said = " ".join([product.category or "", product.brand or "", *product.tags]).lower()
    for word in _WORD.findall(product.name.lower()):
        if word not in said:
            yield "word", word
