"""Write units of counting, at once and buffered, over more than the hour for which events are remembered.

    make bench-intake

Zipf's law over 10,000 images, and 20 images with the same share, 200 events a second of simulated time in batches of 20
by a visitor each, from pages. `EventCounter` and the queue's text decide for real; shards are in memory, in the sizes
by which DynamoDB bills them. Weights come on top.
"""

from __future__ import annotations

import argparse
import itertools
import math
import random
from collections import defaultdict
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.memory.engagement import EveryGallery, SaltsInMemory
from vitrine.engagement.count_events import Batch, EventCounter
from vitrine.engagement.model import Event, Shard, SourcePage
from vitrine.engagement.ports import Archived, CountedEvents
from vitrine.engagement.prepared import from_text, to_text
from vitrine.engagement.queue_events import queue_events
from vitrine.galleries.model import GalleryKey

START = datetime(2026, 1, 1, tzinfo=UTC)
GALLERY = GalleryKey("shop", "gallery")
WINDOW = timedelta(hours=1)
EVENTS_A_SECOND = 200
BATCH = 20
CLICK_RATE = 0.05
ITEM_BYTES = 150  # keys, names, totals and aged sums
MARK_BYTES = 9  # with the byte that a set has for each element
KILOBYTE = 1024


class SizedCounters:
    """CounterRepository in memory, for one process: marks, and the units of writes and reads."""

    def __init__(self, *, archives):
        self._is_archived = archives
        self.units: defaultdict[str, float] = defaultdict(float)
        self._slots: dict[object, dict[str, set[bytes]]] = {}
        self._split = set()
        self._archives: dict[object, list[tuple[datetime, frozenset[bytes]]]] = {}

    def count(self, key, events, slots, archives=0):
        stored = self._slots.setdefault(key, {})
        before = self._size(key)
        refused = [mark for event in events for mark in event.refused_by]
        held = [stored[slot] for slot in slots.remembered if slot in stored]
        known = key not in self._split and archives == len(self._archives.get(key, ()))
        if not known or any(mark in marks for mark in refused for marks in held):
            self.units["write"] += _units(before)
            return self.find_shard(key, 0)
        for slot in slots.expired:
            stored.pop(slot, None)
        stored.setdefault(slots.current, set()).update(mark for event in events for mark in event.remembered)
        units = _units(max(before, self._size(key)))
        self.units["write"] += units
        as_large_again = MARK_BYTES * sum(len(event.remembered) for event in events) if self._is_archived else 0
        return CountedEvents(full=units > 1 or self._size(key) + as_large_again > KILOBYTE)

    def find_shard(self, key, units=1):
        self.units["read"] += units
        marks = frozenset(mark for slot in self._slots.get(key, {}).values() for mark in slot)
        return Shard("split" if key in self._split else "open", marks, len(self._archives.get(key, ())))

    def split(self, key):
        self._split.add(key)
        self.units["write"] += _units(self._size(key))
        return self.find_shard(key, 0)

    def archive(self, key, now):
        size = self._size(key)
        self.units["write"] += 2 * _units(size)
        self._archives.setdefault(key, []).append((now, self.find_shard(key, _units(size) / 4).marks))
        self._slots[key] = {}
        return self.find_shard(key, 0)

    def read_archives(self, key, first, since):
        found = [marks for until, marks in self._archives.get(key, ())[first:] if until >= since]
        self.units["read"] += sum(len(marks) * MARK_BYTES + ITEM_BYTES for marks in found) / 4 / KILOBYTE + 0.5
        return Archived({mark for marks in found for mark in marks})

    def _size(self, key):
        return ITEM_BYTES + MARK_BYTES * sum(map(len, self._slots.get(key, {}).values()))


def _units(size):
    return math.ceil(size / KILOBYTE)


class Queue:
    """EventQueue in memory."""

    def __init__(self):
        self.texts = []

    def store(self, batch):
        self.texts.append(to_text(batch))


def run(images, popular, minutes, buffered_seconds):
    """Yield the units of each ten minutes for 1,000 events."""
    chance = random.Random(1)
    counters: Any = SizedCounters(archives=buffered_seconds > 0)
    queue = Queue()
    counter = EventCounter(counters, EveryGallery(), SaltsInMemory(), WINDOW, archives=buffered_seconds > 0)
    for second in range(minutes * 60):
        now = START + timedelta(seconds=second)
        for at in range(EVENTS_A_SECOND // BATCH):
            sent = [
                Event(
                    f"{second}-{at}-{number}",
                    "click" if chance.random() < CLICK_RATE else "view",
                    str(image),
                    session_id=f"{second}-{at}",
                )
                for number, image in enumerate(chance.choices(range(images), cum_weights=popular, k=BATCH))
            ]
            batch = Batch(GALLERY, "secret", sent, from_robot=False, now=now, page=SourcePage("192.0.2.1", "Firefox"))
            if buffered_seconds:
                queue_events(counter, queue, batch)
            else:
                counter.count(batch)
        if buffered_seconds and (second + 1) % buffered_seconds == 0:
            by_image: dict[str, list[Any]] = {}
            for at, event in enumerate(itertools.chain(*(from_text(text).events for text in queue.texts))):
                by_image.setdefault(event.image_id, []).append(event.pending._replace(at=at))
            queue.texts.clear()
            counter.count_prepared(GALLERY, by_image, now, now - timedelta(seconds=buffered_seconds))
        if (second + 1) % 600 == 0:
            yield {kind: units / EVENTS_A_SECOND / 600 * 1000 for kind, units in counters.units.items()}
            counters.units.clear()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=int, default=80)
    parser.add_argument("--buffered", type=int, nargs="+", default=[0, 10, 60])
    options = parser.parse_args()
    zipf = list(itertools.accumulate(1 / at for at in range(1, 10_001)))
    for name, images, popular in (("Zipf", 10_000, zipf), ("20 hot images", 20, list(range(1, 21)))):
        for seconds in options.buffered:
            done = list(run(images, popular, options.minutes, seconds))
            told = ", ".join(f"{units['write']:.0f}" for units in done)
            print(
                f"{name}, {f'buffered over {seconds} s' if seconds else 'at once'}: write units for 1,000 events, "
                f"by ten minutes: {told}; read units at the end {done[-1].get('read', 0):.0f}",
                flush=True,
            )


if __name__ == "__main__":
    main()
