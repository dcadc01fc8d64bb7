"""Add snapshots, from the API, imports or store visits."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TYPE_CHECKING, Literal, NamedTuple

from vitrine.review.change_snapshot import change_snapshot
from vitrine.review.model import LARGEST_PICTURE_BYTES, wants_second_opinion

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from vitrine.review.model import Snapshot
    from vitrine.review.ports import KnownGalleries, Pictures, Products, Snapshots

_PARALLEL = 16


class Refusal(NamedTuple):
    """Why a snapshot was not stored: `code` is for programs, `detail` says what to do.

    `known` means that the same snapshot is stored already, as after a resend.
    """

    code: Literal["known", "conflict", "unknown_gallery", "unknown_product"]
    detail: str


class AddedSnapshot(NamedTuple):
    """The result for one snapshot: stored, unless there is a `refusal`."""

    snapshot: Snapshot
    refusal: Refusal | None = None


_KNOWN = Refusal("known", "This snapshot exists already, just as it was sent.")


def add_snapshots(
    repository: Snapshots,
    galleries: KnownGalleries,
    products: Products,
    sent: Iterable[Snapshot],
    second_opinion_percent: int,
) -> list[AddedSnapshot]:
    """Store new snapshots of one merchant; one that is refused does not affect the others.

    The product and the gallery of a snapshot must exist, unless the same snapshot is stored already. Of two snapshots
    with the same id or filename the first is stored. Returns the results in the order of `sent`.
    """
    snapshots = [
        replace(snapshot, opinions_wanted=2 if wants_second_opinion(snapshot, second_opinion_percent) else 1)
        for snapshot in sent
    ]
    refusals = _refuse_unknown(repository, galleries, products, snapshots)

    def add(index: int) -> AddedSnapshot:
        refusal = refusals.get(index)
        return AddedSnapshot(snapshots[index], refusal) if refusal else _add(repository, snapshots[index])

    first: dict[tuple[str, ...], int] = {}
    for index, snapshot in enumerate(snapshots):
        for key in _unique_keys(snapshot):
            first.setdefault(key, index)
    distinct = [
        index for index, snapshot in enumerate(snapshots) if all(first[key] == index for key in _unique_keys(snapshot))
    ]
    with ThreadPoolExecutor(_PARALLEL) as workers:
        added = dict(zip(distinct, workers.map(add, distinct), strict=True))
    return [added[index] if index in added else add(index) for index in range(len(snapshots))]


def _refuse_unknown(
    repository: Snapshots, galleries: KnownGalleries, products: Products, snapshots: Sequence[Snapshot]
) -> dict[int, Refusal]:
    """Return the refusals of snapshots whose product or gallery does not exist, by index."""
    if not snapshots:
        return {}
    merchant_id = snapshots[0].merchant_id
    known_products = products.find_products(merchant_id, {snapshot.product_id for snapshot in snapshots})
    gallery_ids = {snapshot.gallery_id for snapshot in snapshots if snapshot.gallery_id}
    unknown_galleries = {gallery_id for gallery_id in gallery_ids if not galleries.exists(merchant_id, gallery_id)}
    refusals: dict[int, Refusal] = {}
    for index, snapshot in enumerate(snapshots):
        if snapshot.product_id not in known_products:
            detail = f"There is no product {snapshot.product_id}. Create it first."
            refusals[index] = Refusal("unknown_product", detail)
        elif snapshot.gallery_id in unknown_galleries:
            detail = f"There is no gallery {snapshot.gallery_id}. Create it first."
            refusals[index] = Refusal("unknown_gallery", detail)
    stored = repository.find(merchant_id, {snapshots[index].snapshot_id for index in refusals})
    for index in refusals:
        before = stored.get(snapshots[index].snapshot_id)
        if before and before.same_facts(snapshots[index]):
            refusals[index] = _KNOWN
    return refusals


def _unique_keys(snapshot: Snapshot) -> tuple[tuple[str, ...], ...]:
    """Return the keys that no other snapshot may have."""
    return (snapshot.snapshot_id,), (snapshot.product_id, snapshot.filename)


def _add(repository: Snapshots, snapshot: Snapshot) -> AddedSnapshot:
    match repository.add(snapshot):
        case "created":
            return AddedSnapshot(snapshot)
        case "same":
            return AddedSnapshot(snapshot, _KNOWN)
        case "filename_taken":
            problem = f"Product {snapshot.product_id} has a snapshot with this filename. Use another filename."
        case "id_taken":
            problem = "Another snapshot has this id, and snapshots cannot change. Use another id."
    return AddedSnapshot(snapshot, Refusal("conflict", problem))


def note_upload(repository: Snapshots, pictures: Pictures, merchant_id: str, snapshot_id: str, size: int) -> None:
    """Let the snapshot of an uploaded picture be reviewed; remove the picture if it is too large. Raises NotFound."""
    if size > LARGEST_PICTURE_BYTES:
        pictures.remove(merchant_id, snapshot_id)
        return
    change_snapshot(repository, merchant_id, snapshot_id, lambda snapshot: replace(snapshot, uploaded=True))
