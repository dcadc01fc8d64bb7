"""What is approved stands in its gallery, and nothing else does."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vitrine.review.change_snapshot import find_snapshot

if TYPE_CHECKING:
    from vitrine.review.ports import Galleries, Snapshots


def publish_snapshot(repository: Snapshots, galleries: Galleries, merchant_id: str, snapshot_id: str) -> None:
    """Bring the gallery to the snapshot's present state.

    Reads the state again after every write and goes on until it has not changed: whoever writes last has seen the
    last state, however often and in whatever order this is called.
    """
    snapshot = find_snapshot(repository, merchant_id, snapshot_id)
    if snapshot.gallery_id is None:
        return
    while True:
        status = snapshot.status
        if status == "approved":
            galleries.show(snapshot)
        else:
            galleries.hide(snapshot)
        snapshot = find_snapshot(repository, merchant_id, snapshot_id)
        if snapshot.status == status:
            return
