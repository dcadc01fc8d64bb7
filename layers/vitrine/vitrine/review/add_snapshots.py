"""Snapshots arrive, by API, import or from store visits."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from vitrine.review.change_snapshot import change_snapshot
from vitrine.review.model import wants_second_opinion

if TYPE_CHECKING:
    from collections.abc import Iterable

    from vitrine.review.model import Snapshot
    from vitrine.review.ports import KnownGalleries, Snapshots


class AddSnapshot(NamedTuple):
    """What became of one snapshot; `problem` says why it was not taken and what to do.

    A `conflict` is with what stands there; `known` when that is the very same snapshot, as after a resend.
    """

    snapshot: Snapshot
    problem: str | None = None
    conflict: bool = False
    known: bool = False


def add_snapshots(
    store: Snapshots, galleries: KnownGalleries, snapshots: Iterable[Snapshot], second_opinion_percent: int
) -> list[AddSnapshot]:
    """Store new snapshots, each judged on its own."""
    existing: dict[str, bool] = {}
    results = []
    for sent in snapshots:
        twice = wants_second_opinion(sent.snapshot_id, second_opinion_percent)
        snapshot = replace(sent, opinions_wanted=2 if twice else 1)
        gallery_id = snapshot.gallery_id
        if gallery_id is not None and gallery_id not in existing:
            existing[gallery_id] = galleries.exists(snapshot.merchant_id, gallery_id)
        if gallery_id is not None and not existing[gallery_id]:
            results.append(AddSnapshot(snapshot, f"There is no gallery {gallery_id}. Create it first."))
            continue
        results.append(_result(store, snapshot))
    return results


def _result(store: Snapshots, snapshot: Snapshot) -> AddSnapshot:
    match store.add(snapshot):
        case "created":
            return AddSnapshot(snapshot)
        case "same":
            return AddSnapshot(
                snapshot, "This snapshot exists already, just as it was sent.", conflict=True, known=True
            )
        case "filename_taken":
            problem = f"Product {snapshot.product_id} has a snapshot with this filename. Use another filename."
        case "id_taken":
            problem = "This id names another snapshot, and snapshots cannot change. Use another id."
    return AddSnapshot(snapshot, problem, conflict=True)


def note_upload(store: Snapshots, merchant_id: str, snapshot_id: str) -> None:
    """The picture is there, so the snapshot can be judged. Raises NotFound."""
    change_snapshot(store, merchant_id, snapshot_id, lambda snapshot: replace(snapshot, uploaded=True))
