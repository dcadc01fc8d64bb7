"""Two orders on one page."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from vitrine.ranking.interleaving import Coins, Pick, interleave

orders = st.permutations([f"i{at}" for at in range(12)])
coins = st.lists(st.booleans(), min_size=12, max_size=12)


def page(first: list[str], second: list[str], tossed: list[bool], limit: int) -> list[Pick]:
    return interleave(first, second, tossed.__getitem__, limit)


@given(orders, orders, coins, st.integers(1, 12))
def test_a_page_is_full_and_fair_and_holds_no_image_twice(
    first: list[str], second: list[str], tossed: list[bool], limit: int
) -> None:
    picks = page(first, second, tossed, limit)
    assert len(picks) == len({pick.image_id for pick in picks}) == limit
    assert abs(sum(1 if pick.team else -1 for pick in picks)) <= 1


@given(orders, coins)
def test_an_order_with_itself_is_itself(order: list[str], tossed: list[bool]) -> None:
    assert [pick.image_id for pick in page(order, order, tossed, 12)] == order


@given(orders, orders, coins)
def test_a_team_picks_its_best_image_that_is_left(first: list[str], second: list[str], tossed: list[bool]) -> None:
    taken: set[str] = set()
    for image_id, team in page(first, second, tossed, 12):
        order = (first, second)[team]
        assert image_id == next(candidate for candidate in order if candidate not in taken)
        taken.add(image_id)


@given(orders, orders, coins)
def test_the_other_coins_give_the_other_order_what_this_one_had(
    first: list[str], second: list[str], tossed: list[bool]
) -> None:
    mirrored = page(second, first, [not coin for coin in tossed], 12)
    assert [(pick.image_id, 1 - pick.team) for pick in mirrored] == page(first, second, tossed, 12)


@given(orders, orders, coins, st.integers(0, 12))
def test_a_page_continues_the_one_before(first: list[str], second: list[str], tossed: list[bool], cut: int) -> None:
    whole = page(first, second, tossed, 12)
    shown = {pick.image_id for pick in whole[:cut]}
    left = [[image_id for image_id in order if image_id not in shown] for order in (first, second)]
    assert interleave(left[0], left[1], tossed.__getitem__, 12, cut) == whole[cut:]


def test_a_page_ends_when_images_run_out() -> None:
    assert page(["a"], ["b", "a"], [True] * 12, 20) == [Pick("a", 0), Pick("b", 1)]
    assert page(["a"], ["a", "b", "c"], [True] * 12, 20) == [Pick("a", 0), Pick("b", 1), Pick("c", 1)]


def test_coins_are_fair_and_always_the_same_for_a_visitor() -> None:
    def tossed() -> list[bool]:
        visitors = [Coins("secret", f"visitor:{at}", "experiment") for at in range(500)]
        return [visitor.first_begins(round_) for visitor in visitors for round_ in range(10)]

    assert 2_300 < sum(tossed()) < 2_700
    assert tossed() == tossed()
