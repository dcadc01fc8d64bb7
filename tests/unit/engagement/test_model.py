"""What a shard remembers, and for how long."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vitrine.engagement.model import (
    DEEPEST_PATH,
    FUTURE_TOLERANCE,
    Event,
    Hit,
    by_path,
    child_paths,
    digest_of,
    is_expired,
    is_from_the_future,
    slots_at,
)
from vitrine.engagement.robots import is_robot

WINDOW = timedelta(hours=1)
moments = st.datetimes(datetime(2024, 1, 1), datetime(2030, 1, 1)).map(lambda it: it.replace(tzinfo=UTC))


@given(moments, st.integers(0, 65 * 60))
def test_a_slot_is_remembered_for_as_long_as_an_event_may_come_again(arrived: datetime, seconds: int) -> None:
    written = slots_at(arrived, WINDOW).current
    later = slots_at(arrived + timedelta(seconds=seconds), WINDOW)
    assert written in later.remembered
    assert written not in later.expired


def test_what_a_writer_whose_clock_is_a_minute_ahead_wrote_is_remembered() -> None:
    """Two functions' clocks differ; every second of a whole ring is tried, so that each slot's end is met."""
    start, minute = datetime(2024, 1, 1, tzinfo=UTC), timedelta(minutes=1)
    for seconds in range(int(5 * WINDOW.total_seconds())):
        now = start + timedelta(seconds=seconds)
        ahead, here = slots_at(now + minute, WINDOW).current, slots_at(now, WINDOW)
        assert ahead in here.remembered
        assert ahead not in here.expired


@given(moments)
def test_a_slot_is_emptied_before_it_is_written_again(now: datetime) -> None:
    written = slots_at(now, WINDOW).current
    half = (WINDOW + FUTURE_TOLERANCE + timedelta(minutes=1)) / 2
    assert written in [slot for age in range(1, 5) for slot in slots_at(now + age * half, WINDOW).expired]


@given(st.lists(st.text(min_size=1, max_size=20), unique=True, max_size=40), st.integers(0, DEEPEST_PATH))
def test_an_event_meets_one_shard_whatever_comes_with_it(event_ids: list[str], depth: int) -> None:
    split = {""}
    for _ in range(depth - 1):
        split |= {child for path in split for child in child_paths(path)}
    known = frozenset(split if depth else ())
    hits = [Hit(at, "views", digest_of(event_id, "secret")) for at, event_id in enumerate(event_ids)]
    together = {hit.at: path for path, group in by_path(hits, known).items() for hit in group}
    assert sorted(together) == list(range(len(hits)))
    for hit in hits:
        [alone] = by_path([hit], known)
        assert alone == together[hit.at]


def test_digests_are_keyed() -> None:
    assert digest_of("event", "one merchant") != digest_of("event", "another")
    assert digest_of("event", "one merchant") == digest_of("event", "one merchant")


@pytest.mark.parametrize(
    ("age_minutes", "expired", "future"), [(61, True, False), (59, False, False), (-10, False, True)]
)
def test_events_are_taken_within_the_window(age_minutes: int, expired: bool, future: bool) -> None:
    now = datetime(2024, 1, 1, tzinfo=UTC)
    event = Event("e", "view", "i", now - timedelta(minutes=age_minutes))
    assert (is_expired(event, now, WINDOW), is_from_the_future(event, now)) == (expired, future)
    assert not is_expired(Event("e", "view", "i"), now, WINDOW)


@pytest.mark.parametrize(
    ("agent", "robot"),
    [
        ("Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)", True),
        ("Mozilla/5.0 AppleWebKit/537.36 (KHTML, like Gecko; compatible; bingbot/2.0)", True),
        (
            "Mozilla/5.0 (iPhone; CPU iPhone OS 17_0 like Mac OS X) AppleWebKit/605.1.15 Mobile/15E148 Safari/604.1",
            False,
        ),
        ("curl/8.5.0", False),
        ("python-requests/2.32", False),
        ("", False),
    ],
)
def test_robots_are_known_by_name(agent: str, robot: bool) -> None:
    assert is_robot(agent) is robot
