"""Show approved snapshots, and no others, in their galleries."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vitrine.review.change_snapshot import find_snapshot

if TYPE_CHECKING:
    from vitrine.review.ports import Galleries, Snapshots


def publish_snapshot(repository: Snapshots, galleries: Galleries, merchant_id: str, snapshot_id: str) -> None:
    """Show or hide the snapshot in its gallery, as its current status says.

    Reads the status again after each write, and repeats until it has not changed. So the last writer has seen the
    latest status, however often and in whatever order this is called.
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
