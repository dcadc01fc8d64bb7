"""When a verdict may be given, changed and taken back."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from vitrine.platform.problems import Conflict
from vitrine.review.model import Lease, Opinion, Snapshot

DECIDED = datetime(2024, 5, 1, 12, tzinfo=UTC)
UNDO_WINDOW = timedelta(minutes=10)
A_MOMENT = timedelta(microseconds=1)


def decided_by_ann() -> Snapshot:
    approval = Opinion("ann", "approved", DECIDED, viewed_ms=900)
    return Snapshot("shop", "apple1", "apple", "apple1.jpg", DECIDED - timedelta(days=1), opinions=(approval,))


def lease_of_ann(since: datetime) -> Lease:
    return Lease("ann", since, since + timedelta(minutes=2))


def test_a_verdict_can_be_taken_back_until_the_undo_window_ends() -> None:
    last = DECIDED + UNDO_WINDOW
    assert decided_by_ann().undone(lease_of_ann(last)).opinions == ()
    with pytest.raises(Conflict, match="10 minutes"):
        decided_by_ann().undone(lease_of_ann(last + A_MOMENT))


def test_a_verdict_can_be_changed_until_the_undo_window_ends() -> None:
    last = DECIDED + UNDO_WINDOW
    changed = decided_by_ann().judged(Opinion("ann", "disapproved", last, viewed_ms=900))
    assert changed.status == "disapproved"
    with pytest.raises(Conflict, match="10 minutes"):
        decided_by_ann().judged(Opinion("ann", "disapproved", last + A_MOMENT, viewed_ms=900))
