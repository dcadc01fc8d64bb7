"""Which merchandising rules are in force, and which one decides about an image."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from vitrine.ranking.merchandising import Rule, active_rules, changes_after, first_match

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


@pytest.mark.parametrize(
    ("starts", "ends", "active"),
    [
        (None, None, True),
        (NOON, None, True),
        (NOON + HOUR, None, False),
        (None, NOON, False),
        (NOON - HOUR, NOON + HOUR, True),
    ],
)
def test_a_rule_applies_from_its_start_until_just_before_its_end(
    starts: datetime | None, ends: datetime | None, active: bool
) -> None:
    rule = Rule("boost", tag="sale", starts_at=starts, ends_at=ends)
    assert active_rules([rule], NOON) == ((Rule("boost", tag="sale"),) if active else ())


def test_the_first_rule_that_matches_decides() -> None:
    bury, boost = Rule("bury", product_id="p1"), Rule("boost", tag="sale")
    assert first_match([bury, boost], ["sale"], ["p1"]) == bury
    assert first_match([bury, boost], ["sale"], ["p2"]) == boost
    assert first_match([bury, boost], ["hats"], []) is None


def test_rules_change_when_one_of_them_starts_or_ends() -> None:
    rules = [Rule("boost", "sale", None, NOON, NOON + 2 * HOUR), Rule("bury", "hats", None, NOON + HOUR)]
    assert changes_after(rules, NOON) == [NOON + HOUR, NOON + 2 * HOUR]
