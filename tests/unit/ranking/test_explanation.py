"""Why an image is where it is."""

from __future__ import annotations

import pytest

from vitrine.ranking.explanation import explain
from vitrine.ranking.model import Evidence, Prior
from vitrine.ranking.policies import POLICIES


def test_an_optimistic_rate_says_what_is_known_and_what_is_hoped() -> None:
    told = explain("optimistic_rate", Evidence(0, 300, 6), Prior(0.02), pinned_position=3)
    assert told.sentence == "2.0 % of those who see it click; +0.7 for being little seen; pinned to 3"
    assert told.estimate == pytest.approx(0.02)
    assert told.benefit_of_doubt == pytest.approx(8**0.5 / 400)


def test_interest_and_date_are_told_as_they_are() -> None:
    assert explain("interest", Evidence(135, 65, 10), Prior()).sentence == "views + 7 clicks make 135"
    assert explain("newest", Evidence(135, 65, 10), Prior()).sentence == "by date, the newest first"


@pytest.mark.parametrize("policy", POLICIES)
def test_belief_and_doubt_make_the_score(policy: str) -> None:
    evidence = Evidence(135, 65, 10, 20, 3)
    told = explain(policy, evidence, Prior())
    assert told.estimate + told.benefit_of_doubt == pytest.approx(POLICIES[policy].score(evidence, Prior()))
