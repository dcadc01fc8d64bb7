"""Rows that are snapshots to be judged."""

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
    """A snapshot as a file has it; without an id it has one made from product and filename, so it comes in once."""

    def snapshot(self, taken: Import) -> Snapshot:
        """The snapshot, as old as its import."""
        made = hashlib.sha256(f"{self.product_id}/{self.filename}".encode()).hexdigest()[:32]
        return Snapshot(
            merchant_id=taken.key.merchant_id,
            snapshot_id=self.snapshot_id or made,
            product_id=self.product_id,
            filename=self.filename,
            created_at=taken.created_at,
            url=self.url,
            gallery_id=self.gallery_id,
            known_answer=self.known_answer,
            uploaded=not self.upload,
        )


def write_snapshots(
    add_snapshots: Callable[[Iterable[Snapshot]], Sequence[AddedSnapshot]],
    taken: Import,
    rows: Sequence[AcceptedRow],
) -> Sequence[Rejection]:
    """Add the rows; one that stands already just as it is sent is no mistake."""
    added = add_snapshots(row.row.snapshot(taken) for row in rows)
    return [
        Rejection(row.number, result.refusal.code, result.refusal.detail)
        for row, result in zip(rows, added, strict=True)
        if result.refusal and result.refusal.code != "known"
    ]
