"""Sort keys, when a stored score is replaced, and the prior of an unseen image."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vitrine.ranking.model import (
    HYSTERESIS,
    LARGEST_POINTS,
    Prior,
    fitted,
    has_moved,
    is_off,
    rank_digits,
)

points = st.integers(0, LARGEST_POINTS)


@given(points, points)
def test_digits_sort_ascending_where_points_descend(some: int, other: int) -> None:
    assert (rank_digits(some) < rank_digits(other)) == (some > other)
    assert len(rank_digits(some)) == 15


def test_more_points_than_fit_sort_first() -> None:
    assert rank_digits(LARGEST_POINTS * 2) == "000000000000000"


@given(st.integers(1, 10**14), st.floats(0.5, 2))
def test_a_score_moves_at_five_percent_either_way(stored: int, factor: float) -> None:
    now = int(stored * factor)
    moved = has_moved(stored, now, HYSTERESIS)
    assert moved == (now > stored * 1.05 or stored > now * 1.05)
    assert moved == has_moved(now, stored, HYSTERESIS)


@given(points, points)
def test_without_tolerance_every_difference_counts(stored: int, now: int) -> None:
    assert has_moved(stored, now, 0) == (stored != now)


def test_a_score_of_zero_moves_at_the_first_event() -> None:
    assert has_moved(0, 1, HYSTERESIS)
    assert not has_moved(0, 0, HYSTERESIS)


def test_the_prior_stays_while_it_is_about_right() -> None:
    assert not is_off(Prior(0.01), 1400, 100_000)
    assert not is_off(Prior(0.01), 0, 500)
    assert not is_off(Prior(0.01), 3, 100)


def test_the_prior_follows_the_gallerys_click_rate() -> None:
    for clicks, mean in ((4900, 0.048), (440, 0.0045)):
        assert is_off(Prior(0.01), clicks, 100_000)
        assert fitted(Prior(0.01), clicks, 100_000).mean_rate == pytest.approx(mean, rel=0.02)


@given(st.floats(1e-4, 0.5), st.integers(0, 10**6), st.integers(10**6, 10**9))
def test_a_prior_fitted_to_many_events_stays(mean: float, clicks: int, exposure: int) -> None:
    again = fitted(Prior(mean), clicks, exposure)
    assert not is_off(fitted(again, clicks, exposure), clicks, exposure)
