"""The real purchases that recommendations are measured on; `VITRINE_DATA` says where groceries and online-retail lie.

Films are those of MovieLens 100k, which the package `recbole` carries; `make bench-recommendations` gets it. Its
licence allows research and no redistribution, so nothing of it is kept here.
"""

from __future__ import annotations

import csv
import gzip
import importlib.util
import os
from datetime import UTC, datetime
from itertools import groupby
from pathlib import Path
from typing import NamedTuple

from vitrine.catalog.model import Interaction, Product

DATA = Path(os.environ.get("VITRINE_DATA", Path(__file__).parents[1] / "../shared/data"))


class Split(NamedTuple):
    """What shoppers did until a moment, oldest first, and the products new to each that they bought afterwards.

    `after` is all that those who were there before bought afterwards, oldest first.
    """

    products: list[Product]
    past: list[Interaction]
    later: dict[str, set[str]]
    after: list[Interaction] = []  # noqa: RUF012 - read only


def split(products: list[Product], past: list[Interaction], after: list[Interaction]) -> Split:
    touched: dict[str, set[str]] = {}
    for interaction in past:
        touched.setdefault(interaction.user_id, set()).add(interaction.product_id)
    later: dict[str, set[str]] = {}
    for interaction in after:
        if interaction.product_id not in touched.get(interaction.user_id, {interaction.product_id}):
            later.setdefault(interaction.user_id, set()).add(interaction.product_id)
    return Split(products, past, later, [interaction for interaction in after if interaction.user_id in touched])


def groceries(first_held_out: int, last_held_out: int) -> Split:
    """Purchases of 2,377 households; those of the weeks from `first_held_out` to `last_held_out` come afterwards."""
    past, after = [], []
    for interaction, week in _grocery_purchases():
        if week < first_held_out:
            past.append(interaction)
        elif week <= last_held_out:
            after.append(interaction)
    return split(_grocery_products(), past, after)


def _grocery_purchases() -> list[tuple[Interaction, int]]:
    with gzip.open(DATA / "grocery-purchases/transactions_w01_43.csv.gz", "rt") as lines:
        found = [
            (
                Interaction(
                    f"{row['basket_id']}-{row['product_id']}",
                    row["household_id"],
                    row["product_id"],
                    "purchase",
                    datetime.fromisoformat(row["transaction_timestamp"] + "+00:00"),
                ),
                int(row["week"]),
            )
            for row in csv.DictReader(lines)
        ]
    return sorted(found, key=lambda purchase: (purchase[0].occurred_at, purchase[0].interaction_id))


def _grocery_products() -> list[Product]:
    with gzip.open(DATA / "grocery-purchases/products.csv.gz", "rt") as lines:
        return [
            Product(
                product_id=row["product_id"],
                name=row["product_type"] or "unknown",
                category=row["product_category"] or None,
                brand=row["manufacturer_id"],
                tags=tuple(filter(None, (row["department"], row["product_type"], f"brand {row['brand']}"))),
            )
            for row in csv.DictReader(lines)
        ]


def online_retail(held_out: int) -> Split:
    """Purchases in a British web shop, in order of time; a tenth of them is held out: 1 the last, 2 that before."""
    with gzip.open(DATA / "online-retail/products.csv.gz", "rt") as lines:
        products = [
            Product(row["product_id"], row["name"], price=float(row["median_price_gbp"]), currency="GBP")
            for row in csv.DictReader(lines)
        ]
    with gzip.open(DATA / "online-retail/purchases.csv.gz", "rt") as lines:
        bought = [
            Interaction(
                f"{row['invoice_id']}-{row['product_id']}",
                row["customer_id"],
                row["product_id"],
                "purchase",
                datetime.fromisoformat(row["time"]),
            )
            for row in csv.DictReader(lines)
        ]
    start, end = (len(bought) * (10 - held_out + more) // 10 for more in (0, 1))
    return split(products, bought[:start], bought[start:end])


def films(held_out: int) -> Split:
    """Films that 943 people rated, in order of time; a fifth of each one's is held out: 1 the last, 2 that before."""
    spec = importlib.util.find_spec("recbole")
    if spec is None or not spec.submodule_search_locations:
        raise SystemExit("The films are in the package recbole: make bench-recommendations gets it.")
    folder = Path(next(iter(spec.submodule_search_locations))) / "dataset_example/ml-100k"
    products = [
        Product(
            product_id=film,
            name=title,
            category=genres.split()[0] if genres else None,
            tags=(*genres.split(), f"year {year}"),
        )
        for film, title, year, genres in _table(folder / "ml-100k.item")
    ]
    rated = sorted((user, int(at), film) for user, film, _, at in _table(folder / "ml-100k.inter"))
    past, after = [], []
    for user, rows in groupby(rated, key=lambda row: row[0]):
        mine = [
            Interaction(f"{user}-{film}", user, film, "purchase", datetime.fromtimestamp(at, UTC))
            for _, at, film in rows
        ]
        ends = [len(mine) * (5 - held_out + more) // 5 for more in (0, 1)]
        past += mine[: ends[0]]
        after += mine[ends[0] : ends[1]]
    return split(
        products, sorted(past, key=lambda interaction: (interaction.occurred_at, interaction.interaction_id)), after
    )


def _table(file: Path) -> list[list[str]]:
    return [line.split("\t") for line in file.read_text().splitlines()[1:]]
