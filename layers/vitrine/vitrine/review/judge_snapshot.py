"""A reviewer decides, takes a verdict back, or asks to judge anew."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vitrine.review.change_snapshot import change_snapshot
from vitrine.review.model import Opinion

if TYPE_CHECKING:
    from datetime import datetime

    from vitrine.review.model import Lease, Snapshot, Verdict
    from vitrine.review.ports import Snapshots


def decide(  # noqa: PLR0913 - a verdict has this many sides
    repository: Snapshots,
    merchant_id: str,
    snapshot_id: str,
    reviewer: str,
    verdict: Verdict,
    *,
    reason: str | None,
    viewed_ms: int | None,
    now: datetime,
) -> Snapshot:
    """Store a verdict. Without `viewed_ms` the reviewer is taken to have looked since the lease began.

    Raises NotFound, and Conflict without the lease or when another decided.
    """

    def judge(snapshot: Snapshot) -> Snapshot:
        since = snapshot.lease.since if snapshot.lease else now
        looked = viewed_ms if viewed_ms is not None else int((now - since).total_seconds() * 1000)
        return snapshot.judged(Opinion(reviewer, verdict, now, looked, reason))

    return change_snapshot(repository, merchant_id, snapshot_id, judge)


def undo(repository: Snapshots, merchant_id: str, snapshot_id: str, lease: Lease) -> Snapshot:
    """Take back, within ten minutes, the verdict of the one who gets the lease. Raises NotFound and Conflict."""
    return change_snapshot(repository, merchant_id, snapshot_id, lambda snapshot: snapshot.undone(lease))


def reopen(repository: Snapshots, merchant_id: str, snapshot_id: str, lease: Lease) -> Snapshot:
    """Lease a decided snapshot to a reviewer, to be judged anew. Raises NotFound and Conflict."""
    return change_snapshot(repository, merchant_id, snapshot_id, lambda snapshot: snapshot.reopened(lease))
