"""Counters, galleries and salts in memory."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from vitrine.engagement.model import ROOT, ApartKey, ArmKey, Rules, Shard
from vitrine.engagement.ports import CountedEvents, ShardKey
from vitrine.galleries.model import Counts, Totals
from vitrine.ranking.decay import SumKey

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import date, datetime

    from vitrine.engagement.model import PendingEvent, Slots, Sum
    from vitrine.engagement.ports import CounterKey
    from vitrine.galleries.model import GalleryKey

FULL = 8


@dataclass
class _Stored:
    is_split: bool = False
    slots: defaultdict[str, set[bytes]] = field(default_factory=lambda: defaultdict(set))
    totals: Counter[str] = field(default_factory=Counter)
    sums: Counter[Sum] = field(default_factory=Counter)
    archives: list[tuple[datetime, frozenset[bytes]]] = field(default_factory=list)

    @property
    def marks(self) -> frozenset[bytes]:
        return frozenset(mark for marks in self.slots.values() for mark in marks)


class CountersInMemory:
    """CounterRepository, whose shards are full after a few marks. It keeps the number of writes and what was split."""

    def __init__(self) -> None:
        self.writes = 0
        self.split_paths: set[str] = set()
        self._stored: dict[ShardKey, _Stored] = {}
        self._closed: set[CounterKey] = set()

    def count(
        self, key: ShardKey, events: Sequence[PendingEvent], slots: Slots, archives: int = 0
    ) -> CountedEvents | Shard:
        shard = self._stored.get(key, _Stored())
        refused = {mark for event in events for mark in event.refused_by}
        is_known = self._state(key) == "open" and len(shard.archives) == archives
        if not is_known or any(not refused.isdisjoint(shard.slots[slot]) for slot in slots.remembered):
            return self.find_shard(key)
        marks = [mark for event in events for mark in event.remembered]
        assert len(set(marks)) == len(marks), "DynamoDB takes no set with an element twice"
        for slot in slots.expired:
            shard.slots[slot].clear()
        shard.slots[slots.current].update(marks)
        shard.totals.update(event.counter for event in events)
        for name, amount in (each for event in events for each in event.sums):
            shard.sums[name] += amount
            if isinstance(name, SumKey):
                shard.sums.pop(name.outdated, None)
        self._stored[key] = shard
        self.writes += 1
        return CountedEvents(full=len(shard.marks) > FULL)

    def find_shard(self, key: ShardKey) -> Shard:
        stored = self._stored.get(key, _Stored())
        return Shard(self._state(key), stored.marks, len(stored.archives))

    def archive(self, key: ShardKey, now: datetime) -> Shard:
        stored = self._stored.get(key, _Stored())
        if self._state(key) == "open" and stored.marks:
            stored.archives.append((now, stored.marks))
            stored.slots.clear()
        return self.find_shard(key)

    def read_archives(self, key: ShardKey, first: int, since: datetime) -> set[bytes]:
        archives = self._stored.get(key, _Stored()).archives[first:]
        return {mark for until, marks in archives if until >= since for mark in marks}

    def split(self, key: ShardKey) -> Shard:
        if self._state(key) == "open":
            self._stored.setdefault(key, _Stored()).is_split = True
            self.split_paths.add(key.path)
        return self.find_shard(key)

    def close(self, key: CounterKey) -> None:
        self._closed.add(key)

    def read(self, keys: Sequence[CounterKey]) -> dict[CounterKey, Counts]:
        return {key: self._sum(key) for key in keys if ShardKey(key, ROOT) in self._stored}

    def _state(self, key: ShardKey) -> Literal["open", "split", "closed"]:
        if key in self._stored and self._stored[key].is_split:
            return "split"
        return "closed" if key.counters in self._closed else "open"

    def _sum(self, key: CounterKey) -> Counts:
        totals: Counter[str] = Counter()
        sums: Counter[Sum] = Counter()
        for shard_key, shard in self._stored.items():
            if shard_key.counters == key:
                totals.update(shard.totals)
                sums.update(shard.sums)
        arms: dict[str, Totals] = {}
        for name, amount in sums.items():
            if isinstance(name, ArmKey):
                arms[name.arm] = arms.get(name.arm, Totals())._replace(**{name.kind: amount})
        return Counts(
            Totals(totals["views"], totals["clicks"]),
            Totals(sums[ApartKey("lab", "views")], sums[ApartKey("lab", "clicks")]),
            {name: amount for name, amount in sums.items() if isinstance(name, SumKey)},
            arms,
            Totals(sums[ApartKey("suspect", "views")], sums[ApartKey("suspect", "clicks")]),
        )


class EveryGallery:
    """Galleries, each of which has every image; those of `every_event` count every event."""

    def __init__(self, *every_event: GalleryKey) -> None:
        self.every_event = set(every_event)
        self.asked = 0

    def find_incarnations(self, gallery: GalleryKey, image_ids: Iterable[str]) -> Mapping[str, str]:
        return dict.fromkeys(image_ids, "first")

    def find_rules(self, gallery: GalleryKey) -> Rules:
        self.asked += 1
        return Rules(every_event=gallery in self.every_event)


class SaltsInMemory:
    """Salts: one per day."""

    def salt_of(self, day: date) -> bytes:
        return day.isoformat().encode() * 3
