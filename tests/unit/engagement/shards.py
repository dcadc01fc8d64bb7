"""Shards in memory that fill after a few marks."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from vitrine.engagement.model import Rules, Shard
from vitrine.engagement.ports import CountedEvents
from vitrine.galleries.model import Counts, Totals

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import date

    from vitrine.engagement.model import PendingEvent, Slots
    from vitrine.engagement.ports import CounterKey, ShardKey
    from vitrine.galleries.model import GalleryKey

FULL = 8


@dataclass
class _Stored:
    state: Literal["open", "split", "closed"] = "open"
    slots: defaultdict[str, set[bytes]] = field(default_factory=lambda: defaultdict(set))
    totals: Counter[str] = field(default_factory=Counter)

    @property
    def marks(self) -> frozenset[bytes]:
        return frozenset(mark for marks in self.slots.values() for mark in marks)


class Shards:
    """A CounterRepository; `writes` counts its writes."""

    def __init__(self) -> None:
        self.writes = 0
        self.stored: defaultdict[ShardKey, _Stored] = defaultdict(_Stored)

    def count(self, key: ShardKey, events: Sequence[PendingEvent], slots: Slots) -> CountedEvents | Shard:
        shard = self.stored[key]
        refused = {mark for event in events for mark in event.refused_by}
        if shard.state != "open" or any(not refused.isdisjoint(shard.slots[slot]) for slot in slots.remembered):
            return Shard(shard.state, shard.marks)
        marks = [mark for event in events for mark in event.remembered]
        assert len(set(marks)) == len(marks), "DynamoDB takes no set with an element twice"
        for slot in slots.expired:
            shard.slots[slot].clear()
        shard.slots[slots.current].update(marks)
        shard.totals.update(event.counter for event in events)
        self.writes += 1
        return CountedEvents(full=len(shard.marks) > FULL)

    def find_shard(self, key: ShardKey) -> Shard:
        shard = self.stored[key]
        return Shard(shard.state, shard.marks)

    def split(self, key: ShardKey) -> Shard:
        shard = self.stored[key]
        if shard.state == "open":
            shard.state = "split"
        return Shard(shard.state, shard.marks)

    def close(self, key: CounterKey) -> None:
        raise NotImplementedError

    def read(self, keys: Sequence[CounterKey]) -> dict[CounterKey, Counts]:
        counted: dict[CounterKey, Counter[str]] = {key: Counter() for key in keys}
        for shard_key, shard in self.stored.items():
            if shard_key.counters in counted:
                counted[shard_key.counters] += shard.totals
        return {key: Counts(Totals(totals["views"], totals["clicks"])) for key, totals in counted.items()}


class Galleries:
    """Every gallery has every image; those of `every_event` count every event."""

    def __init__(self, *every_event: GalleryKey) -> None:
        self.every_event = set(every_event)
        self.asked = 0

    def find_incarnations(self, gallery: GalleryKey, image_ids: Iterable[str]) -> Mapping[str, str]:
        return dict.fromkeys(image_ids, "first")

    def find_rules(self, gallery: GalleryKey) -> Rules:
        self.asked += 1
        return Rules(every_event=gallery in self.every_event)


class Salts:
    """One salt per day."""

    def salt_of(self, day: date) -> bytes:
        return day.isoformat().encode() * 3
