"""How products are scored for a shopper.

A product's score is the logarithm of its popularity plus the evidence of each of the shopper's newest products: its
*lift*, how much more often shoppers of the one touch the other than all shoppers do (collaborative), or how much more
often shoppers who touch a feature touch it again (content). `docs/recommendations.md` has the formulas and their
sources.
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

    from vitrine.catalog.model import Product

Strategy = Literal["hybrid", "collaborative", "content", "popular"]
STRATEGIES: tuple[Strategy, ...] = ("hybrid", "collaborative", "content", "popular")
Repeat = Literal["exclude", "allow", "first"]
REPEATS: tuple[Repeat, ...] = ("exclude", "allow", "first")

SHORTLIST = 50
BECAUSE = 3
DAY_SECONDS = 86_400
_REPEAT_HALF_LIFE_DAYS = 365
_TYPICAL_INTERVAL_DAYS = 45.0
_DUE = 1.35  # intervals after the last purchase: when the next one is likeliest
RHYTHM = 0.06
_UNTOUCHED = 0.5
_HIGHEST_LIFT = 100.0
_WORD = re.compile(r"[^\W_]{3,}")
TYPE_WEIGHTS: Mapping[str, float] = {"view": 0.25, "click": 0.5, "purchase": 1.0}


@dataclass(frozen=True)
class Weights:
    """The weights of both kinds of evidence beside popularity. The defaults were measured (bench/recommendations)."""

    collaborative: float = 0.4
    content: float = 0.4


class Profile(NamedTuple):
    """How much of a shopper's history is evidence: `length` products, of weights that halve after each `half_life`."""

    half_life: int = 5
    length: int = 30


PROFILES = (Profile(), Profile(half_life=1000, length=200))
POPULARITY_HALF_LIVES = (180, 30, 7)
"""The days after which a touch counts half for popularity: the default, and those that may predict better."""


class RepeatsIn(NamedTuple):
    """How often shoppers buy again, in a shop or a category, and the NDCG at 10 of each way to treat that.

    `share` is the share of products bought before among those of the next visits of `shoppers`. `product_id` is one
    of the category's products. `best` is `exclude` unless another one is better by more than two standard errors.
    """

    shoppers: int
    share: float
    ndcg: Mapping[Repeat, float]
    best: Repeat
    product_id: str = ""


class Repeats(NamedTuple):
    """What was measured of buying again, in the shop and by the keys of its categories.

    `rhythm` is how much the time since the last purchase counts. `newest` is the time of the newest interaction.
    """

    shop: RepeatsIn
    categories: Mapping[str, RepeatsIn]
    rhythm: float
    newest: float


class Measured(NamedTuple):
    """What was measured to predict a merchant's shoppers best."""

    weights: Weights = Weights()
    profile: Profile = Profile()
    repeats: Repeats | None = None
    popularity_half_life_days: int = POPULARITY_HALF_LIVES[0]


class ChosenWeights(NamedTuple):
    """What a merchant chose; None leaves what was measured. `categories` are in folded case."""

    collaborative: float | None = None
    content: float | None = None
    repeat: Repeat | None = None
    categories: Mapping[str, Repeat] = MappingProxyType({})

    def over(self, measured: Weights) -> Weights:
        """Return the weights in effect."""
        return Weights(
            measured.collaborative if self.collaborative is None else self.collaborative,
            measured.content if self.content is None else self.content,
        )


class Neighbour(NamedTuple):
    """A product that is often used together with another. `users` have touched it, recent ones counting more."""

    product_id: str
    lift: float
    users: float


@dataclass(frozen=True)
class Neighbourhood:
    """A product's neighbours, by behaviour and by features, and its own features."""

    collaborative: Sequence[Neighbour] = ()
    content: Sequence[Neighbour] = ()
    tokens: frozenset[int] = frozenset()


class Feature(NamedTuple):
    """Log of how much likelier those who touched a feature touch it again; the feature's share of all touches."""

    lift: float
    share: float


class Popular(NamedTuple):
    """A popular product with its features. `users` is as for neighbours."""

    product_id: str
    users: float
    tokens: Mapping[int, Feature]


class Seed(NamedTuple):
    """A product that the shopper touched, with its weight as evidence, from 0 to 1."""

    product_id: str
    weight: float


class Scored(NamedTuple):
    """A ranked product, the strongest reason for it, and the shopper's products behind that reason."""

    product_id: str
    score: float
    reason: Strategy | Literal["repeat"]
    because: tuple[str, ...]


class Bought(NamedTuple):
    """A product that was bought before.

    `often` is the logarithm of how often, `last` the time of the last purchase in seconds, and `interval` the days
    between purchases, if it was bought on several days.
    """

    product_id: str
    often: float
    last: float = 0.0
    interval: float | None = None

    def score(self, now: float, rhythm: float) -> float:
        """Return how likely it is bought again now: how often it was bought, and whether it is due.

        The logarithm of the time since the last purchase, in intervals, is taken as normally distributed.
        """
        if self.interval is None or not rhythm:
            return self.often
        since = max((now - self.last) / DAY_SECONDS, 0.25)
        return self.often - rhythm * math.log(since / self.interval / _DUE) ** 2


class Shortlist(NamedTuple):
    """A shopper's ranked candidates by strategy, those that were bought before, and products to buy again."""

    ranked: Mapping[Strategy, Sequence[Scored]] = MappingProxyType({})
    bought: frozenset[str] = frozenset()
    again: Sequence[Bought] = ()

    def candidates(self, strategy: Strategy, repeat: Repeat, *, now: float = 0.0, rhythm: float = 0.0) -> list[Scored]:
        """Return a strategy's candidates without bought products, with them, or with products to buy again first.

        Those to buy again are in the order of how likely they are bought `now` (seconds).
        """
        ranked = self.ranked.get(strategy, ())
        if repeat == "exclude":
            return [scored for scored in ranked if scored.product_id not in self.bought]
        if repeat == "allow":
            return list(ranked)
        again = by_score(
            Scored(bought.product_id, bought.score(now, rhythm), "repeat", (bought.product_id,))
            for bought in self.again
        )
        listed = {scored.product_id for scored in again[: SHORTLIST // 2]}
        return [*again[: SHORTLIST // 2], *(scored for scored in ranked if scored.product_id not in listed)]


def seeds_of(newest: Iterable[tuple[str, float]], profile: Profile) -> list[Seed]:
    """Return the distinct products of touches `(product_id, weight)`, newest first, weighted by recency and type."""
    strongest: dict[str, float] = {}
    for product_id, weight in newest:
        strongest[product_id] = max(weight, strongest.get(product_id, 0.0))
    return [
        Seed(product_id, weight * 0.5 ** (rank / profile.half_life))
        for rank, (product_id, weight) in enumerate(list(strongest.items())[: profile.length])
    ]


def bought_again(purchases: Iterable[tuple[str, float]]) -> list[Bought]:
    """Return the products of purchases `(product_id, seconds)`, those that were bought most often first.

    A purchase's weight halves for each year before the newest one. Logarithms are scores like all others. Intervals
    are between days with a purchase, and one of the typical length is imagined.
    """
    times: dict[str, list[float]] = {}
    for product_id, at in purchases:
        times.setdefault(product_id, []).append(at)
    newest = max((max(each) for each in times.values()), default=0.0)
    bought = (_bought(product_id, each, newest) for product_id, each in times.items())
    return sorted(bought, key=lambda product: (-product.often, product.product_id))


def _bought(product_id: str, times: Sequence[float], newest: float) -> Bought:
    often = sum(0.5 ** ((newest - at) / DAY_SECONDS / _REPEAT_HALF_LIFE_DAYS) for at in times)
    gaps = len({at // DAY_SECONDS for at in times}) - 1
    span = (max(times) - min(times)) / DAY_SECONDS
    interval = (span + _TYPICAL_INTERVAL_DAYS) / (gaps + 1) if gaps else None
    return Bought(product_id, math.log(often + _UNTOUCHED), max(times), interval)


def by_score(scored: Iterable[Scored]) -> list[Scored]:
    """Sort by score, the highest first, then by id."""
    return sorted(scored, key=lambda product: (-product.score, product.product_id))


def prior(users: float) -> float:
    """Return a product's score by popularity alone."""
    return math.log(users + _UNTOUCHED)


class Terms(NamedTuple):
    """The evidence for a product, unweighted: popularity, other shoppers, features."""

    product_id: str
    prior: float
    from_users: float
    from_features: float


def taste(feature: Feature, touches: float, of: float) -> float:
    """Return the log of how much likelier than anyone a shopper takes a feature that `touches` of `of` touches had.

    Tastes are beta-distributed around the feature's share, with as many prior touches as make a single touch count
    for the feature's lift.
    """
    if feature.lift <= 0:
        return 0.0
    again = math.exp(feature.lift)
    prior_touches = max(1.0, (1 / feature.share - again) / (again - 1))
    return math.log((touches / feature.share + prior_touches) / (of + prior_touches))


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
    """The features of a shopper's products, weighted."""

    def __init__(self, seeds: Sequence[Seed], neighbourhoods: Mapping[str, Neighbourhood]) -> None:
        self._weights = {seed.product_id: seed.weight for seed in seeds if seed.product_id in neighbourhoods}
        self._touched: dict[int, list[str]] = {}
        for product_id in self._weights:
            for token in neighbourhoods[product_id].tokens:
                self._touched.setdefault(token, []).append(product_id)
        self._of = sum(self._weights.values())

    def of(self, product_id: str, features: Mapping[int, Feature]) -> tuple[float, dict[str, float]]:
        """Return the evidence of a product's features: the sum, and the part of each of the shopper's products.

        The product itself is no evidence for itself.
        """
        own = self._weights.get(product_id, 0.0)
        total = 0.0
        parts: dict[str, float] = {}
        for token, feature in features.items():
            others = {other: self._weights[other] for other in self._touched.get(token, ()) if other != product_id}
            touches = sum(others.values())
            evidence = taste(feature, touches, self._of - own)
            total += evidence
            for other, weight in others.items():
                parts[other] = parts.get(other, 0.0) + evidence * weight / touches
        return total, parts


class Candidates:
    """All products that there is evidence for, to be ranked under each strategy."""

    def __init__(
        self,
        seeds: Sequence[Seed],
        neighbourhoods: Mapping[str, Neighbourhood],
        popular: Sequence[Popular],
        recent: Mapping[str, float] = MappingProxyType({}),
    ) -> None:
        """`recent` counts the users who touched each product since the model was made."""
        self._recent = recent
        self._candidates = {product.product_id: self._new(product.product_id, product.users) for product in popular}
        listed = set(self._candidates)
        for seed in seeds:
            neighbourhood = neighbourhoods.get(seed.product_id, Neighbourhood())
            for neighbour in neighbourhood.collaborative:
                self._candidate(neighbour).collaborative[seed.product_id] = seed.weight * neighbour.lift
            for neighbour in neighbourhood.content:
                odds = math.expm1(min(neighbour.lift, _HIGHEST_LIFT))
                self._candidate(neighbour).content[seed.product_id] = seed.weight * odds
        for product_id in recent:
            self._candidates.setdefault(product_id, self._new(product_id, 0.0))
        for product_id, candidate in self._candidates.items():
            if product_id not in listed:
                candidate.from_features = math.log1p(sum(candidate.content.values()))
        tastes = _Tastes(seeds, neighbourhoods)
        for product in popular:
            candidate = self._candidates[product.product_id]
            candidate.from_features, candidate.content = tastes.of(product.product_id, product.tokens)

    def ranked(self, strategy: Strategy, weights: Weights) -> list[Scored]:
        """Return all candidates under a strategy, the best first."""
        collaborative = weights.collaborative if strategy in {"hybrid", "collaborative"} else 0.0
        content = weights.content if strategy in {"hybrid", "content"} else 0.0
        return by_score(
            self._score(product_id, candidate, collaborative, content)
            for product_id, candidate in self._candidates.items()
        )

    def terms(self) -> Iterator[Terms]:
        """Iterate over the evidence for all candidates."""
        for product_id, candidate in self._candidates.items():
            yield Terms(product_id, candidate.prior, candidate.from_users, candidate.from_features)

    def _candidate(self, neighbour: Neighbour) -> _Candidate:
        if neighbour.product_id not in self._candidates:
            self._candidates[neighbour.product_id] = self._new(neighbour.product_id, neighbour.users)
        return self._candidates[neighbour.product_id]

    def _new(self, product_id: str, users: float) -> _Candidate:
        return _Candidate(users + self._recent.get(product_id, 0.0))

    def _score(self, product_id: str, candidate: _Candidate, collaborative: float, content: float) -> Scored:
        from_users = collaborative * candidate.from_users
        from_features = content * candidate.from_features
        score = candidate.prior + from_users + from_features
        if max(from_users, from_features) <= 0:
            return Scored(product_id, score, "popular", ())
        reason: Strategy = "collaborative" if from_users >= from_features else "content"
        evidence = candidate.collaborative if reason == "collaborative" else candidate.content
        strongest = sorted((seed for seed in evidence if evidence[seed] > 0), key=lambda seed: (-evidence[seed], seed))
        return Scored(product_id, score, reason, tuple(strongest[:BECAUSE]))


def similar_products(neighbourhood: Neighbourhood, weights: Weights, product_id: str) -> list[Scored]:
    """Rank a product's neighbours without regard to popularity."""
    scores: dict[str, tuple[float, float]] = {}
    for other in neighbourhood.collaborative:
        scores[other.product_id] = (weights.collaborative * other.lift, 0.0)
    for other in neighbourhood.content:
        scores[other.product_id] = (scores.get(other.product_id, (0.0, 0.0))[0], weights.content * other.lift)
    return by_score(
        Scored(other, sum(both), "collaborative" if both[0] >= both[1] else "content", (product_id,))
        for other, both in scores.items()
    )


def number_of(text: str) -> int:
    """Return a text's BLAKE2b hash below 2⁶³: two of a million texts collide with probability 10⁻⁷."""
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest()) >> 1


def features_of(product: Product) -> Iterator[tuple[str, str]]:
    """Iterate over the distinct features of a product, as `(kind, feature)`."""
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
    known = " ".join([product.category or "", product.brand or "", *product.tags]).lower()
    for word in _WORD.findall(product.name.lower()):
        if word not in known:
            yield "word", word
