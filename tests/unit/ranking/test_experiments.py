"""Experiments decide correctly, however often they are read."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vitrine.ranking.experiments import (
    Arm,
    arm_of,
    clickers_e_value,
    judge,
    judge_interleaved,
    lift_interval,
    preference_interval,
    split_e_value,
)

counts = st.integers(0, 10_000)


def visits(chance: random.Random, rates: tuple[float, float], visitors: int) -> list[Arm]:
    arms = [Arm(), Arm()]
    for _ in range(visitors):
        arm = chance.random() < 0.5
        clicks = (chance.random() < rates[arm]) + (chance.random() < rates[arm])
        before = arms[arm]
        arms[arm] = Arm(
            before.visitors + 1, before.clickers + (clicks > 0), before.clicks + clicks, before.squares + clicks**2
        )
    return arms


@given(counts, counts)
def test_without_a_difference_evidence_is_expected_to_stay_the_same(first: int, second: int) -> None:
    for evidence in (clickers_e_value, split_e_value):
        ahead = (evidence(first + 1, second) + evidence(first, second + 1)) / 2
        if evidence(first, second) < 1e200:
            assert ahead == pytest.approx(evidence(first, second), rel=1e-6)


def test_evidence_begins_at_one() -> None:
    assert clickers_e_value(0, 0) == pytest.approx(1)
    assert split_e_value(0, 0) == pytest.approx(1)


@given(counts, counts)
def test_evidence_is_symmetric(first: int, second: int) -> None:
    assert clickers_e_value(first, second) == pytest.approx(clickers_e_value(second, first))


def test_equal_arms_are_seldom_told_apart_however_often_they_are_read() -> None:
    chance = random.Random(5)
    told_apart = 0
    for _ in range(300):
        first = second = 0
        highest = 0.0
        for _ in range(600):
            if chance.random() < 0.5:
                first += 1
            else:
                second += 1
            highest = max(highest, clickers_e_value(first, second))
        told_apart += highest > 20
    assert told_apart <= 15


def test_the_better_arm_wins() -> None:
    first, second = visits(random.Random(1), (0.02, 0.03), 40_000)
    verdict = judge(first, second)
    assert verdict.decision == "second"
    assert verdict.interval
    assert verdict.interval.low < 0.5 < verdict.interval.high
    assert verdict.lift == pytest.approx(0.5, abs=0.15)
    assert judge(second, first).decision == "first"


def test_an_uneven_split_decides_nothing() -> None:
    verdict = judge(Arm(10_400, 100, 100, 100), Arm(9_600, 300, 300, 300))
    assert (verdict.split_e_value or 0) >= 1_000
    assert verdict.decision == "bad_split"


def test_an_even_split_is_not_flagged() -> None:
    assert split_e_value(10_050, 9_950) < 1


def test_arms_without_clicks_have_no_lift() -> None:
    assert judge(Arm(), Arm()).lift is None
    assert lift_interval(Arm(10, 0, 0, 0), Arm(12, 3, 3, 3)) is None


@given(st.integers(1, 500), st.integers(1, 500), st.integers(1, 100_000), st.integers(1, 100_000))
def test_the_lift_lies_in_its_interval(first: int, second: int, more: int, others: int) -> None:
    one, other = Arm(first + more, first, first, first), Arm(second + others, second, second, second)
    interval = lift_interval(one, other)
    if interval:
        lift = second / other.visitors / (first / one.visitors) - 1
        assert -1 <= interval.low <= lift <= interval.high


@given(counts, counts)
def test_an_interval_of_preferences_holds_what_was_seen_and_leaves_out_a_half_once_decided(
    first: int, second: int
) -> None:
    interval = preference_interval(first, second)
    assert (interval is None) == (first + second == 0)
    if interval:
        assert 0 <= interval.low <= second / (first + second) <= interval.high <= 1
        result = judge_interleaved(Arm(20_000, first, first), Arm(20_000, second, second))
        assert (result.decision == "undecided") == (interval.low <= 0.5 <= interval.high)


@pytest.mark.parametrize("share", [0.5, 0.55])
def test_an_interval_of_preferences_seldom_misses_the_truth_however_often_it_is_read(share: float) -> None:
    chance, missed = random.Random(6), 0
    for _ in range(150):
        votes = [0, 0]
        for vote in range(1, 601):
            votes[chance.random() < share] += 1
            interval = preference_interval(*votes) if vote % 10 == 0 else None
            if interval and not interval.low <= share <= interval.high:
                missed += 1
                break
    assert missed <= 8


def test_the_arm_that_more_visitors_click_first_wins_on_interleaved_pages() -> None:
    result = judge_interleaved(Arm(9_000, 100, 120), Arm(9_000, 180, 200))
    assert (result.decision, result.lift, result.split_e_value) == ("second", None, None)
    assert result.preference == pytest.approx(180 / 280)
    assert judge_interleaved(Arm(9_000, 180, 0), Arm(9_000, 100, 0)).decision == "first"
    assert judge_interleaved(Arm(), Arm()).preference is None


def test_visitors_are_split_evenly_and_stay_in_their_arm() -> None:
    arms = [arm_of("secret", f"visitor:{at}", "experiment") for at in range(10_000)]
    assert 4_800 < sum(arms) < 5_200
    assert arms[:50] == [arm_of("secret", f"visitor:{at}", "experiment") for at in range(50)]
    assert arms[:50] != [arm_of("secret", f"visitor:{at}", "another") for at in range(50)]
