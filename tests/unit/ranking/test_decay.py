"""Sums of events that age."""

from __future__ import annotations

import random
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vitrine.ranking.decay import SumKey, amount_at, sum_at, worth

DAY = 86_400.0
NOW = 1_800_000_000.0

half_lives = st.sampled_from([1, 14, 90])
ages = st.lists(st.floats(0, 200 * DAY), min_size=1, max_size=40)


def sums_of(times: list[float], half_life: int) -> Counter[SumKey]:
    sums: Counter[SumKey] = Counter()
    for time in times:
        sums[sum_at("views", half_life, time)] += amount_at(half_life, time)
    return sums


@given(ages, half_lives)
def test_each_event_of_a_sum_is_halved_once_per_half_life(some: list[float], half_life: int) -> None:
    found = worth("views", half_life, NOW, sums_of([NOW - age for age in some], half_life))
    assert found == pytest.approx(sum(0.5 ** (age / half_life / DAY) for age in some), rel=1e-4, abs=1e-4)


@given(ages, half_lives)
def test_the_order_of_events_does_not_matter(some: list[float], half_life: int) -> None:
    times = [NOW - age for age in some]
    shuffled = times[:]
    random.Random(1).shuffle(shuffled)
    assert sums_of(times, half_life) == sums_of(shuffled, half_life)


@given(st.floats(1e9, 4e9), half_lives)
def test_an_outdated_sum_is_worth_nothing(now: float, half_life: int) -> None:
    outdated = sum_at("views", half_life, now).outdated
    last = (outdated.epoch + 1) * 32 * half_life * DAY - 1
    assert sum_at("views", half_life, last) == outdated
    assert worth("views", half_life, now, {outdated: amount_at(half_life, last)}) < 2**-31


@given(st.floats(1e9, 4e9), half_lives)
def test_a_billion_events_fit_into_the_digits_that_dynamodb_keeps(moment: float, half_life: int) -> None:
    assert len(str(amount_at(half_life, moment) * 10**9)) <= 24


def test_sums_of_clicks_and_of_other_half_lives_are_left_out() -> None:
    sums = {sum_at("views", 14, NOW): amount_at(14, NOW), sum_at("clicks", 14, NOW): 5, sum_at("views", 7, NOW): 5}
    assert worth("views", 14, NOW, sums) == pytest.approx(1, rel=1e-4)
