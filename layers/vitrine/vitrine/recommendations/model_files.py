"""The files that a model is learned from and the files it is learned into."""

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
    """A line of the table `interactions`. The user is a number from which no id can be read."""
    return (
        f"{number_of(interaction.user_id)},{number_of(interaction.product_id)},"
        f"{round(WEIGHT_UNIT * TYPE_WEIGHTS[interaction.type])},{interaction.occurred_at.timestamp():.3f}\n"
    )


def product_line(product: Product) -> str:
    """A line of the table `products`. Categories are quoted by replacement: they are only compared."""
    return (
        f"{number_of(product.product_id)},{product.product_id},{category_key(product.category)},{product.available:d}\n"
    )


def token_lines(product: Product) -> Iterator[str]:
    """Lines of the table `tokens`."""
    number = number_of(product.product_id)
    for kind, feature in features_of(product):
        yield f"{number},{number_of(f'{kind}/{feature}')},{kind}\n"


def category_key(category: str | None) -> str:
    """How a category is written in keys and files, whatever its case: a number; empty for none."""
    return "" if category is None else str(number_of(folded(category)))


def read_neighbours(lines: Iterable[str]) -> Iterator[tuple[str, Neighbourhood]]:
    """Products with what goes with them, from a `neighbours` file."""
    for line in lines:
        product_id, collaborative, content, features = line.rstrip("\n").split(",")
        yield (
            product_id,
            Neighbourhood(
                _neighbours(collaborative),
                [it for it in _neighbours(content) if it.product_id != product_id],
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
    """Popular products by category key (empty for all), from the `popular` file."""
    for category, rows in groupby(csv.reader(lines), key=lambda row: row[0]):
        users: dict[str, float] = {}
        tokens: dict[str, dict[int, Feature]] = {}
        for _, product_id, kind, token, lift, share, many in rows:
            users[product_id] = float(many)
            if kind == "token":
                tokens.setdefault(product_id, {})[int(token)] = Feature(int(lift) / _LIFT_UNIT, float(share))
        yield category, [Popular(it, many, tokens.get(it, {})) for it, many in users.items()]
