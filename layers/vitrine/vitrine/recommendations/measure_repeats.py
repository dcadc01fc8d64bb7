"""Measure how often shoppers buy again, and which way to treat that predicts their next visits best."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, NamedTuple

from vitrine.recommendations.held_out import FEWEST_SHOPPERS, NEWEST, TOP, Shopper, is_better, ndcg
from vitrine.recommendations.model import (
    DAY_SECONDS,
    REPEATS,
    RHYTHM,
    SHORTLIST,
    Repeats,
    RepeatsIn,
    Shortlist,
    bought_again,
)

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from vitrine.recommendations.held_out import PastModel
    from vitrine.recommendations.model import Measured, Repeat

    Listed = dict[Repeat, list[str]]

_MOST_CATEGORIES = 20


class _Visit(NamedTuple):
    """A buyer's next visit: what was bought then, what had been bought before, and what would have been shown.

    `by_rhythm` is the list of `first` in the order of which products are due.
    """

    wanted: frozenset[str]
    bought: frozenset[str]
    shown: Listed
    by_rhythm: list[str]


def buyers_of(shoppers: Iterable[Shopper]) -> list[Shopper]:
    """Return the shoppers who bought something later, each with the purchases of the first day with any."""
    buyers = []
    for shopper in shoppers:
        purchases = [touch for touch in shopper.later if touch.is_purchase]
        if purchases:
            visit = [touch for touch in purchases if touch.at_seconds < purchases[0].at_seconds + DAY_SECONDS]
            buyers.append(Shopper(shopper.before, visit))
    return buyers


def measure_repeats(past: PastModel, buyers: Sequence[Shopper], measured: Measured, newest: float) -> Repeats | None:
    """Return what the buyers' next visits tell, of the shop and of the categories that enough of them bought from.

    `newest` is the time of the newest interaction. Returns None for too few buyers.
    """
    if len(buyers) < FEWEST_SHOPPERS:
        return None
    visits = [_visit(past, buyer, measured) for buyer in buyers]
    by_rhythm = [ndcg(visit.by_rhythm, visit.wanted) for visit in visits]
    first = [ndcg(visit.shown["first"], visit.wanted) for visit in visits]
    follows = is_better([mine - its for mine, its in zip(by_rhythm, first, strict=True)])
    if follows:
        visits = [visit._replace(shown={**visit.shown, "first": visit.by_rhythm}) for visit in visits]
    bought_in = Counter(
        category for visit in visits for category in {past.categories.get(product) for product in visit.wanted}
    )
    common = [
        category
        for category, shoppers in bought_in.most_common(_MOST_CATEGORIES + 1)
        if category and shoppers >= FEWEST_SHOPPERS
    ]
    category_of = past.products_in(common) if common else {}
    return Repeats(
        _of(visits),
        {category: _of_category(past, visits, category, category_of) for category in common},
        RHYTHM if follows else 0.0,
        newest,
    )


def _visit(past: PastModel, buyer: Shopper, measured: Measured) -> _Visit:
    wanted = frozenset(past.ids[touch.product] for touch in buyer.later if touch.product in past.ids)
    bought = frozenset(
        past.ids[touch.product] for touch in buyer.before if touch.is_purchase and touch.product in past.ids
    )
    again = bought_again(
        (past.ids[touch.product], touch.at_seconds)
        for touch in buyer.before[:NEWEST]
        if touch.is_purchase and touch.product in past.ids
    )
    ranked = past.candidates(buyer, measured.profile).ranked("hybrid", measured.weights)[: 2 * SHORTLIST]
    shortlist = Shortlist({"hybrid": ranked}, bought, again[:SHORTLIST])
    now = buyer.later[0].at_seconds

    def shown(repeat: Repeat, rhythm: float = 0.0) -> list[str]:
        candidates = shortlist.candidates("hybrid", repeat, now=now, rhythm=rhythm)
        return [scored.product_id for scored in candidates[:SHORTLIST]]

    return _Visit(wanted, bought, {repeat: shown(repeat) for repeat in REPEATS}, shown("first", RHYTHM))


def _of_category(past: PastModel, visits: Iterable[_Visit], category: str, category_of: Mapping[str, str]) -> RepeatsIn:
    """Measure the lists of a category: half of each list, and then what is popular in the category."""
    inside = {product for product, its in category_of.items() if its == category}
    popular = past.popular_in(category)
    narrowed = [
        visit._replace(
            wanted=visit.wanted & inside,
            shown={
                repeat: _narrowed(shown, inside, popular, visit.bought if repeat == "exclude" else ())
                for repeat, shown in visit.shown.items()
            },
        )
        for visit in visits
        if visit.wanted & inside
    ]
    return _of(narrowed)._replace(product_id=min(narrowed[0].wanted))


def _narrowed(
    shown: Sequence[str], inside: Collection[str], popular: Iterable[str], without: Collection[str]
) -> list[str]:
    preferred = [product for product in shown[: SHORTLIST // 2] if product in inside]
    rest = [product for product in popular if product not in without]
    return list(dict.fromkeys([*preferred, *rest]))[:TOP]


def _of(visits: Sequence[_Visit]) -> RepeatsIn:
    each = {repeat: [ndcg(visit.shown[repeat], visit.wanted) for visit in visits] for repeat in REPEATS}
    means = {repeat: sum(values) / len(visits) for repeat, values in each.items()}
    better = [
        repeat
        for repeat in REPEATS
        if is_better([mine - its for mine, its in zip(each[repeat], each["exclude"], strict=True)])
    ]
    best: Repeat = max(better, key=means.__getitem__, default="exclude")
    bought = sum(len(visit.wanted) for visit in visits)
    return RepeatsIn(
        len(visits), sum(len(visit.wanted & visit.bought) for visit in visits) / max(1, bought), means, best
    )
