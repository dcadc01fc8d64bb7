"""What a shard remembers, and for how long."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vitrine.engagement.model import (
    DEEPEST_PATH,
    FUTURE_TOLERANCE,
    MARKS_IN_A_WRITE,
    ArmKey,
    Event,
    Exclusion,
    PendingEvent,
    Rules,
    SourcePage,
    by_path,
    child_paths,
    click_mark,
    days_of,
    in_writes,
    is_expired,
    is_from_the_future,
    judge,
    lasting_names,
    pending_event,
    reader_names,
    slots_at,
    sums_of,
    suspicion,
    visitor_of,
)
from vitrine.engagement.robots import is_robot
from vitrine.galleries.model import TEAMS, Experiment, Totals
from vitrine.ranking.decay import KIND_OF, Kind, SumKey

WINDOW = timedelta(hours=1)
NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
moments = st.datetimes(datetime(2024, 1, 1), datetime(2030, 1, 1)).map(lambda moment: moment.replace(tzinfo=UTC))


@given(moments, st.integers(0, 65 * 60))
def test_a_slot_is_remembered_while_its_events_may_be_resent(arrived: datetime, seconds: int) -> None:
    written = slots_at(arrived, WINDOW).current
    later = slots_at(arrived + timedelta(seconds=seconds), WINDOW)
    assert written in later.remembered
    assert written not in later.expired


def test_marks_of_a_writer_whose_clock_is_a_minute_ahead_are_remembered() -> None:
    """Two functions' clocks differ. Try every second of a whole ring, so that the end of each slot is covered."""
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


def pending(
    event: Event, *, page: SourcePage | None = None, now: datetime = NOW, secret: str = "secret", shares: bool = True
) -> PendingEvent:
    salts = [day.isoformat().encode() for day in days_of(now, WINDOW)]
    [lasting] = lasting_names([event], page, secret)
    visitor = visitor_of(event, lasting, reader_names(page, salts) if page else ())
    return pending_event(
        0,
        event,
        "views",
        visitor,
        merchant_secret=secret,
        now=now,
        visitors_share=shares,
        counts_each=page is None or not shares,
    )


@given(st.lists(st.text(min_size=1, max_size=20), unique=True, max_size=40), st.integers(0, DEEPEST_PATH))
def test_an_event_goes_to_one_shard_whatever_is_sent_with_it(event_ids: list[str], depth: int) -> None:
    split = {""}
    for _ in range(depth - 1):
        split |= {child for path in split for child in child_paths(path)}
    known = frozenset(split if depth else ())
    events = [pending(Event(event_id, "view", "i"))._replace(at=at) for at, event_id in enumerate(event_ids)]
    together = {event.at: path for path, group in by_path(events, known).items() for event in group}
    assert sorted(together) == list(range(len(events)))
    for event in events:
        [alone] = by_path([event], known)
        assert alone == together[event.at]


texts = st.text(max_size=8)
sessions = st.none() | texts


pages = st.builds(SourcePage, texts, texts)


@given(sessions, pages, moments, st.integers(0, 66 * 60), st.booleans())
def test_a_resend_goes_to_the_shard_with_the_marks_of_the_event(
    session: str | None, page: SourcePage, counted_at: datetime, seconds: int, shares: bool
) -> None:
    event = Event("e", "view", "i", session_id=session)
    first = pending(event, page=page, now=counted_at, shares=shares)
    again = pending(event, page=page, now=counted_at + timedelta(seconds=seconds), shares=shares)
    assert again.path == first.path
    assert judge(again, set(first.remembered)) == Exclusion("duplicate")
    earlier = pending(event, page=page, now=counted_at - timedelta(seconds=60), shares=shares)
    assert judge(earlier, set(first.remembered)) == Exclusion("duplicate")


@given(sessions, pages, moments, st.integers(0, 3599))
def test_a_visitors_events_of_an_hour_go_to_one_shard_and_exclude_each_other(
    session: str | None, page: SourcePage, now: datetime, second: int
) -> None:
    hour = now.replace(minute=0, second=0, microsecond=0)
    first = pending(Event("1", "view", "i", session_id=session), page=page, now=now)
    other = Event("2", "view", "i", session_id=session)
    next_one = pending(other, page=page, now=hour + timedelta(seconds=second))
    next_hour = pending(other, page=page, now=hour + timedelta(hours=1, seconds=second))
    from_server = pending(other, page=None, now=now)
    assert next_one.path == next_hour.path == first.path
    assert judge(next_one, set(first.remembered)) == Exclusion("filtered")
    assert judge(next_hour, set(first.remembered)) is None
    assert judge(from_server, set(first.remembered)) is None
    assert session is None or from_server.path == first.path


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 3), st.booleans()), max_size=60))
def test_the_events_of_a_write_do_not_exclude_each_other(sent: list[tuple[int, int, bool]]) -> None:
    page = SourcePage("192.0.2.1", "Firefox")
    events = [
        pending(Event(f"e{number}", "view", "i", session_id=f"s{session}"), page=page if capped else None)._replace(
            at=at
        )
        for at, (number, session, capped) in enumerate(sent)
    ]
    writes, waiting = in_writes(events)
    assert sorted([*(event for write in writes for event in write), *waiting]) == sorted(events)
    refused_by = [mark for write in writes for event in write for mark in event.refused_by]
    assert len(set(refused_by)) == len(refused_by)
    assert all(sum(len(event.refused_by) for event in write) <= MARKS_IN_A_WRITE for write in writes)
    assert all(not set(event.refused_by).isdisjoint(refused_by) for event in waiting)


def test_marks_depend_on_the_merchants_secret() -> None:
    event = Event("event", "view", "i", user_id="ann")
    page = SourcePage("192.0.2.1", "Firefox")
    one, another = (pending(event, page=page, secret=secret) for secret in ("one", "another"))
    assert set(one.remembered).isdisjoint(another.remembered)
    assert one == pending(event, page=page, secret="one")


def test_a_reader_has_another_name_every_day() -> None:
    event, page = Event("event", "view", "i"), SourcePage("192.0.2.1", "Firefox")
    today, the_day_after = (pending(event, page=page, now=NOW + timedelta(days=days)) for days in (0, 2))
    assert set(today.remembered).isdisjoint(the_day_after.remembered)


@given(moments, st.integers(1, 1440))
def test_a_visitors_hour_is_remembered_whatever_the_window(now: datetime, window_minutes: int) -> None:
    written = slots_at(now, timedelta(minutes=window_minutes)).current
    assert written in slots_at(now + timedelta(hours=1), timedelta(minutes=window_minutes)).remembered


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
def test_robots_are_recognised_by_their_user_agent(agent: str, robot: bool) -> None:
    assert is_robot(agent) is robot


@pytest.mark.parametrize(
    ("views", "clicks", "suspect"),
    [
        (0, 29, False),
        (0, 30, True),
        (60, 30, False),
        (59, 30, True),
        (3000, 300, False),
        (3000, 301, True),
        (3001, 0, True),
    ],
)
def test_a_person_does_not_click_on_most_images_nor_see_thousands_in_an_hour(
    views: int, clicks: int, suspect: bool
) -> None:
    assert (suspicion(views, clicks) is not None) is suspect


def test_each_event_type_has_a_total_and_a_letter_of_its_own() -> None:
    assert Totals._fields == get_args(Kind) == tuple(KIND_OF.values())
    assert len({kind[0] for kind in Totals._fields}) == len(Totals._fields)


def test_an_event_of_an_interleaved_page_belongs_to_the_arm_that_it_names_and_teaches_both() -> None:
    experiment = Experiment("spring", 7, NOW, Totals(), is_ready=True, mode="interleave")
    rules = Rules(experiment=experiment)
    event = Event("1", "click", "a", session_id="ann", arm="7.1")
    others = (event._replace(arm="6.1"), event._replace(arm=None), event._replace(session_id=None))
    assert rules.arm_of(event, "summer", "secret") == "7.1"
    assert [rules.arm_of(other, "summer", "secret") for other in others] == [None] * 3
    sums = sums_of("clicks", rules, None, "7.1", NOW, suspect=False)
    assert {key.arm for key in sums if isinstance(key, SumKey)} == {""}
    assert sums[ArmKey("clicks", "7.1")] == 1
    split = Rules(experiment=experiment._replace(mode="split"))
    assert split.arm_of(event, "summer", "secret") == split.arm_of(others[0], "summer", "secret")
    sums = sums_of("clicks", split, None, "7.1", NOW, suspect=False)
    assert {key.arm for key in sums if isinstance(key, SumKey)} == {"7.1"}


def test_a_mark_of_a_click_says_the_arm_in_its_last_byte() -> None:
    event = Event("1", "click", "a")
    plain = click_mark(event, "secret")
    assert [click_mark(event, "secret", team) for team in TEAMS] == [plain + b"\0", plain + b"\1"]
