"""How long learning takes, how much memory it needs and how good it is, beside implicit's item-kNN.

    python -m bench.recommendations_batch [--interactions 100000 1000000] [--hot]

The groceries' purchases, drawn again and again: each draw is one of a household's, given to one of its likenesses,
of which there are as many as keep histories as long as they are. Each engine learns in a process of its own, from
the same files to files of one form, on two cores. Ours is timed whole, and without products' features, which is the
peer's job; a shorter history is the setting at which it is as good as the peer's best. The quality of each, NDCG@10
of what came last, is that of `bench.recommendations`. `--hot` adds a product that every shopper buys.
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
from typing import TYPE_CHECKING, Any

from bench.recommendations_data import films, groceries
from vitrine.catalog.model import Product
from vitrine.recommendations import duckdb, learn_model
from vitrine.recommendations.choose_weights import choose_weights
from vitrine.recommendations.model import number_of
from vitrine.recommendations.model_files import product_line, token_lines

if TYPE_CHECKING:
    from bench.recommendations_data import Split

_AS_GOOD = {"longest_history": 30}
_COLLABORATIVE: dict[str, dict[str, int]] = {
    "ours, collaborative": {},
    "ours, of the newest 30": _AS_GOOD,
}
_PEERS = {
    "item-kNN cosine, K 50": ("CosineRecommender", 50),
    "item-kNN cosine, K 200": ("CosineRecommender", 200),
    "item-kNN TF-IDF, K 200": ("TFIDFRecommender", 200),
    "item-kNN cosine, K 5000": ("CosineRecommender", 5000),
}
_ENGINES = ("ours, whole", "ours, measuring weights", *_COLLABORATIVE, *_PEERS)
_FILES = 8
_LONG_AFTER = 2e9


def synthesise(tables: Path, count: int) -> None:
    found = groceries(44, 44)
    chance = random.Random(1)
    likenesses = max(1, round(count / len(found.past)))
    rows = [
        (interaction.user_id, f"{number_of(interaction.product_id)},1000,{interaction.occurred_at.timestamp():.3f}\n")
        for interaction in found.past
    ]
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
    latest: dict[str, str] = {}
    for file in (tables / "interactions").iterdir():
        with gzip.open(file, "rt") as lines:
            latest |= {user: at for user, _, _, at in (line.split(",") for line in lines)}
    hot = Product("hot", "Hot")
    with gzip.open(tables / "interactions/hot.csv.gz", "wt") as interactions:
        interactions.writelines(f"{user},{number_of(hot.product_id)},1000,{at}" for user, at in latest.items())
    with gzip.open(tables / "products/hot.csv.gz", "wt") as products:
        products.write(product_line(hot))


def learn(engine: str, tables: Path) -> None:
    """In a process of its own: print seconds and the peak of memory. Loading libraries is not counted."""
    if engine in _PEERS:
        import implicit.nearest_neighbours  # noqa: F401, PLC0415 - each process loads its own engine
    started, before = time.perf_counter(), _processor_seconds()
    with tempfile.TemporaryDirectory() as place:
        results = Path(place)
        if engine in _PEERS:
            _item_knn(_peer(engine), tables, results)
        elif engine in _COLLABORATIVE:
            learn_model.CONSTANTS.update(_COLLABORATIVE[engine])
            list(duckdb.learn(_without_features(tables, results), results, now_seconds=_LONG_AFTER))
        elif engine == "ours, whole":
            list(duckdb.learn(tables, results, now_seconds=_LONG_AFTER))
        else:
            choose_weights(tables, duckdb.learn)
    # Not ru_maxrss: that begins with the peak of the process that started this one.
    told = Path("/proc/self/status").read_text().splitlines()
    [peak] = [int(line.split()[1]) / 1024 for line in told if line.startswith("VmHWM")]
    print(json.dumps([time.perf_counter() - started, _processor_seconds() - before, peak]))


def _processor_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def _peer(engine: str) -> Any:
    from implicit import nearest_neighbours  # noqa: PLC0415 - each process loads its own engine

    kind, neighbours = _PEERS[engine]
    return getattr(nearest_neighbours, kind)(K=neighbours, num_threads=2)


def _without_features(tables: Path, place: Path) -> Path:
    bare = place / "tables"
    (bare / "tokens").mkdir(parents=True)
    gzip.open(bare / "tokens/00.csv.gz", "wt").close()
    for table in ("interactions", "products"):
        (bare / table).symlink_to(tables / table)
    return bare


def _item_knn(model: Any, tables: Path, results: Path) -> None:
    """As `learn.sql` writes it: a line a product, its neighbours the nearest first."""
    import duckdb as reader  # noqa: PLC0415 - each process loads its own engine
    import numpy as np  # noqa: PLC0415
    import scipy.sparse as sp  # noqa: PLC0415

    read = "SELECT column0, column1 FROM '{}/*.csv.gz'"
    rows = reader.execute(read.format(tables / "interactions")).fetchnumpy()
    ids = dict(reader.execute(read.format(tables / "products")).fetchall())
    users = np.unique(rows["column0"], return_inverse=True)[1]
    numbers, products = np.unique(rows["column1"], return_inverse=True)
    counts = sp.csr_matrix((np.ones(len(users), dtype=np.float32), (users, products)))
    model.fit(counts, show_progress=False)
    names = [str(ids.get(number, number)) for number in numbers.tolist()]
    near = model.similarity.tocsr()
    with (results / "neighbours.csv").open("w") as file:
        for product, name in enumerate(names):
            mine = slice(near.indptr[product], near.indptr[product + 1])
            nearest = np.argsort(-near.data[mine])
            others, values = near.indices[mine][nearest].tolist(), (1e4 * near.data[mine][nearest]).astype(int).tolist()
            text = " ".join([f"{names[other]} {value}" for other, value in zip(others, values, strict=True)])
            file.write(f"{name},{text}\n")


def report_quality() -> None:
    for name, found in (("films", films(1)), ("groceries", groceries(39, 43))):
        _report_quality(name, found)


def _report_quality(name: str, found: Split) -> None:
    from bench.recommendations import mean, scores  # noqa: PLC0415 - the processes that are measured do without
    from bench.recommendations_peers import Matrix  # noqa: PLC0415
    from bench.recommendations_shop import Shop  # noqa: PLC0415

    bare = found._replace(products=[Product(product.product_id, "") for product in found.products])
    matrix = Matrix(found)
    shipped = dict(learn_model.CONSTANTS)
    for engine, setting in _COLLABORATIVE.items():
        learn_model.CONSTANTS.update(shipped | setting)
        shop = Shop(bare)
        ranked = {user: shop.ranked(user)["collaborative"] for user in found.later}
        print(f"{name:10} NDCG@10 {mean(scores(ranked, found.later)):.4f}  {engine}", flush=True)
    for engine in _PEERS:
        ranked = matrix.by(_peer(engine), matrix.counts, found.later)
        print(f"{name:10} NDCG@10 {mean(scores(ranked, found.later)):.4f}  {engine}", flush=True)


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
            for engine in _ENGINES:
                command = [sys.executable, "-m", "bench.recommendations_batch", "--learn", engine, place]
                done = subprocess.run(command, check=True, capture_output=True, text=True)
                seconds, processor, peak = json.loads(done.stdout.splitlines()[-1])
                what = f"{seconds:7.1f} s, {processor:7.1f} s of processors, {peak:6.0f} MB"
                print(f"{count:>10} interactions  {engine:24} {what}", flush=True)
    report_quality()


if __name__ == "__main__":
    main()
