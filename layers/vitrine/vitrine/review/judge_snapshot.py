"""Decide about a snapshot, undo a decision, or reopen a decided snapshot."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vitrine.review.change_snapshot import change_snapshot
from vitrine.review.model import Opinion

if TYPE_CHECKING:
    from datetime import datetime

    from vitrine.review.model import Lease, Snapshot, Verdict
    from vitrine.review.ports import Snapshots


def decide(  # noqa: PLR0913 - a decision has this many facts
    repository: Snapshots,
    merchant_id: str,
    snapshot_id: str,
    reviewer: str,
    decision: Verdict,
    *,
    reason: str | None,
    viewed_ms: int | None,
    now: datetime,
) -> Snapshot:
    """Store a verdict. Without `viewed_ms`, the viewing time is counted from the beginning of the lease.

    Raises NotFound, and Conflict if the reviewer has no lease or another reviewer decided.
    """

    def judge(snapshot: Snapshot) -> Snapshot:
        since = snapshot.lease.since if snapshot.lease else now
        viewed = viewed_ms if viewed_ms is not None else int((now - since).total_seconds() * 1000)
        return snapshot.judged(Opinion(reviewer, decision, now, viewed, reason))

    return change_snapshot(repository, merchant_id, snapshot_id, judge)


def undo(repository: Snapshots, merchant_id: str, snapshot_id: str, lease: Lease) -> Snapshot:
    """Undo the latest decision of the lease's reviewer, within ten minutes. Raises NotFound and Conflict."""
    return change_snapshot(repository, merchant_id, snapshot_id, lambda snapshot: snapshot.undone(lease))


def reopen(repository: Snapshots, merchant_id: str, snapshot_id: str, lease: Lease) -> Snapshot:
    """Lease a decided snapshot to a reviewer for another decision. Raises NotFound and Conflict."""
    return change_snapshot(repository, merchant_id, snapshot_id, lambda snapshot: snapshot.reopened(lease))
