"""What is learned from a small shop."""

from __future__ import annotations

import gzip
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from vitrine.catalog.model import Interaction, Product
from vitrine.recommendations import duckdb
from vitrine.recommendations.model_files import interaction_line, product_line, read_neighbours

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

DAY = datetime(2024, 5, 1, tzinfo=UTC)


def write(folder: Path, lines: Iterable[str]) -> None:
    folder.mkdir(parents=True)
    with gzip.open(folder / "00.csv.gz", "wt") as file:
        file.writelines(lines)


def test_a_product_says_little_about_another_that_a_third_one_explains(tmp_path: Path) -> None:
    """Four of five who buy a camera buy a case, and as many a card, each for themselves: lifts alone are alike."""
    products = ("camera", "case", "card", "book")
    bought = {
        "book": range(300),
        "camera": range(100),
        "case": [user for user in range(100) if user % 5],
        "card": [user for user in range(100) if user // 5 % 5],
    }
    purchases = [
        Interaction(f"{user}-{product}", f"u{user}", product, "purchase", DAY)
        for product, users in bought.items()
        for user in users
    ]
    write(tmp_path / "tables/interactions", map(interaction_line, purchases))
    write(tmp_path / "tables/products", map(product_line, (Product(product, product) for product in products)))
    write(tmp_path / "tables/tokens", ())
    files = [tmp_path / name for name in duckdb.learn(tmp_path / "tables", tmp_path, now_seconds=DAY.timestamp())]
    evidence = {
        product: {neighbour.product_id: neighbour.lift for neighbour in found.collaborative}
        for file in files
        if file.name.startswith("neighbours")
        for product, found in read_neighbours(file.read_text().splitlines())
    }
    assert evidence["camera"]["card"] > evidence["case"]["card"] + 1 > 1
