"""How policies score."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vitrine.ranking.model import LARGEST_POINTS, Evidence, Prior
from vitrine.ranking.policies import POLICIES

RATES = [name for name, policy in POLICIES.items() if policy.is_rate]

exposures = st.floats(0, 1e9)
clicks = st.floats(0, 1e6)
priors = st.floats(1e-5, 1.0).map(Prior)


def seen(exposure: float, clicks: float) -> Evidence:
    return Evidence(exposure + 7 * clicks, exposure, clicks, exposure, clicks)


def test_the_policies_are_those_of_the_contract() -> None:
    assert list(POLICIES) == ["interest", "newest", "smoothed_rate", "optimistic_rate", "trending_rate"]


def test_scores_are_those_of_their_formulas() -> None:
    evidence, prior = Evidence(135.0, 100, 2, 50, 1), Prior(0.02)
    scores = {name: policy.score(evidence, prior) for name, policy in POLICIES.items()}
    assert scores == pytest.approx(
        {
            "interest": 135,
            "newest": 0,
            "smoothed_rate": (2 + 2) / (100 + 100),
            "optimistic_rate": (4 + 2) / (100 + 100),
            "trending_rate": (3 + 3**0.5) / (100 + 50),
        }
    )


@pytest.mark.parametrize("name", RATES)
@given(exposures, clicks, st.floats(1, 1e6), priors)
def test_a_rate_rises_with_clicks_and_falls_with_views(
    name: str, exposure: float, clicks: float, more: float, prior: Prior
) -> None:
    score = POLICIES[name].score
    assert score(seen(exposure, clicks + more), prior) > score(seen(exposure, clicks), prior)
    assert score(seen(exposure * 2 + more, clicks), prior) < score(seen(exposure, clicks), prior)


@given(st.floats(1, 1e9), st.floats(0, 1), st.floats(2, 100), priors)
def test_the_benefit_of_doubt_shrinks_as_an_image_is_seen(
    exposure: float, rate: float, times: float, prior: Prior
) -> None:
    policy = POLICIES["optimistic_rate"]

    def doubt(evidence: Evidence) -> float:
        return policy.score(evidence, prior) / policy.expected(evidence, prior)

    later = doubt(seen(exposure * times, exposure * times * rate))
    assert later <= doubt(seen(exposure, exposure * rate)) * (1 + 1e-9)


@given(exposures, clicks, priors)
def test_the_trending_rate_of_fresh_events_is_the_optimistic_rate(exposure: float, clicks: float, prior: Prior) -> None:
    evidence = seen(exposure, clicks)
    assert POLICIES["trending_rate"].points(evidence, prior) == POLICIES["optimistic_rate"].points(evidence, prior)


@pytest.mark.parametrize("name", POLICIES)
@given(exposures, clicks, priors)
def test_points_have_at_most_fifteen_digits(name: str, exposure: float, clicks: float, prior: Prior) -> None:
    assert 0 <= POLICIES[name].points(seen(exposure, clicks), prior) <= LARGEST_POINTS


@given(st.integers(0, 10**12), st.integers(0, 10**12))
def test_interest_is_stored_to_the_last_digit(some: int, other: int) -> None:
    points = POLICIES["interest"].points
    assert (points(Evidence(some), Prior()) < points(Evidence(other), Prior())) == (some < other)
