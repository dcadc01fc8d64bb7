"""What do clicks teach? NDCG@10 on graded queries after simulated shoppers searched and clicked.

    python -m bench.search_clicks [--searches 10 100 1000]

A shopper looks at the hit at place n with probability 1/n and clicks a hit of grade 3, 2 and 1 with probability 0.5,
0.25 and 0.05, others by mistake with 0.02. The order that is shown is learned from, and the next shoppers see what was
learned. CLICKED was chosen on the first half of the queries.
"""

from __future__ import annotations

import argparse
import random
from typing import TYPE_CHECKING

from bench.search_data import product_queries, products
from bench.search_engines import SHOP, embedded
from bench.search_relevance import ndcg
from vitrine.search.model import Search
from vitrine.search.queries import FOUND, Amount, QueryCounts, query_id_of
from vitrine.search.relevance import words

if TYPE_CHECKING:
    from bench.search_data import Judged
    from vitrine.search.ports import ImageFinder

CLICK_RATES = {3: 0.5, 2: 0.25, 1: 0.05, 0: 0.02}
PAGE = 20
UPDATES = 10
NOW = 0


def found(finder: ImageFinder, counts: QueryCounts, text: str, limit: int) -> list[str]:
    search = Search(text, raised=counts.raised(NOW), limit=limit)
    return [hit.image.id for hit in finder.search(SHOP, search, None).hits]


def learned(finder: ImageFinder, query: Judged, searches: int, chance: random.Random) -> QueryCounts:
    counts = QueryCounts(str(query_id_of(words(query.text))))
    clicks: dict[str, int] = {}
    done = 0
    for part in range(1, UPDATES + 1):
        shown = found(finder, counts, query.text, PAGE)
        for _ in range(searches * part // UPDATES - done):
            for place, image_id in enumerate(shown, 1):
                if chance.random() < 1 / place and chance.random() < CLICK_RATES[query.grades.get(image_id, 0)]:
                    clicks[image_id] = clicks.get(image_id, 0) + 1
        done = searches * part // UPDATES
        amounts = {f"products+{image_id}": Amount(amount, amount, NOW) for image_id, amount in clicks.items()}
        counts = counts.with_amounts({FOUND: Amount(done, done, NOW), **amounts}, NOW)
    return counts


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--searches", type=int, nargs="*", default=[0, 10, 100, 1000])
    options = parser.parse_args()
    with embedded(products()) as finder:
        for searches in options.searches:
            told = []
            for half, queries in zip(("chosen on", "held out"), product_queries(), strict=True):
                everything = judged = 0.0
                for query in queries:
                    counts = learned(finder, query, searches, random.Random(query.text))
                    ranked = found(finder, counts, query.text, 100)
                    everything += ndcg(ranked, query.grades)
                    judged += ndcg([image_id for image_id in ranked if image_id in query.grades], query.grades)
                told.append(f"{half} all {everything / len(queries):.4f} judged {judged / len(queries):.4f}")
            print(f"after {searches:>5,} searches of each query: NDCG@10 {'; '.join(told)}", flush=True)


if __name__ == "__main__":
    main()
