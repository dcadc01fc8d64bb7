"""How often shoppers buy again is measured, and the way to treat it that predicts their next visits is the default."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from tests.unit.recommendations.test_choose_weights import write_shop
from vitrine.catalog.model import Interaction, Product
from vitrine.recommendations import duckdb
from vitrine.recommendations.choose_weights import choose_weights
from vitrine.recommendations.model import RHYTHM, bought_again
from vitrine.recommendations.model_files import category_key

if TYPE_CHECKING:
    from pathlib import Path

    from vitrine.recommendations.model import Repeats

START = datetime(2024, 1, 1, tzinfo=UTC)
DAY = 86_400.0
STAPLES = [Product(f"staple-{n}", "thing", category="Food") for n in range(40)]
NOVELS = [Product(f"novel-{n}", "thing", category="Books") for n in range(40)]


def measured(tables: Path, visits: list[tuple[int, str, str, int]]) -> Repeats | None:
    """Measure visits of `(user, product, type, day)`."""
    touches = [
        Interaction(f"{user}-{day}-{product}", f"u{user}", product, kind, START + timedelta(days=day, seconds=user))  # type: ignore[arg-type]
        for user, product, kind, day in visits
    ]
    found = choose_weights(write_shop(tables, [*STAPLES, *NOVELS], touches), duckdb.learn)
    return found.repeats if found else None


def staples(users: range, visits: int) -> list[tuple[int, str, str, int]]:
    return [(user, f"staple-{user % 40}", "purchase", 10 * visit) for user in users for visit in range(visits)]


def novels(users: range, visits: int) -> list[tuple[int, str, str, int]]:
    return [
        (user, f"novel-{(user + 7 * visit) % 40}", "purchase", 10 * visit) for user in users for visit in range(visits)
    ]


@pytest.mark.slow
def test_where_the_same_is_bought_again_it_comes_first(tmp_path: Path) -> None:
    found = measured(tmp_path / "tables", staples(range(120), 10))
    assert found is not None
    assert (found.shop.best, found.shop.shoppers, found.shop.share) == ("first", 120, 1.0)
    assert found.shop.ndcg["first"] == 1.0
    assert found.shop.ndcg["exclude"] == 0.0
    assert found.newest == (START + timedelta(days=90, seconds=119)).timestamp()


@pytest.mark.slow
def test_where_nothing_is_bought_again_it_stays_out(tmp_path: Path) -> None:
    found = measured(tmp_path / "tables", novels(range(240), 5))
    assert found is not None
    assert (found.shop.best, found.shop.share) == ("exclude", 0.0)


@pytest.mark.slow
def test_categories_that_enough_shoppers_bought_from_have_their_own_way(tmp_path: Path) -> None:
    few = [(user, "novel-1", "purchase", 10 * visit) for user in range(300, 350) for visit in range(10)]
    found = measured(tmp_path / "tables", [*staples(range(120), 10), *novels(range(120), 10)])
    assert found is not None
    assert found.categories[category_key("food")].best != "exclude"
    assert found.categories[category_key("books")].best == "exclude"
    assert found.categories[category_key("food")].product_id.startswith("staple-")
    assert measured(tmp_path / "few", few) is None


@pytest.mark.slow
def test_views_are_no_purchases(tmp_path: Path) -> None:
    viewed = [(user, product, "view", day) for user, product, _, day in staples(range(120), 10)]
    found = measured(tmp_path / "tables", viewed)
    assert found is None


def test_what_is_due_comes_before_what_was_just_bought() -> None:
    weekly = [("milk", 7 * DAY * week) for week in range(5)]
    yearly = [("tyres", 365 * DAY * year - 330 * DAY) for year in range(5)]
    due, fresh = 35 * DAY, 28.2 * DAY
    [milk] = bought_again(weekly)
    assert milk.interval is not None
    assert 7 < milk.interval < 45
    assert milk.score(due, RHYTHM) > milk.score(fresh, RHYTHM)
    assert milk.score(due, 0.0) == milk.score(fresh, 0.0) == milk.often
    assert milk.score(due, RHYTHM) > milk.score(4000 * DAY, RHYTHM)
    [tyres] = bought_again(yearly)
    assert tyres.interval is not None
    assert tyres.interval > 250


def test_what_was_bought_on_one_day_only_has_no_rhythm() -> None:
    [soap] = bought_again([("soap", 5 * DAY), ("soap", 5 * DAY + 60)])
    assert soap.interval is None
    assert soap.score(100 * DAY, RHYTHM) == soap.often
