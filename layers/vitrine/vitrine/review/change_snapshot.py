"""One snapshot changes by a rule of the model: read, judge, write if nothing changed in between."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vitrine.platform.problems import NotFound, Unavailable

if TYPE_CHECKING:
    from collections.abc import Callable

    from vitrine.review.model import Snapshot
    from vitrine.review.ports import Snapshots

_ATTEMPTS = 8


def find_snapshot(repository: Snapshots, merchant_id: str, snapshot_id: str) -> Snapshot:
    """The snapshot. Raises NotFound."""
    snapshot = repository.find(merchant_id, [snapshot_id]).get(snapshot_id)
    if snapshot is None:
        raise NotFound(f"There is no snapshot {snapshot_id}.")
    return snapshot


def change_snapshot(
    repository: Snapshots, merchant_id: str, snapshot_id: str, change: Callable[[Snapshot], Snapshot]
) -> Snapshot:
    """Apply `change` to the snapshot as it stands; one conditional write decides among several at once.

    Raises NotFound, what `change` raises, and Unavailable under contention.
    """
    for _ in range(_ATTEMPTS):
        snapshot = find_snapshot(repository, merchant_id, snapshot_id)
        changed = change(snapshot)
        if changed == snapshot or repository.save(changed):
            return changed
    raise Unavailable("Others are changing this snapshot. Send the request again.", 1)
