"""Models learned by DuckDB in this process, from files to files."""

from __future__ import annotations

from typing import TYPE_CHECKING

import duckdb

from vitrine.catalog.model import PARTS
from vitrine.recommendations.learn_model import TABLES, statements

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_COLUMN_TYPES = {"bigint": "BIGINT", "string": "VARCHAR", "double": "DOUBLE"}

_DIALECT = "header = false, auto_detect = false, delim = ',', quote = '', nullstr = '\\N'"


def learn(tables: Path, results: Path, *, now_seconds: float, memory: str = "2GB", threads: int = 2) -> Iterator[str]:
    """Write `neighbours-NN.csv` and `popular.csv` to `results`; answers each name as it is done.

    `tables` has a folder of headless `.csv.gz` files a table of `TABLES`. What exceeds `memory` goes to disk.
    """
    settings: dict[str, str | bool | int | float | list[str]] = {
        "memory_limit": memory,
        "threads": threads,
        "temp_directory": str(results / "spill"),
    }
    with duckdb.connect(config=settings) as connection:
        for table, columns in TABLES.items():
            types = ", ".join(f"'{name}': '{_COLUMN_TYPES[kind]}'" for name, kind in columns.items())
            files = tables / table / "*.csv.gz"
            source = f"read_csv('{files}', columns = {{{types}}}, {_DIALECT})"
            connection.execute(f"CREATE TABLE {table} AS SELECT * FROM {source}")  # noqa: S608 # nosec B608 - ours
        whole = statements(now_seconds=now_seconds)
        for step, select in whole.steps.items():
            connection.execute(f"CREATE TABLE {step} AS {select}")
        _write(connection, whole.parts["popular"], results / "popular.csv")
        yield "popular.csv"
        for part in range(PARTS):
            name = f"neighbours-{part:02}.csv"
            _write(connection, statements(now_seconds=now_seconds, part=part).parts["neighbours"], results / name)
            yield name


def _write(connection: duckdb.DuckDBPyConnection, select: str, file: Path) -> None:
    connection.execute(f"COPY ({select}) TO '{file}' (FORMAT csv, HEADER false)")
