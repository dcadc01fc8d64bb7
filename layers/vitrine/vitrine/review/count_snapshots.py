"""Counts of products, reviewers and statuses follow the snapshots."""

from __future__ import annotations

import json
from collections import Counter
from typing import TYPE_CHECKING

from vitrine.platform.problems import Unavailable
from vitrine.review.model import instant, tally
from vitrine.review.ports import Tallied

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from vitrine.review.model import Snapshot
    from vitrine.review.ports import Tallies

_ATTEMPTS = 10
AT_ONCE = 40


def count_snapshots(tallies: Tallies, merchant_id: str, snapshot_ids: Sequence[str], now: datetime) -> None:
    """Bring the counts up to these snapshots (at most `AT_ONCE`), and open or close their products' queues.

    Each snapshot remembers what it has added; the difference to what it should add and that memory change in one
    transaction, so repeating or reordering calls changes nothing. Raises Unavailable under contention.
    """
    for _ in range(_ATTEMPTS):
        if _try_to_count(tallies, merchant_id, snapshot_ids, now):
            return
    raise Unavailable("The counts are contended.", 1)


def _try_to_count(tallies: Tallies, merchant_id: str, snapshot_ids: Sequence[str], now: datetime) -> bool:
    added: dict[str, tuple[str | None, str]] = {}
    changes: dict[str, Counter[str]] = {}
    for snapshot_id, (snapshot, before) in tallies.added_by(merchant_id, snapshot_ids).items():
        after = json.dumps(tally(snapshot), separators=(",", ":"), sort_keys=True)
        if after != before:
            added[snapshot_id] = (before, after)
            _add(changes, snapshot, before)
    if not added:
        return True
    standing = tallies.standing(merchant_id, changes)
    counts: dict[str, Tallied] = {}
    for name, change in changes.items():
        stands = standing.get(name) or Tallied({}, 0)
        total = {key: stands.counts.get(key, 0) + change[key] for key in {*stands.counts, *change}}
        counts[name] = Tallied(total, stands.revision, _place(stands, total, change, now))
    return tallies.commit(merchant_id, added, counts)


def _place(stands: Tallied, total: Mapping[str, int], change: Mapping[str, int], now: datetime) -> str | None:
    """In the queue of products while snapshots wait; looked at anew when more have come."""
    if not total.get("waiting"):
        return None
    comes_forward = stands.place is None or (change.get("waiting", 0) > 0 and stands.place > instant(now))
    return instant(now) if comes_forward else stands.place


def _add(changes: dict[str, Counter[str]], snapshot: Snapshot, before: str | None) -> None:
    was: Mapping[str, Mapping[str, int]] = json.loads(before) if before else {}
    for sign, counts in ((1, tally(snapshot)), (-1, was)):
        for name, by_key in counts.items():
            into = changes.setdefault(name, Counter())
            for key, amount in by_key.items():
                into[key] += sign * amount
