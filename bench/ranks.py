"""How often images are written, and what that costs, over a million events: the shipped rule beside two others.

    make bench-ranks

Zipf's law over 10,000 images that nobody has seen, 200 events a second of simulated time, 5 % clicks, weights follow
once a second, or with `--every 10` as they do with `IntakeSeconds=10`. `PutOff` decides for real; counters, images and
the queue are in memory. An image takes three write units and a catch-up two read units, as `make bench-bill` measures;
a gallery takes seven write units a time and a seventh of one for each image, since each is noted in 60 bytes that are
written twice in a transaction and removed.
"""

from __future__ import annotations

import argparse
import itertools
import random
from collections import defaultdict
from datetime import UTC, datetime

from vitrine.engagement.ports import CounterKey
from vitrine.engagement.put_off import PutOff
from vitrine.engagement.recompute_weights import CounterChange, Recomputed
from vitrine.galleries.leading_images import Leaders
from vitrine.galleries.model import Counts, GalleryKey, Totals
from vitrine.ranking.model import Ranking, first_version

START = datetime(2026, 1, 1, tzinfo=UTC)
GALLERY = GalleryKey("shop", "zipf")
VERSION = first_version(Ranking(), START)
EVENTS_A_SECOND = 200
CLICK_RATE = 0.05
LEADERS = 100
KEPT_SECONDS = 20
IMAGE_UNITS = 3
GALLERY_UNITS = 7
NOTE_UNITS = 1 / 7


class Shop:
    """Counters, what images show, and messages that wait."""

    def __init__(self, images, rule):
        self.now = START.timestamp()
        self.counted = {CounterKey(GALLERY, str(at), "1"): Counts() for at in range(images)}
        self.shown = dict(self.counted)
        self.spent: defaultdict[str, float] = defaultdict(float)
        self._waiting: defaultdict[float, list[CounterKey]] = defaultdict(list)
        self._rule = rule
        self._put_off = PutOff(self._leaders)

    def pass_time(self, keys, chance, seconds=1):
        """Count events on these images within some seconds, and follow them."""
        for key in keys:
            more = Totals(0, 1) if chance.random() < CLICK_RATE else Totals(1, 0)
            self.counted[key] = Counts(self.counted[key].totals.plus(more))
        self.now += seconds
        changes = [CounterChange(key, self.counted[key]) for key in keys]
        if self._rule == "each second":
            self._show(changes)
        elif self._rule == "5 % and a minute":
            moved = [change for change in changes if self._has_moved(change.key)]
            self._show(moved)
            later = {change.key for change in changes} - {change.key for change in moved}
            waiting = set().union(*self._waiting.values())
            self._waiting[self.now + 60] += [key for key in later if key not in waiting]
        else:
            self._put_off.follow(changes, self.now, self._show, self._queue)
        due = [self._waiting.pop(at) for at in sorted(self._waiting) if at <= self.now]
        caught_up = list(dict.fromkeys(itertools.chain(*due)))
        self.spent["read units"] += len(caught_up)
        for start in range(0, len(caught_up), 100):
            self._show([CounterChange(key, None) for key in caught_up[start : start + 100]])

    def _has_moved(self, key):
        return self.counted[key].totals.weight > self.shown[key].totals.weight * 1.05

    def _leaders(self, _):
        weights = sorted((counts.totals.weight for counts in self.shown.values()), reverse=True)
        self.spent["read units"] += 6
        return [Leaders(VERSION, weights[LEADERS - 1])]

    def _queue(self, keys, delay_seconds):
        self._waiting[self.now + delay_seconds] += keys

    def _show(self, changes):
        keys = dict.fromkeys(change.key for change in changes)
        outdated = [key for key in keys if self.shown[key] != self.counted[key]]
        self.spent["read units"] += len(keys) + bool(keys)
        self.spent["images written"] += len(outdated)
        gallery = GALLERY_UNITS * -(-len(outdated) // 100) + NOTE_UNITS * len(outdated)
        self.spent["write units"] += IMAGE_UNITS * len(outdated) + gallery
        for key in outdated:
            self.shown[key] = self.counted[key]
        return Recomputed(len(outdated), {key: self.shown[key] for key in keys}, [], set())


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", type=int, default=1_000_000)
    parser.add_argument("--images", type=int, default=10_000)
    parser.add_argument("--every", type=int, default=1, help="seconds of events that are counted together")
    options = parser.parse_args()
    popular = list(itertools.accumulate(1 / at for at in range(1, options.images + 1)))
    print("for 1,000 events, without counting them")
    for rule in ("each second", "5 % and a minute", "shipped"):
        chance = random.Random(1)
        shop = Shop(options.images, rule)
        images = list(shop.counted)
        together = options.every * EVENTS_A_SECOND
        for events in range(together, options.events + 1, together):
            shop.pass_time(chance.choices(images, cum_weights=popular, k=together), chance, options.every)
            if events in {20_000, 40_000, 100_000, options.events}:
                told = ", ".join(f"{name} {amount / events * 1000:.0f}" for name, amount in shop.spent.items())
                print(f"  {rule:<18}{events:>10,} events: {told}")


if __name__ == "__main__":
    main()
