"""Counters, galleries and salts in memory."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from itertools import product
from typing import TYPE_CHECKING, Literal

from vitrine.engagement.model import ROOT, ApartKey, ArmKey, Rules, Shard
from vitrine.engagement.ports import Archived, CountedEvents, Look, ShardKey
from vitrine.galleries.model import Counts, Totals
from vitrine.ranking.decay import SumKey

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import date, datetime

    from vitrine.engagement.model import PendingEvent, Slots, Sum
    from vitrine.engagement.ports import CounterKey
    from vitrine.galleries.model import GalleryKey

FULL = 8
_DIGITS = "0123456789abcdef"


@dataclass
class _Stored:
    is_split: bool = False
    is_folded: bool = False
    slots: defaultdict[str, set[bytes]] = field(default_factory=lambda: defaultdict(set))
    totals: Counter[str] = field(default_factory=Counter)
    sums: Counter[Sum] = field(default_factory=Counter)
    archives: list[tuple[datetime, frozenset[bytes], int | None]] = field(default_factory=list)
    tree: int = 0

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
        self._looks: dict[tuple[CounterKey, int], Look] = {}
        self.expired: set[tuple[CounterKey, int]] = set()

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
        return Shard(self._state(key), stored.marks, len(stored.archives), stored.tree)

    def archive(self, key: ShardKey, now: datetime) -> Shard:
        stored = self._stored.get(key, _Stored())
        if self._state(key) == "open" and stored.marks:
            stored.archives.append((now, stored.marks, None))
            stored.slots.clear()
        return self.find_shard(key)

    def read_archives(self, key: ShardKey, first: int, since: datetime) -> Archived:
        archives = self._stored.get(key, _Stored()).archives[first:]
        return Archived(
            {mark for until, marks, _ in archives if until >= since for mark in marks},
            {tree for until, _, tree in archives if until >= since and tree is not None},
        )

    def read_folded(self, key: CounterKey, tree: int, paths: Iterable[str], since: datetime) -> set[bytes]:
        marks: set[bytes] = set()
        for end in {path[:depth] for path in paths for depth in range(1, len(path) + 1)}:
            shard = ShardKey(key, end, tree)
            marks |= self.find_shard(shard).marks | self.read_archives(shard, 0, since).marks
        return marks

    def fold(self, key: CounterKey, tree: int, now: datetime) -> Shard:
        root = self._stored[ShardKey(key, ROOT)]
        if root.is_split and root.tree == tree:
            if key in self._closed:
                return Shard("closed", root.marks, len(root.archives), tree)
            for path in map("".join, (each for depth in (1, 2, 3) for each in product(_DIGITS, repeat=depth))):
                shard = self._stored.setdefault(ShardKey(key, path, tree), _Stored())
                shard.is_folded = not shard.is_split
                root.totals.update(shard.totals)
                for name, amount in shard.sums.items():
                    root.sums[name] += amount
            root.archives.append((now, root.marks, tree))
            root.slots.clear()
            root.is_split, root.tree = False, tree + 1
        return self.find_shard(ShardKey(key, ROOT))

    def look(self, key: CounterKey, now: datetime) -> tuple[Shard, Look | None, Look]:
        root = self.find_shard(ShardKey(key, ROOT))
        events = sum(self._totals(key).values()) if ShardKey(key, ROOT) in self._stored else 0
        return root, self._looks.get((key, root.tree)), Look(now, events)

    def note_look(self, key: CounterKey, tree: int, look: Look) -> None:
        self._looks[key, tree] = look

    def expire(self, key: CounterKey, tree: int, now: datetime) -> None:
        self.expired.add((key, tree))

    def split(self, key: ShardKey) -> Shard:
        if self._state(key) == "open":
            self._stored.setdefault(key, _Stored()).is_split = True
            self.split_paths.add(key.path)
        return self.find_shard(key)

    def close(self, key: CounterKey) -> None:
        self._closed.add(key)

    def read(self, keys: Sequence[CounterKey]) -> dict[CounterKey, Counts]:
        return {key: self._sum(key) for key in keys if ShardKey(key, ROOT) in self._stored}

    def _state(self, key: ShardKey) -> Literal["open", "split", "folded", "closed"]:
        if key in self._stored and self._stored[key].is_split:
            return "split"
        if key in self._stored and self._stored[key].is_folded:
            return "folded"
        return "closed" if key.counters in self._closed else "open"

    def _standing(self, key: CounterKey) -> list[_Stored]:
        taken = self._stored[ShardKey(key, ROOT)].tree
        return [
            shard
            for shard_key, shard in self._stored.items()
            if shard_key.counters == key and (shard_key.path == ROOT or shard_key.tree == taken)
        ]

    def _totals(self, key: CounterKey) -> Counter[str]:
        totals: Counter[str] = Counter()
        for shard in self._standing(key):
            totals.update(shard.totals)
        return totals

    def _sum(self, key: CounterKey) -> Counts:
        totals = self._totals(key)
        sums: Counter[Sum] = Counter()
        for shard in self._standing(key):
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
