"""Record by the hour what was counted for each image, and read what it was at an earlier time."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING

from vitrine.engagement.amounts import counts_of
from vitrine.engagement.model import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from vitrine.engagement.ports import CounterKey, History, ShardKey, ShardState
    from vitrine.galleries.model import Counts, GalleryKey

_HOUR = 3600


def record_history(history: History, changes: Iterable[ShardState], batch: str) -> int:
    """Store each shard's last state of each hour; return how many files were written.

    Changes of a shard come in their order. States are absolute and the newest one is read, so changes may be recorded
    again, alone or with others. `batch` names the files; the same changes have the same name.
    """
    latest: dict[tuple[GalleryKey, int], dict[ShardKey, ShardState]] = {}
    for change in changes:
        latest.setdefault((change.key.counters.gallery, change.at // _HOUR), {})[change.key] = change
    for (gallery, hour), shards in latest.items():
        history.store(gallery, hour * _HOUR, batch, list(shards.values()))
    return len(latest)


def counts_before(history: History, gallery: GalleryKey, moment: datetime) -> dict[CounterKey, Counts]:
    """Return the counts, at a whole hour, of all images that had been counted and not deleted by then."""
    latest: dict[ShardKey, ShardState] = {}
    for state in history.read(gallery, int(moment.timestamp())):
        known = latest.get(state.key)
        if known is None or known.age < state.age:
            latest[state.key] = state
    by_image = groupby(sorted(latest.values(), key=lambda state: state.key), key=lambda state: state.key.counters)
    shards = {image: list(states) for image, states in by_image}
    return {
        image: counts_of(state.amounts for state in _standing(states))
        for image, states in shards.items()
        if not any(state.is_closed for state in states)
    }


def _standing(states: Iterable[ShardState]) -> Iterable[ShardState]:
    """Return the states of a counter's shards but for those of trees whose totals its root has taken."""
    states = list(states)
    taken = max((state.tree for state in states if state.key.path == ROOT), default=0)
    return [state for state in states if state.key.path == ROOT or state.tree >= taken]
