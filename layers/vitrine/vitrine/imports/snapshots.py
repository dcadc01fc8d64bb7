"""Import snapshots."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from vitrine.imports.model import Rejection
from vitrine.review.model import Snapshot
from vitrine.review.requests import NewSnapshot

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from vitrine.imports.model import Import
    from vitrine.imports.ports import AcceptedRow
    from vitrine.review.add_snapshots import AddedSnapshot


class SnapshotRow(NewSnapshot):
    """A snapshot in a file. Without an id it gets one from product and filename, so a second import adds none."""

    def snapshot(self, import_: Import) -> Snapshot:
        """Return the snapshot, created when its import was."""
        derived_id = hashlib.sha256(f"{self.product_id}/{self.filename}".encode()).hexdigest()[:32]
        return Snapshot(
            merchant_id=import_.key.merchant_id,
            snapshot_id=self.snapshot_id or derived_id,
            product_id=self.product_id,
            filename=self.filename,
            created_at=import_.created_at,
            url=self.url,
            gallery_id=self.gallery_id,
            known_answer=self.known_answer,
            uploaded=not self.upload,
        )


def write_snapshots(
    add_snapshots: Callable[[Iterable[Snapshot]], Sequence[AddedSnapshot]],
    import_: Import,
    rows: Sequence[AcceptedRow],
) -> Sequence[Rejection]:
    """Add the rows' snapshots; return rejections. A row whose same snapshot is stored already is not rejected."""
    added = add_snapshots(row.row.snapshot(import_) for row in rows)
    return [
        Rejection(row.number, result.refusal.code, result.refusal.detail)
        for row, result in zip(rows, added, strict=True)
        if result.refusal and result.refusal.code != "known"
    ]
