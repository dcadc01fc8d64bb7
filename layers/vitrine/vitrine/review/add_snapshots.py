"""Snapshots arrive, by API, import or from store visits."""

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
    """Why a snapshot was not taken: `code` is for programs, `detail` says what to do.

    `known`: the very same snapshot is stored already, as after a resend.
    """

    code: Literal["known", "conflict", "unknown_gallery", "unknown_product"]
    detail: str


class AddedSnapshot(NamedTuple):
    """What became of one snapshot: it was stored unless there is a `refusal`."""

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
    """Store new snapshots of one merchant, each judged on its own; of two alike the first is taken.

    The product and the gallery of a snapshot must exist, except where the same snapshot is stored already. Returns
    the results in the order of `sent`.
    """
    wanted = [replace(it, opinions_wanted=2 if wants_second_opinion(it, second_opinion_percent) else 1) for it in sent]
    refusals = _unknown(repository, galleries, products, wanted)

    def add(at: int) -> AddedSnapshot:
        refusal = refusals.get(at)
        return AddedSnapshot(wanted[at], refusal) if refusal else _result(repository, wanted[at])

    first: dict[tuple[str, ...], int] = {}
    for at, snapshot in enumerate(wanted):
        for name in _names(snapshot):
            first.setdefault(name, at)
    alone = [at for at, snapshot in enumerate(wanted) if all(first[name] == at for name in _names(snapshot))]
    with ThreadPoolExecutor(_PARALLEL) as workers:
        added = dict(zip(alone, workers.map(add, alone), strict=True))
    return [added[at] if at in added else add(at) for at in range(len(wanted))]


def _unknown(
    repository: Snapshots, galleries: KnownGalleries, products: Products, wanted: Sequence[Snapshot]
) -> dict[int, Refusal]:
    """The snapshots, by position, whose product or gallery does not exist."""
    if not wanted:
        return {}
    merchant_id = wanted[0].merchant_id
    known = products.find_products(merchant_id, {it.product_id for it in wanted})
    named = {it.gallery_id for it in wanted if it.gallery_id}
    gone = {gallery_id for gallery_id in named if not galleries.exists(merchant_id, gallery_id)}
    refusals: dict[int, Refusal] = {}
    for at, it in enumerate(wanted):
        if it.product_id not in known:
            refusals[at] = Refusal("unknown_product", f"There is no product {it.product_id}. Create it first.")
        elif it.gallery_id in gone:
            refusals[at] = Refusal("unknown_gallery", f"There is no gallery {it.gallery_id}. Create it first.")
    stored = repository.find(merchant_id, {wanted[at].snapshot_id for at in refusals})
    for at in refusals:
        before = stored.get(wanted[at].snapshot_id)
        if before and before.same_facts(wanted[at]):
            refusals[at] = _KNOWN
    return refusals


def _names(snapshot: Snapshot) -> tuple[tuple[str, ...], ...]:
    """What no other snapshot may have."""
    return (snapshot.snapshot_id,), (snapshot.product_id, snapshot.filename)


def _result(repository: Snapshots, snapshot: Snapshot) -> AddedSnapshot:
    match repository.add(snapshot):
        case "created":
            return AddedSnapshot(snapshot)
        case "same":
            return AddedSnapshot(snapshot, _KNOWN)
        case "filename_taken":
            problem = f"Product {snapshot.product_id} has a snapshot with this filename. Use another filename."
        case "id_taken":
            problem = "This id names another snapshot, and snapshots cannot change. Use another id."
    return AddedSnapshot(snapshot, Refusal("conflict", problem))


def note_upload(repository: Snapshots, pictures: Pictures, merchant_id: str, snapshot_id: str, size: int) -> None:
    """The picture is there, so the snapshot can be judged; one that is too large is removed. Raises NotFound."""
    if size > LARGEST_PICTURE_BYTES:
        pictures.remove(merchant_id, snapshot_id)
        return
    change_snapshot(repository, merchant_id, snapshot_id, lambda snapshot: replace(snapshot, uploaded=True))
