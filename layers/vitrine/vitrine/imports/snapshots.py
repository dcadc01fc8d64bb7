"""Rows that are snapshots to be judged."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from vitrine.imports.model import Rejection
from vitrine.review.add_snapshots import add_snapshots
from vitrine.review.bodies import NewSnapshot
from vitrine.review.model import Snapshot

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vitrine.imports.model import Import
    from vitrine.imports.ports import AcceptedRow
    from vitrine.review.ports import KnownGalleries, Snapshots


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
    store: Snapshots,
    galleries: KnownGalleries,
    second_opinion_percent: int,
    taken: Import,
    rows: Sequence[AcceptedRow],
) -> Sequence[Rejection]:
    """Add the rows; one that stands already just as it is sent is no mistake."""
    added = add_snapshots(store, galleries, (row.row.snapshot(taken) for row in rows), second_opinion_percent)
    return [
        Rejection(row.number, "conflict" if result.conflict else "unknown_gallery", result.problem)
        for row, result in zip(rows, added, strict=True)
        if result.problem and not result.known
    ]
