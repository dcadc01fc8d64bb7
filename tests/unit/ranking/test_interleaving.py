"""Two orders on one page."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from vitrine.ranking.interleaving import coins_of, interleave

orders = st.permutations([f"i{at}" for at in range(12)])
coins = st.lists(st.booleans(), min_size=12, max_size=12)


@given(orders, orders, coins, st.integers(1, 12))
def test_a_page_is_full_and_fair_and_holds_no_image_twice(
    first: list[str], second: list[str], tossed: list[bool], limit: int
) -> None:
    picks = interleave(first, second, tossed, limit)
    assert len(picks) == len({pick.image_id for pick in picks}) == limit
    assert abs(sum(1 if pick.team else -1 for pick in picks)) <= 1


@given(orders, coins)
def test_an_order_with_itself_is_itself(order: list[str], tossed: list[bool]) -> None:
    assert [pick.image_id for pick in interleave(order, order, tossed, 12)] == order


@given(orders, orders, coins)
def test_a_team_picks_its_best_image_that_is_left(first: list[str], second: list[str], tossed: list[bool]) -> None:
    taken: set[str] = set()
    for image_id, team in interleave(first, second, tossed, 12):
        order = (first, second)[team]
        assert image_id == next(candidate for candidate in order if candidate not in taken)
        taken.add(image_id)


def test_a_page_ends_when_images_run_out() -> None:
    assert [pick.image_id for pick in interleave(["a"], ["b", "a"], [True] * 9, 20)] == ["a", "b"]


def test_coins_are_fair_and_always_the_same_for_a_visitor() -> None:
    tossed = [coin for at in range(500) for coin in coins_of("secret", f"visitor:{at}", "experiment", 10)]
    assert 2_300 < sum(tossed) < 2_700
    assert coins_of("secret", "visitor:1", "experiment", 10) == tossed[10:20]
