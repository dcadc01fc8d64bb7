"""The weights and profile that predict held-out interactions best are chosen."""

from __future__ import annotations

import gzip
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from vitrine.catalog.model import Interaction, Product
from vitrine.recommendations import duckdb
from vitrine.recommendations.choose_weights import OPTIONS, best_of, choose_weights
from vitrine.recommendations.model import Measured, Profile, Weights
from vitrine.recommendations.model_files import interaction_line, product_line, token_lines

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

pytestmark = pytest.mark.slow

START = datetime(2024, 1, 1, tzinfo=UTC)
TRIBES = 8
EACH = 12


def write(folder: Path, lines: Iterable[str]) -> None:
    folder.mkdir(parents=True)
    with gzip.open(folder / "00.csv.gz", "wt") as file:
        file.writelines(lines)


def shop(tables: Path, shoppers: int, *, loyal: bool) -> Path:
    """Half the shoppers buy what all buy, the others five things of their tribe and then, not `loyal`, what all buy."""
    products = [
        Product(f"p{tribe}-{n}", "thing", tags=(f"tribe {tribe}",)) for tribe in range(TRIBES) for n in range(EACH)
    ]
    products += [Product(f"hit-{n}", "thing") for n in range(EACH)]
    touches = []
    for user in range(shoppers):
        for day in range(6):
            n = (user + 5 * day) % EACH
            of_tribe = user % 2 and (loyal or day < 5)
            product_id = f"p{user // 2 % TRIBES}-{n}" if of_tribe else f"hit-{n}"
            touches.append(
                Interaction(f"{user}-{day}", f"u{user}", product_id, "purchase", START + timedelta(days=day))
            )
    return write_shop(tables, products, touches)


def shop_of_old_loves(tables: Path) -> Path:
    """Half the shoppers buy six things of their tribe, all 40 staples, three more of the tribe; others buy lures."""
    tribes = [
        Product(f"p{tribe}-{n}", "thing", tags=(f"tribe {tribe}",)) for tribe in range(TRIBES) for n in range(EACH)
    ]
    staples = [Product(f"staple-{n}", "thing") for n in range(40)]
    lures = [Product(f"lure-{n}", "thing") for n in range(EACH)]
    touches = []
    for user in range(400):
        own = [f"p{user % TRIBES}-{(user // TRIBES + n) % EACH}" for n in range(9)]
        loved = [*own[:6], *(staple.product_id for staple in staples), *own[6:]]
        lured = [f"lure-{(user + n) % EACH}" for n in range(6)]
        touches += [
            Interaction(f"{user}-{day}", f"u{user}", product_id, "purchase", START + timedelta(days=day))
            for day, product_id in enumerate(loved if user < 200 else lured)
        ]
    return write_shop(tables, [*tribes, *staples, *lures], touches)


def write_shop(tables: Path, products: list[Product], touches: list[Interaction]) -> Path:
    write(tables / "interactions", map(interaction_line, touches))
    write(tables / "products", map(product_line, products))
    write(tables / "tokens", (line for product in products for line in token_lines(product)))
    return tables


@pytest.fixture
def tables(tmp_path: Path) -> Path:
    return tmp_path / "tables"


def test_where_what_comes_last_is_unlike_what_came_before_evidence_counts_less(tables: Path) -> None:
    chosen = choose_weights(shop(tables, 800, loyal=False), duckdb.learn)
    assert chosen is not None
    assert sum(vars(chosen.weights).values()) < sum(vars(Weights()).values())


def test_weights_that_are_not_clearly_better_leave_the_defaults(tables: Path) -> None:
    chosen = choose_weights(shop(tables, 800, loyal=True), duckdb.learn)
    assert chosen is not None
    assert chosen._replace(repeats=None) == Measured()


def test_where_what_was_bought_long_ago_predicts_what_comes_the_long_profile_is_chosen(tables: Path) -> None:
    chosen = choose_weights(shop_of_old_loves(tables), duckdb.learn)
    assert chosen is not None
    assert chosen.profile == Profile(half_life=1000, length=200)


def test_the_same_interactions_give_the_same_weights(tables: Path, tmp_path: Path) -> None:
    first = choose_weights(shop(tables, 800, loyal=False), duckdb.learn)
    assert first == choose_weights(shop(tmp_path / "again", 800, loyal=False), duckdb.learn)


@pytest.mark.parametrize("shoppers", [0, 60])
def test_too_few_shoppers_tell_nothing(tables: Path, shoppers: int) -> None:
    assert choose_weights(shop(tables, shoppers, loyal=True), duckdb.learn) is None


@pytest.mark.parametrize(
    ("of_cautious", "of_bold", "chosen"),
    [
        ((0.4, 0.4), (0.3, 0.49), Weights(0.2, 0.4)),
        ((0.4, 0.4), (0.3, 0.3), Weights(0.1, 0.2)),
        ((0.1, 0.1), (0.1, 0.1), Weights()),
    ],
)
def test_of_weights_that_are_as_good_the_greatest_are_chosen(
    of_cautious: tuple[float, float], of_bold: tuple[float, float], chosen: Weights
) -> None:
    of = {Measured(Weights(0.1, 0.2)): of_cautious, Measured(Weights(0.2, 0.4)): of_bold}
    measured = [[of.get(option, (0.1, 0.1))[shopper % 2] for option in OPTIONS] for shopper in range(200)]
    assert best_of(measured).weights == chosen
