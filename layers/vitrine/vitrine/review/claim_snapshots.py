"""A reviewer gets the next snapshots, and stays on one product while it has any."""

from __future__ import annotations

import random
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from functools import cache
from typing import TYPE_CHECKING

from vitrine.platform.threads import run_all
from vitrine.review.model import instant

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from vitrine.review.model import Lease, Snapshot
    from vitrine.review.ports import InQueue, Queue, Snapshots

_PRODUCTS_TRIED = 8
_ATTEMPTS = 4
_CONTENDED_WINDOW = 200
_INDEX_DELAY = timedelta(seconds=5)
_PARALLEL = 16


def claim_snapshots(queue: Queue, merchant_id: str, lease: Lease, limit: int, product_id: str | None) -> list[Snapshot]:
    """Lease up to `limit` snapshots of one product: of `product_id`, of the one its reviewer is at, or of the next.

    Costs the same however many wait: a bounded number of index reads and one conditional write a snapshot.
    """
    if product_id is not None:
        return _claim_from(queue, merchant_id, product_id, lease, limit)
    current = queue.current_product(merchant_id, lease.reviewer)
    claimed = _claim_from(queue, merchant_id, current, lease, limit) if current else []
    return claimed or _claim_from_next(queue, merchant_id, lease, limit)


def renew_leases(repository: Snapshots, merchant_id: str, lease: Lease, snapshot_ids: Sequence[str]) -> list[Snapshot]:
    """Lengthen the leases that the reviewer still holds; answers those."""
    found = repository.find(merchant_id, snapshot_ids)
    longer = [found[snapshot_id].renewed(lease) for snapshot_id in snapshot_ids if snapshot_id in found]
    held = [snapshot for snapshot in longer if snapshot]
    return [snapshot for snapshot, saved in zip(held, run_all(_workers(), repository.save, held), strict=True) if saved]


def _claim_from_next(queue: Queue, merchant_id: str, lease: Lease, limit: int) -> list[Snapshot]:
    """From the product that waits longest for a look; one that others are taking too only when there is no other."""
    found = queue.open_products(merchant_id, lease.since, _PRODUCTS_TRIED)
    contended = []
    for product in found:
        if not queue.move_product(merchant_id, product, lease.since):
            contended.append(product)
        elif claimed := _settle_at(queue, merchant_id, product.name, lease, limit):
            return claimed
        else:
            _look_again_later(queue, merchant_id, product, lease.since)
    for product in random.sample(contended, len(contended)):
        if claimed := _settle_at(queue, merchant_id, product.name, lease, limit):
            return claimed
    return []


def _settle_at(queue: Queue, merchant_id: str, product_id: str, lease: Lease, limit: int) -> list[Snapshot]:
    claimed = _claim_from(queue, merchant_id, product_id, lease, limit)
    if claimed:
        queue.stay_at(merchant_id, lease.reviewer, product_id)
    return claimed


def _look_again_later(queue: Queue, merchant_id: str, product: InQueue, now: datetime) -> None:
    """Everything of a product is leased: it is worth a look when the first lease ends."""
    expiry = queue.first_expiry(merchant_id, product.name, now) or now + _INDEX_DELAY
    queue.move_product(merchant_id, product._replace(place=instant(now)), expiry)


def _claim_from(queue: Queue, merchant_id: str, product_id: str, lease: Lease, limit: int) -> list[Snapshot]:
    """The oldest ones; where others are at the same ones, any of the oldest few."""
    claimed: list[Snapshot] = []
    for attempt in range(_ATTEMPTS):
        wanted = limit - len(claimed)
        window = wanted if attempt == 0 else _CONTENDED_WINDOW
        found = queue.available(merchant_id, product_id, lease.reviewer, lease.since, window)
        picked = found if len(found) <= wanted else random.sample(found, wanted)
        leased = run_all(_workers(), lambda it: queue.lease(merchant_id, it, lease), picked)
        claimed += [snapshot for snapshot in leased if snapshot]
        if len(claimed) == limit or all(leased):
            break
    return sorted(claimed, key=lambda snapshot: snapshot.created_at)


@cache
def _workers() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(_PARALLEL)
