"""Both engines learn the same model: DuckDB in this process, Athena in the deployed workgroup."""

from __future__ import annotations

import csv
import random
import uuid
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from local.deployment import client, stack_outputs
from vitrine.catalog.model import PARTS, Interaction, Product
from vitrine.recommendations.athena import AthenaEngine
from vitrine.recommendations.duckdb import DuckDBEngine
from vitrine.recommendations.model_files import interaction_line, product_line, token_lines
from vitrine.recommendations.s3 import S3Files

if TYPE_CHECKING:
    from local.state import Stack
    from vitrine.catalog.model import InteractionType
    from vitrine.recommendations.ports import Engine

NOW = datetime(2024, 5, 1, tzinfo=UTC)
KINDS: tuple[InteractionType, ...] = ("view", "click", "purchase")


def test_athena_and_duckdb_learn_the_same_model(stack: Stack) -> None:
    outputs = stack_outputs(stack.endpoint_url)
    s3, athena = (client(service, stack.endpoint_url) for service in ("s3", "athena"))
    files = S3Files(s3, outputs["ModelsBucket"])
    place = f"engines/{uuid.uuid4().hex}"
    _write_shop(files, f"{place}/tables")
    engines: dict[str, Engine] = {
        "duckdb": DuckDBEngine(files),
        "athena": AthenaEngine(
            athena, s3, files, outputs["ModelsBucket"], outputs["ModelsWorkgroup"], outputs["ModelsDatabase"]
        ),
    }
    learned = {}
    for name, engine in engines.items():
        engine.learn(f"{place}/tables", f"{place}/{name}", NOW.timestamp(), 7)
        learned[name] = {
            part: list(csv.reader(files.read(f"{place}/{name}/{part}.csv")))
            for part in ("popular", *(f"neighbours-{part:02}" for part in range(PARTS)))
        }
    assert learned["athena"] == learned["duckdb"]
    assert sum(len(field.split()) for lines in learned["duckdb"].values() for line in lines for field in line) > 1000
    assert not client("glue", stack.endpoint_url).get_tables(DatabaseName=outputs["ModelsDatabase"])["TableList"]


def _write_shop(files: S3Files, tables: str) -> None:
    chance = random.Random(5)
    products = [
        Product(
            f"p-{n}", f"thing {n % 7}", f"category {n % 5}" if n % 3 else None, f"brand {n % 4}", available=n % 11 > 0
        )
        for n in range(60)
    ]
    interactions = [
        Interaction(
            f"{n}",
            f"u{chance.randrange(80)}",
            f"p-{int(chance.triangular(0, 60, 0))}",
            chance.choice(KINDS),
            NOW - timedelta(days=chance.random() * 400),
        )
        for n in range(900)
    ]
    files.write_once(f"{tables}/interactions/00.csv.gz", map(interaction_line, interactions))
    files.write_once(f"{tables}/products/00.csv.gz", map(product_line, products))
    files.write_once(f"{tables}/tokens/00.csv.gz", (line for product in products for line in token_lines(product)))
