"""How long learning takes and how much memory it needs, beside implicit's item-kNN.

    python -m bench.recommendations_batch [--interactions 100000 1000000] [--hot]

The groceries' purchases, drawn again and again: each draw is one of a household's, given to one of its likenesses,
of which there are as many as keep histories as long as they are. Each engine learns in a process of its own, from
the same files, on two cores. `--hot` adds a product that every shopper buys.
"""

from __future__ import annotations

import argparse
import gzip
import json
import random
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from bench.recommendations_data import groceries
from vitrine.catalog.model import Product
from vitrine.recommendations import duckdb
from vitrine.recommendations.choose_weights import choose_weights
from vitrine.recommendations.model import number_of
from vitrine.recommendations.model_files import product_line, token_lines

ENGINES = ("ours", "weights", "item-kNN")
_FILES = 8


def synthesise(tables: Path, count: int) -> None:
    found = groceries(44, 44)
    chance = random.Random(1)
    likenesses = max(1, round(count / len(found.past)))
    rows = [(it.user_id, f"{number_of(it.product_id)},1000,{it.occurred_at.timestamp():.3f}\n") for it in found.past]
    users = {user: [number_of(f"{user}-{n}") for n in range(likenesses)] for user, _ in rows}
    for table in ("interactions", "products", "tokens"):
        (tables / table).mkdir(parents=True)
    for part in range(_FILES):
        with gzip.open(tables / f"interactions/{part:02}.csv.gz", "wt", compresslevel=1) as file:
            for user, rest in chance.choices(rows, k=count // _FILES):
                file.write(f"{users[user][int(chance.random() * likenesses)]},{rest}")
    with gzip.open(tables / "products/00.csv.gz", "wt", compresslevel=1) as file:
        file.writelines(map(product_line, found.products))
    with gzip.open(tables / "tokens/00.csv.gz", "wt", compresslevel=1) as file:
        file.writelines(line for product in found.products for line in token_lines(product))


def add_hot_product(tables: Path) -> None:
    latest = {}
    for file in (tables / "interactions").iterdir():
        with gzip.open(file, "rt") as lines:
            latest |= {user: at for user, _, _, at in (line.split(",") for line in lines)}
    hot = Product("hot", "Hot")
    with gzip.open(tables / "interactions/hot.csv.gz", "wt") as file:
        file.writelines(f"{user},{number_of(hot.product_id)},1000,{at}" for user, at in latest.items())
    with gzip.open(tables / "products/hot.csv.gz", "wt") as file:
        file.write(product_line(hot))


def learn(engine: str, tables: Path) -> None:
    """In a process of its own: print seconds and the peak of memory."""
    started = time.perf_counter()
    with tempfile.TemporaryDirectory() as results:
        if engine == "ours":
            list(duckdb.learn(tables, Path(results), now_seconds=2e9))
        elif engine == "weights":
            choose_weights(tables, duckdb.learn)
        else:
            _item_knn(tables)
    used = resource.getrusage(resource.RUSAGE_SELF)
    print(json.dumps([time.perf_counter() - started, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024]))


def _item_knn(tables: Path) -> None:
    import duckdb as reader  # noqa: PLC0415 - each process loads its own engine
    import numpy as np  # noqa: PLC0415
    import scipy.sparse as sp  # noqa: PLC0415
    from implicit.nearest_neighbours import CosineRecommender  # noqa: PLC0415

    rows = reader.sql(f"SELECT column0, column1 FROM '{tables}/interactions/*.csv.gz'").fetchnumpy()  # noqa: S608
    _, users = np.unique(rows["column0"], return_inverse=True)
    _, products = np.unique(rows["column1"], return_inverse=True)
    counts = sp.csr_matrix((np.ones(len(users), dtype=np.float32), (users, products)))
    CosineRecommender(K=200, num_threads=2).fit(counts, show_progress=False)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--interactions", type=int, nargs="+", default=[100_000, 1_000_000])
    parser.add_argument("--hot", action="store_true")
    parser.add_argument("--learn", nargs=2, metavar=("ENGINE", "TABLES"), help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.learn:
        learn(chosen.learn[0], Path(chosen.learn[1]))
        return
    for count in chosen.interactions:
        with tempfile.TemporaryDirectory() as place:
            tables = Path(place)
            synthesise(tables, count)
            if chosen.hot:
                add_hot_product(tables)
            for engine in ENGINES:
                command = [sys.executable, "-m", "bench.recommendations_batch", "--learn", engine, place]
                done = subprocess.run(command, check=True, capture_output=True, text=True)
                seconds, processor, peak = json.loads(done.stdout.splitlines()[-1])
                what = f"{seconds:7.1f} s, {processor:7.1f} s of processors, {peak:6.0f} MB"
                print(f"{count:>10} interactions  {engine:9} {what}", flush=True)


if __name__ == "__main__":
    main()
