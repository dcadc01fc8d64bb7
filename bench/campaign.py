"""What happens when a campaign starts: 500, 5,000 or 50,000 events a second in one gallery of 10,000 images.

    make bench-campaign

A simulation, in steps of a second, of what the code does: `PutOff` decides for real which images are written. Assumed:

- Events follow Zipf's law and come in batches of 20 by new visitors, from nothing to the full rate in one second.
- A partition of DynamoDB takes 1,000 write units a second, without burst capacity. A new on-demand table has four;
  one that was warmed up for twice the rate has two for each 1,000 events a second. An image's counters lie in one
  partition, by the hash of its key. Nothing splits for heat within this minute.
- Counting an event takes one unit; what a partition refuses waits, as if the storefront sent it again a second later.
- The table's stream has a shard for each partition. One invocation at a time follows a shard, with up to 1,000 changes.
- An invocation takes 90 ms, 0.5 ms for each change and 2.7 ms for each image written (`make bench-bill`).
- All images of a gallery lie in one partition of the index, where a moved rank takes two units.
- An invocation reads the gallery and commits its totals 20 ms later; it conflicts if another commits meanwhile.
- Lambda adds 1,000 processes of a function in ten seconds, and an account has 1,000; a new account has 10.
"""

from __future__ import annotations

import argparse
import itertools
import random
import zlib
from collections import Counter, defaultdict, deque
from typing import NamedTuple

from bench.ranks import CLICK_RATE, GALLERY, LEADERS, START, VERSION
from vitrine.engagement.ports import CounterKey
from vitrine.engagement.put_off import PutOff
from vitrine.engagement.recompute_weights import CounterChange, Recomputed
from vitrine.galleries.leading_images import Leaders
from vitrine.galleries.model import Counts, Totals

IMAGES = 10_000
BATCH = 20
NEW_TABLE = 4
PARTITION_UNITS = 1000
RECORDS_AT_ONCE = 1000
INVOCATION_SECONDS, RECORD_SECONDS, IMAGE_SECONDS = 0.09, 0.0005, 0.0027
REQUEST_SECONDS = 0.074  # of counting a batch, bench-bill
RANK_UNITS = 2
COMMIT_SECONDS = 0.02
CONSUMERS = 2  # of images whose time has come, as in the template


class Record(NamedTuple):
    """A change in the stream, and when its event was counted and answered."""

    change: CounterChange
    at: int


class Campaign:
    """One run. `lags` are seconds from an answered event until its change is followed, by number of events."""

    def __init__(self, rate, partitions, *, each_second):
        self.rate, self.partitions = rate, partitions
        self.second = 0
        self.lags: Counter[int] = Counter()
        self.units: list[float] = []
        self.commits = 0
        self._chance = random.Random(1)
        self._images = [CounterKey(GALLERY, str(at), "1") for at in range(IMAGES)]
        self._popular = list(itertools.accumulate(1 / at for at in range(1, IMAGES + 1)))
        self._counted = dict.fromkeys(self._images, Counts())
        self._shown = dict(self._counted)
        self._sent: defaultdict[int, deque[CounterKey]] = defaultdict(deque)
        self._streams: defaultdict[int, deque[Record]] = defaultdict(deque)
        self._waiting: defaultdict[int, list[CounterKey]] = defaultdict(list)
        self._put_off: dict[int, PutOff] | None = None if each_second else defaultdict(lambda: PutOff(self._leaders))
        self._room = 0.0

    def run(self, seconds):
        for self.second in range(seconds):
            self._count()
            self._room = min(PARTITION_UNITS, self._room + PARTITION_UNITS)
            before = self._room
            for at in range(CONSUMERS):
                self._catch_up(at)
            for stream in self._chance.sample(list(self._streams), len(self._streams)):
                self._follow(stream)
            self.units.append(before - self._room)
        for record in itertools.chain(*self._streams.values()):
            self.lags[seconds + 1 - record.at] += 1
        return self

    @property
    def behind(self):
        """How many events are counted and not followed yet, and how many are refused and not counted yet."""
        return sum(map(len, self._streams.values())), sum(map(len, self._sent.values()))

    def lag(self, share):
        left = share * self.lags.total()
        for lag, number in sorted(self.lags.items()):
            left -= number
            if left <= 0:
                return lag
        return 0

    def conflicts(self):
        """The share of commits that another one overtakes."""
        a_second = self.commits / (self.second + 1)
        return 1 - 2.718281828 ** -(a_second * COMMIT_SECONDS) if self.commits else 0.0

    def _count(self):
        for key in self._chance.choices(self._images, cum_weights=self._popular, k=self.rate):
            self._sent[zlib.crc32(key.image_id.encode()) % self.partitions].append(key)
        for partition, sent in self._sent.items():
            for _ in range(min(len(sent), PARTITION_UNITS)):
                key = sent.popleft()
                more = Totals(0, 1) if self._chance.random() < CLICK_RATE else Totals(1, 0)
                self._counted[key] = Counts(self._counted[key].totals.plus(more))
                self._streams[partition].append(Record(CounterChange(key, self._counted[key]), self.second))

    def _follow(self, stream):
        """Follow a shard's changes for a second, in batches one after another."""
        left, records = 1.0, self._streams[stream]
        while records and left > 0 and self._room > 0:
            batch = [records.popleft() for _ in range(min(len(records), RECORDS_AT_ONCE))]
            changes = [record.change for record in batch]
            written = self._decide(stream, changes)
            left -= INVOCATION_SECONDS + RECORD_SECONDS * len(batch) + IMAGE_SECONDS * written
            for record in batch:
                self.lags[self.second + 1 - record.at] += 1

    def _decide(self, stream, changes):
        if self._put_off is None:
            return self._show(changes).written
        now = START.timestamp() + self.second + 1
        return self._put_off[stream].follow(changes, now, self._show, self._queue).written

    def _show(self, changes):
        keys = {change.key: self._counted[change.key] for change in changes}
        outdated = [key for key, counts in keys.items() if self._shown[key] != counts]
        self._shown |= keys
        self._room -= RANK_UNITS * len(outdated)
        self.commits += -(-len(outdated) // 100)
        return Recomputed(len(outdated), keys, [], set())

    def _queue(self, keys, delay_seconds):
        self._waiting[self.second + 1 + delay_seconds] += keys

    def _catch_up(self, consumer):
        left = 1.0
        due = sorted(at for at in self._waiting if at <= self.second)
        for at in due:
            while self._waiting[at] and left > 0 and self._room > 0:
                keys, self._waiting[at] = self._waiting[at][:1000], self._waiting[at][1000:]
                written = self._show([CounterChange(key, None) for key in keys]).written
                left -= INVOCATION_SECONDS + RECORD_SECONDS * len(keys) + IMAGE_SECONDS * written
            if not self._waiting[at]:
                del self._waiting[at]

    def _leaders(self, _):
        weights = sorted((counts.totals.weight for counts in self._shown.values()), reverse=True)
        return [Leaders(VERSION, weights[LEADERS - 1])]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rates", type=int, nargs="+", default=[500, 5_000, 50_000])
    parser.add_argument("--seconds", type=int, default=60)
    options = parser.parse_args()
    for rate, is_warm, each_second in itertools.product(options.rates, (False, True), (True, False)):
        partitions = max(NEW_TABLE, 2 * rate // PARTITION_UNITS) if is_warm else NEW_TABLE
        done = Campaign(rate, partitions, each_second=each_second).run(options.seconds)
        behind, uncounted = done.behind
        print(
            f"{rate:>6,} a second, {partitions:>3} partitions, {'each second' if each_second else 'as shipped':<11}: "
            f"lag p50 {done.lag(0.5)} s, p99 {done.lag(0.99)} s; not followed {behind:,}, not counted {uncounted:,}; "
            f"index {sum(done.units) / len(done.units):.0f} units a second, most {max(done.units):.0f}; "
            f"conflicts {done.conflicts():.0%}; processes of events_api {rate / BATCH * REQUEST_SECONDS:.0f}",
            flush=True,
        )


if __name__ == "__main__":
    main()
