"""Sums of events that age."""

from __future__ import annotations

import random
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vitrine.ranking.decay import KEPT_EPOCHS, amount_at, epoch_at, value_at
from vitrine.ranking.model import WHOLE_LOOK

DAY = 86_400.0
HALF_LIFE = 14 * DAY
NOW = 1_800_000_000.0

ages = st.lists(st.floats(0, 200 * DAY), min_size=1, max_size=40)


def sums_of(times: list[float], half_life: float = HALF_LIFE) -> Counter[int]:
    sums: Counter[int] = Counter()
    for time in times:
        sums[epoch_at(time, half_life)] += amount_at(time, half_life)
    return sums


@given(ages, st.sampled_from([DAY, HALF_LIFE, 90 * DAY]))
def test_a_sum_is_worth_its_events_each_halved_once_a_half_life(some: list[float], half_life: float) -> None:
    worth = value_at(NOW, half_life, sums_of([NOW - age for age in some], half_life))
    assert worth == pytest.approx(sum(0.5 ** (age / half_life) for age in some), rel=1e-4, abs=1e-4)


@given(ages)
def test_the_order_of_events_does_not_matter(some: list[float]) -> None:
    times = [NOW - age for age in some]
    shuffled = times[:]
    random.Random(1).shuffle(shuffled)
    assert sums_of(times) == sums_of(shuffled)


@given(st.floats(1e9, 4e9), st.floats(0, 1000 * DAY))
def test_what_lies_before_the_kept_epochs_is_worth_nothing(now: float, age: float) -> None:
    then = now - age
    if epoch_at(then, HALF_LIFE) <= epoch_at(now, HALF_LIFE) - KEPT_EPOCHS:
        assert value_at(now, HALF_LIFE, sums_of([then])) < 2**-31


@given(st.floats(1e9, 4e9))
def test_a_billion_events_fit_into_the_digits_of_the_store(moment: float) -> None:
    assert len(str(amount_at(moment, HALF_LIFE) * 10**9)) <= 24


def test_a_look_at_a_low_position_counts_for_less() -> None:
    assert amount_at(NOW, HALF_LIFE, WHOLE_LOOK // 4) == pytest.approx(amount_at(NOW, HALF_LIFE) / 4)
