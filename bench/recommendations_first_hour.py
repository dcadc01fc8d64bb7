"""How good are the first ten products in a new shop? NDCG@10 of the next purchases, of products new to the shopper.

    python -m bench.recommendations_first_hour [--shops 10] [--after 1 10 100]

Each shop opens at another moment of online-retail and knows all products, but no purchase. After 1, 10, 100, 1,000
and 10,000 purchases, the shoppers of the next 3,000 are asked for, most of whom are unknown to a young shop. Shops
build a model at the first interaction and whenever interactions double, so the newest model has seen more than half of
them; the touches since then are counted beside it. It is compared with popularity (purchases so far; equals in the
order of a hash), and with a model of everything so far. The last tenth is not used.
"""

from __future__ import annotations

import argparse
from collections import Counter
from typing import TYPE_CHECKING

from bench.recommendations import scores, told
from bench.recommendations_data import Split, online_retail
from bench.recommendations_peers import TOP
from bench.recommendations_shop import Shop
from vitrine.recommendations.model import number_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bench.recommendations_peers import Ranked
    from vitrine.catalog.model import Interaction, Product

AFTER = (1, 10, 100, 1_000, 10_000)
NEXT = 3_000


def opened(products: list[Product], purchases: Sequence[Interaction], count: int) -> Split:
    """A shop after `count` purchases; all shoppers of the next ones are asked for, unknown ones too."""
    past = list(purchases[:count])
    touched = {(purchase.user_id, purchase.product_id) for purchase in past}
    later: dict[str, set[str]] = {}
    for purchase in purchases[count : count + NEXT]:
        if (purchase.user_id, purchase.product_id) not in touched:
            later.setdefault(purchase.user_id, set()).add(purchase.product_id)
    return Split(products, past, later)


def popular(found: Split) -> Ranked:
    times = Counter(purchase.product_id for purchase in found.past)
    best = sorted(times, key=lambda product_id: (-times[product_id], number_of(product_id)))
    bought: dict[str, set[str]] = {}
    for purchase in found.past:
        bought.setdefault(purchase.user_id, set()).add(purchase.product_id)
    return {user: [each for each in best if each not in bought.get(user, ())][:TOP] for user in found.later}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shops", type=int, default=10)
    parser.add_argument("--after", type=int, nargs="+", default=AFTER)
    chosen = parser.parse_args()
    shops = chosen.shops
    products, purchases, *_ = online_retail(1)
    room = len(purchases) - AFTER[-1] - NEXT
    print("purchases  popularity     newest model   model of all   newest model - popularity")
    for count in chosen.after:
        found = [opened(products, purchases[room * shop // shops :], count) for shop in range(shops)]
        floor = [value for each in found for value in scores(popular(each), each.later)]
        newest, whole = (
            [value for each in found for value in scores(hybrid(Shop(each, seen), each), each.later)]
            for seen in (1 << count.bit_length() - 1, count)
        )
        gains = told([mine - its for mine, its in zip(newest, floor, strict=True)])
        columns = "  ".join([told(floor), told(newest), told(whole), gains])
        print(f"{count:9}  {columns}  {len(floor)} shoppers", flush=True)


def hybrid(shop: Shop, found: Split) -> Ranked:
    return {user: shop.ranked(user)["hybrid"] for user in found.later}


if __name__ == "__main__":
    main()
