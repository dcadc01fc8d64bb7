"""How good are the first ten products? NDCG@10 of products new to the shopper, among all products.

    python -m bench.recommendations [--set groceries|online-retail|films] [--tune]

Groceries are split by week: settings of the peers are chosen on weeks 34 to 38, what is printed is of 39 to 43.
Of the purchases in online-retail the newest tenth is held out, and the tenth before it chooses. Of films each one's
last fifth is held out, and the fifth before it chooses. `--tune` stops after choosing, and tells of two earlier
slices too.
"""

from __future__ import annotations

import argparse
import math
import random
from bisect import bisect_left
from collections import Counter
from functools import partial
from typing import TYPE_CHECKING

from bench.recommendations_data import films, groceries, online_retail
from bench.recommendations_peers import PEERS, TOP, Matrix
from bench.recommendations_shop import Shop
from vitrine.recommendations.model import DAY_SECONDS, REPEATS

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from bench.recommendations_data import Split
    from bench.recommendations_peers import Ranked

    Key = tuple[float, float]

SETS: dict[str, tuple[Callable[[], Split], ...]] = {
    "groceries": tuple(partial(groceries, first, first + 4) for first in (39, 34, 29, 24)),
    "online-retail": tuple(partial(online_retail, held_out) for held_out in (1, 2, 3, 4)),
    "films": tuple(partial(films, held_out) for held_out in (1, 2, 3, 4)),
}
ASIDE = {"popularity", "EASE with our recency"}  # the floor, and what recency alone would bring
DIVERSITIES = (10, 25, 50)
STRATEGIES = ("popular", "content", "collaborative", "hybrid")
_GAINS = [1 / math.log2(place + 2) for place in range(TOP)]


def gain(ranked: list[str], wanted: set[str]) -> float:
    got = sum(gain for gain, product_id in zip(_GAINS, ranked, strict=False) if product_id in wanted)
    return got / sum(_GAINS[: len(wanted)])


def scores(ranked: Ranked, later: dict[str, set[str]]) -> list[float]:
    return [gain(ranked[user], wanted) for user, wanted in later.items()]


def told(found: Sequence[float]) -> str:
    """The mean and its error."""
    return f"{mean(found):.4f} ±{math.sqrt(sum((value - mean(found)) ** 2 for value in found)) / len(found):.4f}"


def beside(results: dict[str, list[float]], one: str, other: str) -> None:
    differences = [mine - its for mine, its in zip(results[one], results[other], strict=True)]
    print(f"{one} - {other}: {told(differences)}", flush=True)


def mean(found: Sequence[float]) -> float:
    return sum(found) / len(found)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--set", choices=SETS, default="groceries")
    parser.add_argument("--tune", action="store_true")
    chosen = parser.parse_args()
    held_out, *choosing = SETS[chosen.set]
    found = choosing[0]()
    matrix = Matrix(found)
    settings: dict[str, str] = {}
    for peer, tries in PEERS.items():
        tried = {name: mean(scores(rank(), found.later)) for name, rank in tries(matrix, found.later)}
        settings[peer] = max(tried, key=lambda name: tried[name])
        print(f"{peer:24} {tried[settings[peer]]:.4f} of {len(tried)} tried: {settings[peer]}", flush=True)
    for take in choosing if chosen.tune else [held_out]:
        found = take()
        matrix = Matrix(found)
        ranked = {
            peer: next(rank() for name, rank in tries(matrix, found.later) if name == settings[peer])
            for peer, tries in PEERS.items()
        }
        report(found, ranked)


def report(found: Split, peers: dict[str, Ranked]) -> None:
    shop = Shop(found)
    ours = {user: shop.ranked(user) for user in found.later}
    results = {peer: scores(ranked, found.later) for peer, ranked in peers.items()}
    ranked = {**peers, **{strategy: {user: mine[strategy] for user, mine in ours.items()} for strategy in STRATEGIES}}
    for percent in DIVERSITIES:
        ranked[f"hybrid, diversity {percent}"] = {user: shop.diversified(user, percent) for user in found.later}
    for name in [name for name in ranked if name not in peers]:
        results[name] = scores(ranked[name], found.later)
    touched = len({interaction.product_id for interaction in found.past})
    print(
        f"\n{len(ours)} shoppers, {len(found.products)} products, {len(found.past)} interactions;"
        f" {shop.weights}, {shop.profile}, popularity halves in {shop.measured.popularity_half_life_days} days"
    )
    best = max((peer for peer in peers if peer not in ASIDE), key=lambda peer: mean(results[peer]))
    for name, each in results.items():
        shown = len({product_id for listed in ranked[name].values() for product_id in listed[:TOP]})
        print(
            f"{name:24} {told(each)}  {mean(each) / mean(results[best]):.2f} of the best peer,"
            f" shows {shown / touched:.1%} of touched products",
            flush=True,
        )
    for percent in DIVERSITIES:
        beside(results, f"hybrid, diversity {percent}", "hybrid")
    for one, other in (("hybrid", best), ("hybrid", "collaborative"), ("content", "popular")):
        beside(results, one, other)
    report_cold(shop, found)
    report_repeats(shop, found)


def report_repeats(shop: Shop, found: Split) -> None:
    """All that shoppers bought on the first day of their return, and until the end; predicted when they returned."""
    measured = shop.repeats
    print(f"\nbuying again, measured before: {measured.shop if measured else 'too few shoppers'}")
    if measured:
        ways = Counter(each.best for each in measured.categories.values())
        print(f"products that are due come sooner: {measured.rhythm > 0}; by category: {dict(ways)}")
    bought = {(interaction.user_id, interaction.product_id) for interaction in found.past}
    returned: dict[str, float] = {}
    day: dict[str, set[str]] = {}
    whole: dict[str, set[str]] = {}
    for interaction in found.after:
        user, at = interaction.user_id, interaction.occurred_at.timestamp()
        whole.setdefault(user, set()).add(interaction.product_id)
        if at < returned.setdefault(user, at) + DAY_SECONDS:
            day.setdefault(user, set()).add(interaction.product_id)
    shown = {user: shop.with_repeats(user, at) for user, at in returned.items()}
    for name, wanted in (("the next visit", day), ("until the end", whole)):
        pairs = [(user, product_id) for user, each in wanted.items() for product_id in each]
        share = mean([pair in bought for pair in pairs])
        print(f"{name}: {len(wanted)} shoppers, {share:.1%} of the products were bought before")
        results = {
            str(repeat): scores({user: lists[repeat] for user, lists in shown.items()}, wanted) for repeat in REPEATS
        }
        for repeat, each in results.items():
            print(f"repeat={repeat:7} {told(each)}", flush=True)
        for repeat in ("allow", "first"):
            beside(results, repeat, "exclude")


def report_cold(shop: Shop, found: Split) -> None:
    """Of what came afterwards, the tenth that fewest had touched: ranked among all products as cold as these.

    What nothing speaks for has its popularity alone; equals are in an order drawn by lot.
    """
    touched = Counter(
        product_id for _, product_id in {(interaction.user_id, interaction.product_id) for interaction in found.past}
    )
    pairs = sorted(touched[product_id] for wanted in found.later.values() for product_id in wanted)
    most = pairs[len(pairs) // 10]
    draw = random.Random(0)
    lots = {product.product_id: draw.random() for product in found.products if touched[product.product_id] <= most}
    later = {user: wanted & lots.keys() for user, wanted in found.later.items() if wanted & lots.keys()}
    alone = {product_id: (-shop.prior(product_id), lot) for product_id, lot in lots.items()}
    line = sorted(alone.values())
    places: dict[str, list[list[int]]] = {strategy: [] for strategy in STRATEGIES}
    for user, wanted in later.items():
        for strategy, scores_of in shop.spoken_for(user, lots).items():
            spoken = {product_id: (-score, lots[product_id]) for product_id, score in scores_of.items()}
            places[strategy].append(
                places_of([spoken.get(product_id, alone[product_id]) for product_id in wanted], spoken, alone, line)
            )
    print(f"\nthe coldest: {len(lots)} products that at most {most} touched, {len(later)} shoppers")
    for share in (0.01, 0.1):
        results = {
            strategy: [mean([place < share * len(lots) for place in some]) for some in places[strategy]]
            for strategy in STRATEGIES
        }
        for strategy, each in results.items():
            print(f"{strategy:24} {told(each)} of it among the first {share:.0%}", flush=True)
        beside(results, "hybrid", "collaborative")
        beside(results, "content", "popular")


def places_of(keys: list[Key], spoken: dict[str, Key], alone: dict[str, Key], line: list[Key]) -> list[int]:
    """Where each key stands in the line of all products, of which those spoken for stand elsewhere than in `line`."""
    return [
        bisect_left(line, key) + sum((rank < key) - (alone[product_id] < key) for product_id, rank in spoken.items())
        for key in keys
    ]


if __name__ == "__main__":
    main()
