"""Why an image is where it is, in one sentence. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from vitrine.ranking.model import CLICK_WEIGHT
from vitrine.ranking.policies import POLICIES

if TYPE_CHECKING:
    from vitrine.ranking.merchandising import Rule
    from vitrine.ranking.model import Evidence, Prior


class Explanation(NamedTuple):
    """A score in its parts: the estimate, and the bonus for an image that few have seen.

    `estimate` is a click rate if the policy scores rates, else the score itself.
    """

    estimate: float
    benefit_of_doubt: float
    sentence: str


def explain(
    policy: str, evidence: Evidence, prior: Prior, *, pinned_position: int | None = None, rule: Rule | None = None
) -> Explanation:
    """Explain an image's score, and its pin or the merchandising rule that decides about it."""
    rules = POLICIES[policy]
    estimate = rules.expected(evidence, prior)
    doubt = rules.score(evidence, prior) - estimate
    parts = [_belief(policy, estimate)]
    if rules.is_rate and doubt:
        parts.append(f"+{doubt * 100:.1f} for being little seen")
    if pinned_position is not None:
        parts.append(f"pinned to {pinned_position}")
    elif rule is not None:
        parts.append(f"{'boosted' if rule.action == 'boost' else 'buried'} by {rule.target}")
    return Explanation(estimate, doubt, "; ".join(parts))


def _belief(policy: str, estimate: float) -> str:
    if policy == "newest":
        return "by date, the newest first"
    if not POLICIES[policy].is_rate:
        return f"views + {CLICK_WEIGHT} clicks make {estimate:.0f}"
    lately = ", lately" if POLICIES[policy].ages else ""
    return f"{estimate * 100:.1f} % of those who see it click{lately}"
