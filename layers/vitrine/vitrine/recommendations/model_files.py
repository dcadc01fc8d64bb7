"""The files that models are learned from, and those with the result."""

from __future__ import annotations

import csv
from itertools import groupby
from typing import TYPE_CHECKING

from vitrine.platform.letters import folded
from vitrine.recommendations.model import (
    TYPE_WEIGHTS,
    Feature,
    Neighbour,
    Neighbourhood,
    Popular,
    features_of,
    number_of,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from vitrine.catalog.model import Interaction, Product

_LIFT_UNIT = 10_000
WEIGHT_UNIT = 1000


def interaction_line(interaction: Interaction) -> str:
    """Return a line of the table `interactions`. The user's number is a hash that does not reveal the id."""
    return (
        f"{number_of(interaction.user_id)},{number_of(interaction.product_id)},"
        f"{round(WEIGHT_UNIT * TYPE_WEIGHTS[interaction.type])},{interaction.occurred_at.timestamp():.3f}\n"
    )


def read_touches(lines: Iterable[str]) -> Iterator[tuple[int, int]]:
    """Iterate over the numbers of users with those of the products that they touched, from `interactions`."""
    for line in lines:
        user, product, _ = line.split(",", 2)
        yield int(user), int(product)


def product_line(product: Product) -> str:
    """Return a line of the table `products`. Categories are hashes: they are only compared."""
    return (
        f"{number_of(product.product_id)},{product.product_id},{category_key(product.category)},{product.available:d}\n"
    )


def token_lines(product: Product) -> Iterator[str]:
    """Iterate over a product's lines of the table `tokens`."""
    number = number_of(product.product_id)
    for kind, feature in features_of(product):
        yield f"{number},{number_of(f'{kind}/{feature}')},{kind}\n"


def category_key(category: str | None) -> str:
    """Return a category as in keys and files: a hash of its folded case; empty for None."""
    return "" if category is None else str(number_of(folded(category)))


def read_neighbours(lines: Iterable[str]) -> Iterator[tuple[str, Neighbourhood]]:
    """Iterate over the products of a `neighbours` file with their neighbourhoods."""
    for line in lines:
        product_id, collaborative, content, features = line.rstrip("\n").split(",")
        yield (
            product_id,
            Neighbourhood(
                _neighbours(collaborative),
                [neighbour for neighbour in _neighbours(content) if neighbour.product_id != product_id],
                frozenset(map(int, features.split())),
            ),
        )


def _neighbours(text: str) -> list[Neighbour]:
    words = text.split()
    return [
        Neighbour(product_id, int(lift) / _LIFT_UNIT, int(users) / WEIGHT_UNIT)
        for product_id, users, lift in zip(words[::3], words[1::3], words[2::3], strict=True)
    ]


def read_popular(lines: Iterable[str]) -> Iterator[tuple[str, list[Popular]]]:
    """Iterate over category keys (empty for all) with their products, from the `popular` file."""
    for category, rows in groupby(csv.reader(lines), key=lambda row: row[0]):
        users: dict[str, float] = {}
        tokens: dict[str, dict[int, Feature]] = {}
        for _, product_id, kind, token, lift, share, touched_by in rows:
            users[product_id] = float(touched_by)
            if kind == "token":
                tokens.setdefault(product_id, {})[int(token)] = Feature(int(lift) / _LIFT_UNIT, float(share))
        yield category, [Popular(product_id, count, tokens.get(product_id, {})) for product_id, count in users.items()]
