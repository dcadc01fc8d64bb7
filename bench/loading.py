"""How fast a model's neighbourhoods are loaded, and the write units they take.

    make bench-loading

The groceries' 92,331 products, whose model is learned from a million of their purchases drawn again, into Amazon's
DynamoDB Local, which reports the units and shares two cores with the loading.
"""

from __future__ import annotations

import argparse
import os
import resource
import tempfile
import time
from itertools import islice
from pathlib import Path

from bench.recommendations_batch import synthesise
from bench.serving import spent, watch
from tests.aws import create_tables, environment_of
from tests.dynamodb_local import running_dynamodb, use_dynamodb
from vitrine.platform.aws import client
from vitrine.recommendations import duckdb
from vitrine.recommendations.build_model import ROWS_AT_ONCE
from vitrine.recommendations.model_files import read_neighbours
from vitrine.recommendations.ports import Model
from vitrine.recommendations.wiring import model_repository


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--interactions", type=int, default=1_000_000)
    options = parser.parse_args()
    os.environ.update(environment_of({}))
    with tempfile.TemporaryDirectory() as place, running_dynamodb() as address:
        tables, results = Path(place, "tables"), Path(place, "results")
        results.mkdir()
        synthesise(tables, options.interactions)
        files = [
            results / name for name in duckdb.learn(tables, results, now_seconds=2e9) if name.startswith("neighbours")
        ]
        use_dynamodb(address)
        create_tables("RecommendationsTable")
        watch(client("dynamodb"))
        for file in files:
            load(file)


def load(file: Path) -> None:
    before, started, processor, rows = spent["write"], time.perf_counter(), time.process_time(), 0
    with file.open() as lines:
        found = read_neighbours(lines)
        while some := list(islice(found, ROWS_AT_ONCE)):
            model_repository().put_neighbourhoods("shop", Model(1, "a"), some)
            rows += len(some)
    seconds, processor = time.perf_counter() - started, time.process_time() - processor
    took = f"{rows / seconds:,.0f} rows/s, {1e6 * processor / rows:,.0f} µs of processor a row"
    units = (spent["write"] - before) / rows
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"{file.name}: {rows:,} rows, {took}, {units:.2f} write units a row, peak {peak:,.0f} MB", flush=True)


if __name__ == "__main__":
    main()
