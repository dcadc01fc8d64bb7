"""An image folds once an hour has shown that few events come."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from tests.memory.engagement import CountersInMemory
from vitrine.engagement.fold_counters import COOL_EVENTS_AN_HOUR, LOOK_EVERY, SplitImages, fold_if_cool
from vitrine.engagement.model import ROOT, PendingEvent, Trace, slots_at
from vitrine.engagement.ports import CountedEvents, CounterKey, ShardKey
from vitrine.galleries.model import GalleryKey

HAT = CounterKey(GalleryKey("shop", "summer"), "hat", "1")
NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
SLOTS = slots_at(NOON, timedelta(hours=1))


def split_counters() -> CountersInMemory:
    counters = CountersInMemory()
    counters.split(ShardKey(HAT, ROOT))
    return counters


def count(counters: CountersInMemory, start: int, number: int) -> None:
    for at in range(start, start + number):
        event = PendingEvent(0, "robots" if at % 2 else "views", "abc", (Trace(at.to_bytes(8, "big"), None),), None)
        assert isinstance(counters.count(ShardKey(HAT, "a"), [event], SLOTS), CountedEvents)


def state(counters: CountersInMemory) -> str:
    return counters.find_shard(ShardKey(HAT, ROOT)).state


def test_folds_after_an_hour_with_few_events_and_not_before() -> None:
    counters = split_counters()
    count(counters, 0, 100)
    assert not fold_if_cool(counters, HAT, NOON)
    count(counters, 100, COOL_EVENTS_AN_HOUR)
    assert not fold_if_cool(counters, HAT, NOON + LOOK_EVERY - timedelta(seconds=1))
    assert fold_if_cool(counters, HAT, NOON + LOOK_EVERY)
    assert state(counters) == "open"
    assert counters.expired == {(HAT, 0)}
    assert not fold_if_cool(counters, HAT, NOON + LOOK_EVERY)


def test_waits_while_more_events_come_than_one_shard_should_take() -> None:
    counters = split_counters()
    fold_if_cool(counters, HAT, NOON)
    count(counters, 0, 2 * COOL_EVENTS_AN_HOUR + 1)
    assert not fold_if_cool(counters, HAT, NOON + 2 * LOOK_EVERY)
    assert state(counters) == "split"
    assert fold_if_cool(counters, HAT, NOON + 3 * LOOK_EVERY)


def test_leaves_an_image_that_is_deleted_or_was_never_split() -> None:
    counters = split_counters()
    fold_if_cool(counters, HAT, NOON)
    counters.close(HAT)
    assert not fold_if_cool(counters, HAT, NOON + LOOK_EVERY)
    assert state(counters) == "split"
    assert not fold_if_cool(CountersInMemory(), HAT, NOON)


def test_has_what_an_attempt_left_that_died_deleted_in_the_end() -> None:
    counters = split_counters()
    counters.fold(HAT, 0, NOON)
    assert not fold_if_cool(counters, HAT, NOON)
    assert counters.expired == {(HAT, 0)}


def test_a_process_has_an_image_looked_at_once_an_hour() -> None:
    images = SplitImages()
    other = CounterKey(HAT.gallery, "cap", "1")
    assert images.due([HAT], 10_000.0) == [HAT]
    assert images.due([HAT, other], 10_001.0) == [other]
    assert images.due([HAT, other], 13_600.0) == [HAT]
