"""Claim the next snapshots for a reviewer, who stays at one product while it has any."""

from __future__ import annotations

import random
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from functools import cache
from typing import TYPE_CHECKING

from vitrine.platform.threads import run_all
from vitrine.review.change_snapshot import change_snapshot

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from vitrine.review.model import Lease, Snapshot
    from vitrine.review.ports import Queue, QueueEntry, Snapshots

_PRODUCTS_TRIED = 8
_ATTEMPTS = 4
_CONTENDED_WINDOW = 200
_INDEX_DELAY = timedelta(seconds=5)
_PARALLEL = 16


def claim_snapshots(queue: Queue, merchant_id: str, lease: Lease, limit: int, product_id: str | None) -> list[Snapshot]:
    """Lease up to `limit` snapshots of one product: `product_id`, else the reviewer's current one, else the next.

    The cost does not depend on how many wait: a bounded number of index reads, and one conditional write a snapshot.
    """
    if product_id is not None:
        return _claim_from(queue, merchant_id, product_id, lease, limit)
    current = queue.current_product(merchant_id, lease.reviewer)
    claimed = _claim_from(queue, merchant_id, current, lease, limit) if current else []
    return claimed or _claim_from_next(queue, merchant_id, lease, limit)


def first_release(queue: Queue, merchant_id: str, lease: Lease, product_id: str | None) -> datetime | None:
    """Return when the first lease of `product_id` ends, or else of the next few products; None if there is none.

    Leases of snapshots that wait for another opinion are not among them.
    """
    if product_id is None:
        names = [product.name for product in queue.open_products(merchant_id, lease.until, _PRODUCTS_TRIED)]
    else:
        names = [product_id]
    ends = run_all(_workers(), lambda name: queue.first_expiry(merchant_id, name, lease.since), names)
    return min((end for end in ends if end), default=None)


def claim_snapshot(repository: Snapshots, merchant_id: str, lease: Lease, snapshot_id: str) -> Snapshot:
    """Lease this snapshot, whatever its turn, with one read and one write. Raises NotFound and Conflict."""
    return change_snapshot(repository, merchant_id, snapshot_id, lambda snapshot: snapshot.claimed(lease))


def renew_leases(repository: Snapshots, merchant_id: str, lease: Lease, snapshot_ids: Sequence[str]) -> list[Snapshot]:
    """Extend the leases that the reviewer still holds; return their snapshots."""
    stored = repository.find(merchant_id, snapshot_ids)
    renewed = [stored[snapshot_id].renewed(lease) for snapshot_id in snapshot_ids if snapshot_id in stored]
    held = [snapshot for snapshot in renewed if snapshot]
    return [snapshot for snapshot, saved in zip(held, run_all(_workers(), repository.save, held), strict=True) if saved]


def _claim_from_next(queue: Queue, merchant_id: str, lease: Lease, limit: int) -> list[Snapshot]:
    """Claim from the product that waited longest; from one that others claim from too only if there is no other."""
    contended = []
    for product in queue.open_products(merchant_id, lease.since, _PRODUCTS_TRIED):
        moved = queue.move_product(merchant_id, product, lease.since)
        if moved is None:
            contended.append(product)
        elif claimed := _claim_and_stay(queue, merchant_id, product.name, lease, limit):
            return claimed
        else:
            _postpone(queue, merchant_id, moved, lease.since)
    for product in random.sample(contended, len(contended)):
        if claimed := _claim_and_stay(queue, merchant_id, product.name, lease, limit):
            return claimed
    return []


def _claim_and_stay(queue: Queue, merchant_id: str, product_id: str, lease: Lease, limit: int) -> list[Snapshot]:
    claimed = _claim_from(queue, merchant_id, product_id, lease, limit)
    if claimed:
        queue.set_current_product(merchant_id, lease.reviewer, product_id)
    return claimed


def _postpone(queue: Queue, merchant_id: str, product: QueueEntry, now: datetime) -> None:
    """Move a product whose snapshots are all leased to the moment when the first lease ends.

    It stays if another reviewer can claim from it, or if it was counted since it was moved: snapshots may have come,
    or been passed on to another reviewer.
    """
    if queue.available(merchant_id, product.name, None, now, _CONTENDED_WINDOW):
        return
    expiry = queue.first_expiry(merchant_id, product.name, now) or now + _INDEX_DELAY
    queue.move_product(merchant_id, product, expiry)


def _claim_from(queue: Queue, merchant_id: str, product_id: str, lease: Lease, limit: int) -> list[Snapshot]:
    """Claim the oldest snapshots; if others claim the same ones, a random choice of the oldest few hundred."""
    claimed: list[Snapshot] = []
    for attempt in range(_ATTEMPTS):
        wanted = limit - len(claimed)
        window = wanted if attempt == 0 else _CONTENDED_WINDOW
        available = queue.available(merchant_id, product_id, lease.reviewer, lease.since, window)
        picked = available if len(available) <= wanted else random.sample(available, wanted)
        leased = run_all(_workers(), lambda entry: queue.lease(merchant_id, entry, lease), picked)
        claimed += [snapshot for snapshot in leased if snapshot]
        if len(claimed) == limit or all(leased):
            break
    return sorted(claimed, key=lambda snapshot: snapshot.created_at)


@cache
def _workers() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(_PARALLEL)
