"""Why an image is where it is."""

from __future__ import annotations

import pytest

from vitrine.ranking.explanation import explain
from vitrine.ranking.model import Evidence, Prior
from vitrine.ranking.policies import POLICIES


def test_an_optimistic_rate_tells_the_estimate_and_the_bonus() -> None:
    explanation = explain("optimistic_rate", Evidence(0, 300, 6), Prior(0.02), pinned_position=3)
    assert explanation.sentence == "2.0 % of those who see it click; +0.7 for being little seen; pinned to 3"
    assert explanation.estimate == pytest.approx(0.02)
    assert explanation.benefit_of_doubt == pytest.approx(8**0.5 / 400)


def test_interest_and_date_are_explained_in_their_own_terms() -> None:
    assert explain("interest", Evidence(135, 65, 10), Prior()).sentence == "views + 7 clicks make 135"
    assert explain("newest", Evidence(135, 65, 10), Prior()).sentence == "by date, the newest first"


@pytest.mark.parametrize("policy", POLICIES)
def test_estimate_and_benefit_of_doubt_add_up_to_the_score(policy: str) -> None:
    evidence = Evidence(135, 65, 10, 20, 3)
    explanation = explain(policy, evidence, Prior())
    assert explanation.estimate + explanation.benefit_of_doubt == pytest.approx(
        POLICIES[policy].score(evidence, Prior())
    )
