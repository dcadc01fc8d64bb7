"""Change one snapshot by a rule of the model, with optimistic locking."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vitrine.platform.problems import NotFound
from vitrine.platform.retries import Superseded, retry

if TYPE_CHECKING:
    from collections.abc import Callable

    from vitrine.review.model import Snapshot
    from vitrine.review.ports import Snapshots


def find_snapshot(repository: Snapshots, merchant_id: str, snapshot_id: str) -> Snapshot:
    """Return the snapshot. Raises NotFound."""
    snapshot = repository.find(merchant_id, [snapshot_id]).get(snapshot_id)
    if snapshot is None:
        raise NotFound(f"There is no snapshot {snapshot_id}.")
    return snapshot


def change_snapshot(
    repository: Snapshots, merchant_id: str, snapshot_id: str, change: Callable[[Snapshot], Snapshot]
) -> Snapshot:
    """Apply `change` to the stored snapshot and save it if nobody changed it meanwhile.

    Raises NotFound, what `change` raises, and Unavailable under contention.
    """

    def attempt() -> Snapshot:
        snapshot = find_snapshot(repository, merchant_id, snapshot_id)
        changed = change(snapshot)
        if changed != snapshot and not repository.save(changed):
            raise Superseded
        return changed

    return retry(attempt, refusal="Others are changing this snapshot. Send the request again.")
