"""A tree folds exactly, whichever call its process dies before or after."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from moto import mock_aws

from tests import aws
from tests.faults.driver import Crash
from tests.memory.engagement import EveryGallery, SaltsInMemory
from vitrine.engagement.count_events import Batch, EventCounter
from vitrine.engagement.dynamodb import DynamoDBCounters
from vitrine.engagement.fold_counters import fold_if_cool
from vitrine.engagement.model import ROOT, Event
from vitrine.engagement.ports import CounterKey, Look, ShardKey
from vitrine.galleries.model import GalleryKey, Totals

if TYPE_CHECKING:
    from collections.abc import Iterator

GALLERY = GalleryKey("shop", "summer")
HAT = CounterKey(GALLERY, "hat", "first")
NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
CALLS = 36  # 16 shards of a tree are frozen, the root's marks archived, the root opened, 16 shards expire


class Dying(DynamoDBCounters):
    """Dies before or after the call of a number that changes something."""

    def __init__(self, client: Any, table: str) -> None:
        super().__init__(client, table)
        self.calls = 0
        self.dies_at = -1
        self.dies_after = False
        client.meta.events.register("before-send.dynamodb.UpdateItem", self._before, unique_id="before")
        client.meta.events.register("after-call.dynamodb.UpdateItem", self._after, unique_id="after")

    def _before(self, **_: Any) -> None:
        self.calls += 1
        if self.calls == self.dies_at and not self.dies_after:
            raise Crash

    def _after(self, **_: Any) -> None:
        if self.calls >= self.dies_at > 0 and self.dies_after:
            raise Crash


@pytest.fixture(autouse=True)
def _table(aws_credentials: None) -> Iterator[None]:
    with mock_aws():
        aws.create_tables("CountersTable")
        yield


def send(counter: EventCounter, *names: str) -> list[str]:
    events = [Event(name, "view", "hat") for name in names]
    return [result.status for result in counter.count(Batch(GALLERY, "secret", events, False, NOON))]


def new_process(counters: DynamoDBCounters) -> EventCounter:
    return EventCounter(counters, EveryGallery(), SaltsInMemory(), timedelta(hours=1))


@pytest.mark.parametrize("dies_after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("dies_at", range(1, CALLS, 5))
@pytest.mark.parametrize("finished_by", ["the next look", "the process that knew the tree", "a new process"])
def test_a_death_at_any_call_loses_and_doubles_nothing(dies_at: int, finished_by: str, *, dies_after: bool) -> None:
    counters = Dying(boto3.client("dynamodb"), "CountersTable")
    knows_the_tree = new_process(counters)
    assert send(knows_the_tree, "in the root") == ["accepted"]
    counters.split(ShardKey(HAT, ROOT))
    sent = ["in the root", *(f"in the tree {at}" for at in range(8))]
    assert send(knows_the_tree, *sent) == ["duplicate", *["accepted"] * 8]
    counters.note_look(HAT, 0, Look(NOON - timedelta(hours=2), 9))

    counters.calls, counters.dies_at, counters.dies_after = 0, dies_at, dies_after
    with pytest.raises(Crash):
        fold_if_cool(counters, HAT, NOON)
    counters.dies_at = -1
    assert counters.read([HAT])[HAT].totals == Totals(9, 0)

    if finished_by == "the next look":
        fold_if_cool(counters, HAT, NOON)
        assert counters.find_shard(ShardKey(HAT, ROOT)).state == "open"
    first = knows_the_tree if finished_by == "the process that knew the tree" else new_process(counters)
    for counter in (first, knows_the_tree, new_process(counters)):
        assert set(send(counter, *sent)) == {"duplicate"}
    assert send(first, "new") == ["accepted"]
    assert set(send(new_process(counters), "new", *sent)) == {"duplicate"}
    assert counters.read([HAT])[HAT].totals == Totals(10, 0)
