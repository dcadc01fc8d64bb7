"""Bring the counts of products, reviewers and statuses up to date with the snapshots."""

from __future__ import annotations

import json
from collections import Counter
from typing import TYPE_CHECKING

from vitrine.platform.retries import Superseded, retry
from vitrine.review.model import PRODUCT, instant, tally
from vitrine.review.ports import StoredCounts

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from vitrine.review.model import Snapshot
    from vitrine.review.ports import Tallies

_ATTEMPTS = 10
AT_ONCE = 40


def count_snapshots(tallies: Tallies, merchant_id: str, snapshot_ids: Sequence[str], now: datetime) -> None:
    """Count these snapshots (at most `AT_ONCE`), and queue their products while snapshots wait.

    Each snapshot stores what it has added to the counts. One transaction updates that and adds the difference to the
    counts, so repeated or reordered calls change nothing. Raises Unavailable under contention.
    """

    def attempt() -> None:
        if not _try_to_count(tallies, merchant_id, snapshot_ids, now):
            raise Superseded

    retry(attempt, attempts=_ATTEMPTS)


def _try_to_count(tallies: Tallies, merchant_id: str, snapshot_ids: Sequence[str], now: datetime) -> bool:
    added: dict[str, tuple[str | None, str]] = {}
    changes: dict[str, Counter[str]] = {}
    handed_on: set[str] = set()
    for snapshot_id, (snapshot, before) in tallies.added_by(merchant_id, snapshot_ids).items():
        after = json.dumps(tally(snapshot), separators=(",", ":"), sort_keys=True)
        if after != before:
            added[snapshot_id] = (before, after)
            _add(changes, snapshot, before)
            if snapshot.status == "waiting" and snapshot.opinions and snapshot.lease is None:
                handed_on.add(f"{PRODUCT}{snapshot.product_id}")
    if not added:
        return True
    stored = tallies.find_counts(merchant_id, changes)
    updated: dict[str, StoredCounts] = {}
    for name, change in changes.items():
        current = stored.get(name) or StoredCounts({}, 0)
        totals = {key: current.counts.get(key, 0) + change[key] for key in {*current.counts, *change}}
        queue_key = None
        if name.startswith(PRODUCT):
            more_come = change.get("waiting", 0) > 0 or name in handed_on
            queue_key = _queue_key(current, totals, now, more_come=more_come)
        updated[name] = StoredCounts(totals, current.revision, queue_key)
    return tallies.commit(merchant_id, added, updated)


def _queue_key(before: StoredCounts, totals: Mapping[str, int], now: datetime, *, more_come: bool) -> str | None:
    """Return a product's key in the queue of products: None if no snapshot waits, and now if more have come.

    So does a snapshot passed on to another reviewer: its product may be put off until the end of a lease that is over.
    """
    if not totals.get("waiting"):
        return None
    comes_forward = before.queue_key is None or (more_come and before.queue_key > instant(now))
    return instant(now) if comes_forward else before.queue_key


def _add(changes: dict[str, Counter[str]], snapshot: Snapshot, before: str | None) -> None:
    """Add to `changes` the difference between what a snapshot counts now and what it has added `before`."""
    already: Mapping[str, Mapping[str, int]] = json.loads(before) if before else {}
    for sign, counts in ((1, tally(snapshot)), (-1, already)):
        for name, amounts in counts.items():
            change = changes.setdefault(name, Counter())
            for key, amount in amounts.items():
                change[key] += sign * amount
