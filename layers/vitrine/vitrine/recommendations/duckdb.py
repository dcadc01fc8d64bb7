"""Models learned by DuckDB in this process."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import duckdb

from vitrine.catalog.model import PARTS
from vitrine.recommendations.choose_half_life import half_life_of
from vitrine.recommendations.choose_weights import choose_weights
from vitrine.recommendations.learn_model import TABLES, statements
from vitrine.recommendations.model import POPULARITY_HALF_LIVES

if TYPE_CHECKING:
    from collections.abc import Iterator

    from vitrine.recommendations.model import Measured
    from vitrine.recommendations.ports import Files

_COLUMN_TYPES = {"bigint": "BIGINT", "string": "VARCHAR", "double": "DOUBLE"}

_DIALECT = "header = false, auto_detect = false, delim = ',', quote = '', nullstr = '\\N'"


class DuckDBEngine:
    """Learns models, and chooses half-lives, weights and profiles, on copies of the files on this machine's disk."""

    def __init__(self, files: Files) -> None:
        self._files = files

    def learn(self, tables: str, results: str, now_seconds: float, half_life_days: int) -> None:
        with TemporaryDirectory() as folder:
            disk = Path(folder)
            (disk / "results").mkdir()
            self._files.fetch(tables, disk / "tables")
            for name in learn(
                disk / "tables", disk / "results", now_seconds=now_seconds, half_life_days=half_life_days
            ):
                self._files.store(disk / "results" / name, f"{results}/{name}")

    def half_life(self, tables: str) -> int:
        with TemporaryDirectory() as folder:
            self._files.fetch(f"{tables}/interactions", Path(folder, "interactions"))
            return half_life_of(Path(folder))

    def choose(self, tables: str) -> Measured | None:
        with TemporaryDirectory() as folder:
            self._files.fetch(tables, Path(folder))
            return choose_weights(Path(folder), learn)


def learn(  # noqa: PLR0913 - where from, where to, as of when and on which machine
    tables: Path,
    results: Path,
    *,
    now_seconds: float,
    half_life_days: int = POPULARITY_HALF_LIVES[0],
    memory: str = "2GB",
    threads: int = 2,
) -> Iterator[str]:
    """Write `popular.csv` and `neighbours-NN.csv` to `results`; yield each name once its file is complete.

    `tables` has a folder for each table of `TABLES`, with `.csv.gz` files without headings. Data beyond `memory`
    spills to disk.
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
        sql = partial(statements, now_seconds=now_seconds, half_life_days=half_life_days)
        whole = sql()
        for step, selects in whole.steps.items():
            connection.execute(f"CREATE TABLE {step} AS {selects[0]}")
            for select in selects[1:]:
                connection.execute(f"INSERT INTO {step} {select}")
        _write(connection, whole.parts["popular"], results / "popular.csv")
        yield "popular.csv"
        for part in range(PARTS):
            name = f"neighbours-{part:02}.csv"
            _write(connection, sql(part=part).parts["neighbours"], results / name)
            yield name


def _write(connection: duckdb.DuckDBPyConnection, select: str, file: Path) -> None:
    connection.execute(f"COPY ({select}) TO '{file}' (FORMAT csv, HEADER false)")
