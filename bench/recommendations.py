"""How good are the first ten products? NDCG@10 of products new to the shopper, among all products.

    python -m bench.recommendations [--set groceries|films] [--tune]

Groceries are split by week: settings of the peers are chosen on weeks 34 to 38, what is printed is of 39 to 43.
Of films each one's last fifth is held out, and the fifth before it chooses. `--tune` stops after choosing.
"""

from __future__ import annotations

import argparse
import math
from collections import Counter
from functools import partial
from typing import TYPE_CHECKING

from bench.recommendations_data import films, groceries
from bench.recommendations_peers import PEERS, TOP, Matrix
from bench.recommendations_shop import Shop
from vitrine.recommendations.model import STRATEGIES

if TYPE_CHECKING:
    from collections.abc import Callable

    from bench.recommendations_data import Split
    from bench.recommendations_peers import Ranked

SETS: dict[str, tuple[Callable[[], Split], Callable[[], Split]]] = {
    "groceries": (partial(groceries, 34, 38), partial(groceries, 39, 43)),
    "films": (partial(films, 2), partial(films, 1)),
}
ASIDE = {"popularity", "EASE with our recency"}  # the floor, and what recency alone would bring
_GAINS = [1 / math.log2(place + 2) for place in range(TOP)]


def gain(ranked: list[str], wanted: set[str]) -> float:
    got = sum(gain for gain, product_id in zip(_GAINS, ranked, strict=False) if product_id in wanted)
    return got / sum(_GAINS[: len(wanted)])


def scores(ranked: Ranked, later: dict[str, set[str]]) -> list[float]:
    return [gain(ranked[user], wanted) for user, wanted in later.items()]


def mean(found: list[float]) -> float:
    return sum(found) / len(found)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--set", choices=SETS, default="groceries")
    parser.add_argument("--tune", action="store_true")
    chosen = parser.parse_args()
    choosing, held_out = SETS[chosen.set]
    found = choosing()
    matrix = Matrix(found)
    settings: dict[str, str] = {}
    for peer, tries in PEERS.items():
        tried = {name: mean(scores(rank(), found.later)) for name, rank in tries(matrix, found.later)}
        settings[peer] = max(tried, key=lambda name: tried[name])
        print(f"{peer:24} {tried[settings[peer]]:.4f} of {len(tried)} tried: {settings[peer]}", flush=True)
    if chosen.tune:
        report(found, {})
        return
    found = held_out()
    matrix = Matrix(found)
    report(
        found,
        {
            peer: next(rank() for name, rank in tries(matrix, found.later) if name == settings[peer])
            for peer, tries in PEERS.items()
        },
    )


def report(found: Split, peers: dict[str, Ranked]) -> None:
    shop = Shop(found)
    ours = {user: shop.ranked(user) for user in found.later}
    results = {peer: scores(ranked, found.later) for peer, ranked in peers.items()}
    for strategy in ("popular", "content", "collaborative", "hybrid"):
        results[f"ours, {strategy}"] = scores({user: mine[strategy] for user, mine in ours.items()}, found.later)
    users = len(found.later)
    print(f"\n{users} shoppers, {len(found.products)} products, {len(found.past)} interactions; {shop.weights}")
    best = max((mean(results[peer]) for peer in peers if peer not in ASIDE), default=1)
    for name, each in results.items():
        error = math.sqrt(sum((it - mean(each)) ** 2 for it in each)) / users
        print(f"{name:24} {mean(each):.4f} ±{error:.4f}  {mean(each) / best:.2f} of the best peer", flush=True)
    report_cold(shop, found)


def report_cold(shop: Shop, found: Split) -> None:
    """Of what came afterwards, the tenth that fewest had touched: ranked among all products as cold as these."""
    touched = Counter(product_id for _, product_id in {(it.user_id, it.product_id) for it in found.past})
    pairs = sorted(touched[product_id] for wanted in found.later.values() for product_id in wanted)
    most = pairs[len(pairs) // 10]
    cold = {it.product_id for it in found.products if touched[it.product_id] <= most}
    later = {user: wanted & cold for user, wanted in found.later.items() if wanted & cold}
    ours = {user: shop.ranked_among(user, cold) for user in later}
    print(f"\nthe coldest: {len(cold)} products that at most {most} touched, {len(later)} shoppers")
    for strategy in STRATEGIES:
        ranked = {user: mine[strategy] for user, mine in ours.items()}
        print(f"ours, {strategy:18} {mean(scores(ranked, later)):.4f}", flush=True)


if __name__ == "__main__":
    main()
