"""Make the counter of an image one item again once few events come.

A split image is summed over all its shards whenever it changes: 1,100 read units if it was very hot. Looks at the sum,
an hour apart at least, tell whether it has cooled: one shard takes some 55 events an hour.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from vitrine.engagement.ports import CooledCounters, CounterKey, Look

COOL_EVENTS_AN_HOUR = 20
LOOK_EVERY = timedelta(hours=1)
_MOST_IMAGES = 10_000


class SplitImages:
    """What a process remembers of images that changed and are split: when it last had them looked at."""

    def __init__(self) -> None:
        self._looked_at: dict[CounterKey, float] = {}

    def due(self, keys: Iterable[CounterKey], now: float) -> list[CounterKey]:
        """Return the images to look at, each once in `LOOK_EVERY`. `now` is in seconds since 1970."""
        if len(self._looked_at) > _MOST_IMAGES:
            self._looked_at.clear()
        due = [key for key in keys if now - self._looked_at.get(key, 0.0) >= LOOK_EVERY.total_seconds()]
        self._looked_at |= dict.fromkeys(due, now)
        return due


def fold_if_cool(counters: CooledCounters, key: CounterKey, now: datetime) -> bool:
    """Fold an image's counter if it has cooled since the last look, else look; return whether it was folded.

    May be repeated; an attempt that died is continued. Raises Unavailable.
    """
    root, before, look = counters.look(key, now)
    if root.state == "open" and root.tree:
        counters.expire(key, root.tree - 1, now)
    if root.state != "split":
        return False
    if before is None or has_stayed_hot(before, look):
        counters.note_look(key, root.tree, look)
        return False
    if look.at - before.at < LOOK_EVERY or counters.fold(key, root.tree, now).state != "open":
        return False
    counters.expire(key, root.tree, now)
    return True


def has_stayed_hot(before: Look, after: Look) -> bool:
    """Return whether more events came between two looks than one shard should take."""
    hours = (after.at - before.at) / LOOK_EVERY
    return hours >= 1 and after.events - before.events > COOL_EVENTS_AN_HOUR * hours
