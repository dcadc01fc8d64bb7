"""Choose a merchant's weights of collaborative and content-based evidence, its profile, and how to treat repeats.

A model is learned from all but the newest tenth of a sample, with the half-life of popularity that predicts that tenth
best. The weights and profile with the highest NDCG at 10 on it, of products new to the shopper, are chosen; then the
repeats are measured with them.
"""

from __future__ import annotations

import heapq
from functools import partial
from itertools import chain, product
from typing import TYPE_CHECKING

from vitrine.recommendations.choose_half_life import choose_half_life
from vitrine.recommendations.held_out import (
    FEWEST_SHOPPERS,
    GAINS,
    MOST_SHOPPERS,
    TOP,
    hold_out,
    is_better,
    new_to,
    past_model,
)
from vitrine.recommendations.measure_repeats import buyers_of, measure_repeats
from vitrine.recommendations.model import PROFILES, Measured, Weights

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from vitrine.recommendations.held_out import Learn, PastModel, Shopper
    from vitrine.recommendations.model import Candidates, Terms

_OF_USERS = (0.1, 0.2, 0.4, 0.8)  # without other shoppers all see nearly the same products
_OF_FEATURES = (0.0, 0.1, 0.2, 0.4, 0.8)
_GRID = tuple(product(_OF_USERS, _OF_FEATURES))
OPTIONS = tuple(Measured(Weights(*pair), profile) for profile in PROFILES for pair in _GRID)


def choose_weights(tables: Path, learn: Learn) -> Measured | None:
    """Return the best for the interactions in these files, or None if there are too few to measure.

    Keeps the defaults unless others are better by more than two standard errors.
    """
    held_out = hold_out(tables)
    if held_out is None:
        return None
    shoppers = [shopper for shopper in held_out.shoppers if new_to(shopper)][:MOST_SHOPPERS]
    buyers = buyers_of(held_out.shoppers)[:MOST_SHOPPERS]
    if max(len(shoppers), len(buyers)) < FEWEST_SHOPPERS:
        return None
    half_life_days = choose_half_life(held_out)
    learn_past = partial(learn, half_life_days=half_life_days)
    with past_model(tables, held_out, [*shoppers, *buyers], learn_past) as past:
        measured = Measured()
        if len(shoppers) >= FEWEST_SHOPPERS:
            measured = best_of([list(chain(*_measure(past, shopper))) for shopper in shoppers])
        repeats = measure_repeats(past, buyers, measured, held_out.newest)
        return measured._replace(repeats=repeats, popularity_half_life_days=half_life_days)


def _measure(past: PastModel, shopper: Shopper) -> Iterator[list[float]]:
    """Yield a shopper's NDCGs by pair of weights, for each profile."""
    before = {past.ids[touch.product] for touch in shopper.before if touch.product in past.ids}
    later = {past.ids[product] for product in new_to(shopper) if product in past.ids}
    for profile in PROFILES:
        yield _ndcgs(past.candidates(shopper, profile), before, later)


def _ndcgs(candidates: Candidates, before: set[str], later: set[str]) -> list[float]:
    """Return the NDCG at 10 under each pair of weights."""
    terms = [term for term in candidates.terms() if term.product_id not in before]
    if not any(term.product_id in later for term in terms):
        return [0.0] * len(_GRID)
    ideal = sum(GAINS[: len(later)]) or 1.0
    ndcgs = []
    for collaborative in _OF_USERS:
        scored = _contenders([(term, term.prior + collaborative * term.from_users) for term in terms])
        for content in _OF_FEATURES:
            scores = [score + content * term.from_features for term, score in scored]
            best = heapq.nlargest(TOP, range(len(scored)), scores.__getitem__)
            gains = (gain for gain, place in zip(GAINS, best, strict=False) if scored[place][0].product_id in later)
            ndcgs.append(sum(gains) / ideal)
    return ndcgs


def _contenders(scored: Sequence[tuple[Terms, float]]) -> list[tuple[Terms, float]]:
    """Return those that can be among the first ten under some weight of features, in the same order."""
    most = _OF_FEATURES[-1]
    lowest = heapq.nlargest(TOP, (score + min(0.0, most * term.from_features) for term, score in scored))
    return [(term, score) for term, score in scored if score + max(0.0, most * term.from_features) >= lowest[-1]]


def best_of(measured: Sequence[Sequence[float]]) -> Measured:
    """Return one of `OPTIONS`, of which `measured` has the NDCGs of each shopper.

    Of those that one standard error cannot tell from the best (Breiman et al. 1984) it is the one with the greatest
    weights, whose lists are the most personal.
    """
    base = OPTIONS.index(Measured())
    columns = list(zip(*measured, strict=True))
    totals = [sum(column) for column in columns]
    best = columns[max(range(len(OPTIONS)), key=totals.__getitem__)]
    good = [
        at
        for at, column in enumerate(columns)
        if is_better(_differences(column, columns[base])) and not is_better(_differences(best, column), errors=1)
    ]
    return OPTIONS[max(good, key=lambda at: (sum(vars(OPTIONS[at].weights).values()), totals[at]), default=base)]


def _differences(ones: Sequence[float], others: Sequence[float]) -> list[float]:
    return [one - other for one, other in zip(ones, others, strict=True)]
