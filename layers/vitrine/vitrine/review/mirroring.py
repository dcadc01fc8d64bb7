"""Snapshots as holders of mirrored pictures."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from vitrine.renditions.model import SNAPSHOTS, Holder
from vitrine.renditions.ports import ShownPicture

if TYPE_CHECKING:
    from vitrine.renditions.model import Original
    from vitrine.renditions.ports import Originals
    from vitrine.review.model import Snapshot
    from vitrine.review.ports import Snapshots

UPLOADED: Final = "uploaded:"


def picture_url(snapshot: Snapshot) -> str:
    """Return the snapshot's own URL, or `uploaded:{merchant_id}/{snapshot_id}` for a picture in our bucket."""
    return snapshot.url or f"{UPLOADED}{snapshot.merchant_id}/{snapshot.snapshot_id}"


def holder_of(snapshot: Snapshot) -> Holder:
    """Return the snapshot as a holder of its picture."""
    return Holder(snapshot.merchant_id, SNAPSHOTS, snapshot.snapshot_id)


class SnapshotHolders:
    """Holders on the review room."""

    def __init__(self, snapshots: Snapshots, originals: Originals) -> None:
        self._snapshots = snapshots
        self._originals = originals

    def find(self, holder: Holder) -> ShownPicture | None:
        """Return the snapshot's picture; None if the snapshot is unknown or not uploaded yet."""
        snapshot = self._snapshots.find(holder.merchant_id, [holder.image_id]).get(holder.image_id)
        if snapshot is None or not snapshot.uploaded:
            return None
        return ShownPicture(picture_url(snapshot), self._originals.find([holder]).get(holder))

    def refer(self, holder: Holder, original: Original) -> None:
        """Let the snapshot refer to a copy of its picture, which never changes."""
        self._originals.put(holder, original)

    def forget(self, holder: Holder, digest: str) -> None:
        """Remove the snapshot's reference to this copy, if it has one."""
        self._originals.remove(holder, digest)
