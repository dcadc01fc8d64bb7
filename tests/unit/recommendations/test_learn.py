"""What is learned from a small shop."""

from __future__ import annotations

import gzip
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from vitrine.catalog.model import Interaction, Product
from vitrine.recommendations import duckdb
from vitrine.recommendations.model_files import interaction_line, product_line, read_neighbours, read_popular

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


@pytest.mark.parametrize(("half_life_days", "first"), [(180, "classic"), (7, "novelty")])
def test_popularity_fades_with_its_half_life(tmp_path: Path, half_life_days: int, first: str) -> None:
    """Ten buy a classic a month before five buy a novelty."""
    bought = {"classic": (30, 10), "novelty": (0, 5)}
    purchases = [
        Interaction(f"{product}-{user}", f"{product}-{user}", product, "purchase", DAY - timedelta(days=age))
        for product, (age, users) in bought.items()
        for user in range(users)
    ]
    write(tmp_path / "tables/interactions", map(interaction_line, purchases))
    write(tmp_path / "tables/products", map(product_line, (Product(product, product) for product in sorted(bought))))
    write(tmp_path / "tables/tokens", ())
    list(duckdb.learn(tmp_path / "tables", tmp_path, now_seconds=DAY.timestamp(), half_life_days=half_life_days))
    [(_, popular)] = read_popular((tmp_path / "popular.csv").read_text().splitlines())
    assert popular[0].product_id == first
