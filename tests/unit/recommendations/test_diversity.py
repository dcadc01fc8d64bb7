"""Products beside each other are less alike, at a price in score that is asked for."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vitrine.recommendations.diversity import diversified


def item(name: str, score: float, category: str | None, brand: str | None = None, *tags: str) -> dict[str, Any]:
    product = {"name": "", "category": category, "brand": brand, "price": None, "currency": None, "tags": tags}
    return {"product_id": name, "score": score, "product": product}


def names(items: list[dict[str, Any]]) -> str:
    return "".join(one["product_id"] for one in items)


ITEMS = [item("a", 1, "tea"), item("b", 0.9, "Tea"), item("c", 0.8, "tea", "Acme"), item("d", 0.2, "coffee")]


@pytest.mark.parametrize(("percent", "order"), [(0, "abcd"), (20, "acbd"), (50, "acdb"), (100, "adcb")])
def test_the_less_alike_comes_sooner_the_more_is_asked(percent: int, order: str) -> None:
    assert names(diversified(ITEMS, percent)) == order


def test_products_without_features_and_scores_stay_in_their_order() -> None:
    items = [item(name, 0, None) for name in "abc"]
    assert names(diversified(items, 100)) == "abc"
    assert diversified([], 50) == []


@given(st.lists(st.tuples(st.floats(0, 1), st.sampled_from(["tea", "coffee", None])), max_size=12), st.integers(0, 100))
def test_nothing_is_lost_and_the_best_stays_first(drawn: list[tuple[float, str | None]], percent: int) -> None:
    items = [item(str(at), score, kind) for at, (score, kind) in enumerate(sorted(drawn, key=lambda one: -one[0]))]
    ordered = diversified(items, percent)
    assert sorted(one["product_id"] for one in ordered) == sorted(one["product_id"] for one in items)
    assert ordered[:1] == items[:1]
