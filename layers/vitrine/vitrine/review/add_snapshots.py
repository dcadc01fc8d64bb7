"""Snapshots arrive, by API, import or from store visits."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from vitrine.review.change_snapshot import change_snapshot
from vitrine.review.model import LARGEST_PICTURE_BYTES, wants_second_opinion

if TYPE_CHECKING:
    from collections.abc import Iterable

    from vitrine.review.model import Snapshot
    from vitrine.review.ports import KnownGalleries, Pictures, Snapshots

_PARALLEL = 16


class AddSnapshot(NamedTuple):
    """What became of one snapshot; `problem` says why it was not taken and what to do.

    A `conflict` is with what stands there; `known` when that is the very same snapshot, as after a resend.
    """

    snapshot: Snapshot
    problem: str | None = None
    conflict: bool = False
    known: bool = False


def add_snapshots(
    store: Snapshots, galleries: KnownGalleries, sent: Iterable[Snapshot], second_opinion_percent: int
) -> list[AddSnapshot]:
    """Store new snapshots of one merchant, each judged on its own; of two alike the first is taken.

    Answers in their order.
    """
    wanted = [replace(it, opinions_wanted=2 if wants_second_opinion(it, second_opinion_percent) else 1) for it in sent]
    named = {it.gallery_id: it.merchant_id for it in wanted if it.gallery_id}
    missing = {gallery_id for gallery_id, merchant_id in named.items() if not galleries.exists(merchant_id, gallery_id)}

    def add(snapshot: Snapshot) -> AddSnapshot:
        if snapshot.gallery_id in missing:
            return AddSnapshot(snapshot, f"There is no gallery {snapshot.gallery_id}. Create it first.")
        return _result(store, snapshot)

    first: dict[tuple[str, ...], int] = {}
    for at, snapshot in enumerate(wanted):
        for name in _names(snapshot):
            first.setdefault(name, at)
    alone = [at for at, snapshot in enumerate(wanted) if all(first[name] == at for name in _names(snapshot))]
    with ThreadPoolExecutor(_PARALLEL) as workers:
        added = dict(zip(alone, workers.map(lambda at: add(wanted[at]), alone), strict=True))
    return [added[at] if at in added else add(snapshot) for at, snapshot in enumerate(wanted)]


def _names(snapshot: Snapshot) -> tuple[tuple[str, ...], ...]:
    """What no other snapshot may have."""
    return (snapshot.snapshot_id,), (snapshot.product_id, snapshot.filename)


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


def note_upload(store: Snapshots, pictures: Pictures, merchant_id: str, snapshot_id: str, size: int) -> None:
    """The picture is there, so the snapshot can be judged; one that is too large is removed. Raises NotFound."""
    if size > LARGEST_PICTURE_BYTES:
        pictures.remove(merchant_id, snapshot_id)
        return
    change_snapshot(store, merchant_id, snapshot_id, lambda snapshot: replace(snapshot, uploaded=True))
