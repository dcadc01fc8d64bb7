"""Snapshots, their queues, counts and audit trails in memory."""

from __future__ import annotations

from dataclasses import replace
from threading import RLock
from typing import TYPE_CHECKING

from vitrine.review.model import PRODUCT, Snapshot, from_instant, instant, is_available, reviewer_digest
from vitrine.review.ports import Counts, ProductCounts, QueueEntry, ReviewerCounts, Step, StoredCounts

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime

    from vitrine.review.model import Lease, Listing
    from vitrine.review.ports import Added

_REVIEWER = "reviewer#"


class ReviewInMemory:
    """Snapshots, Queue, Tallies and Trail. Each write holds the lock, as DynamoDB's writes are atomic."""

    def __init__(self) -> None:
        self._lock = RLock()
        self._snapshots: dict[tuple[str, str], Snapshot] = {}
        self._added: dict[tuple[str, str], str] = {}
        self._counts: dict[tuple[str, str], StoredCounts] = {}
        self._current: dict[tuple[str, str], str] = {}
        self._steps: dict[tuple[str, str], dict[int, Step]] = {}

    def add(self, snapshot: Snapshot) -> Added:
        with self._lock:
            key = snapshot.merchant_id, snapshot.snapshot_id
            if stored := self._snapshots.get(key):
                return "same" if stored.same_facts(snapshot) else "id_taken"
            names = {(other.product_id, other.filename) for other in self._of(snapshot.merchant_id)}
            if (snapshot.product_id, snapshot.filename) in names:
                return "filename_taken"
            self._snapshots[key] = replace(snapshot, revision=snapshot.revision + 1)
            return "created"

    def find(self, merchant_id: str, snapshot_ids: Iterable[str]) -> Mapping[str, Snapshot]:
        return {name: snapshot for name, (snapshot, _) in self.added_by(merchant_id, list(snapshot_ids)).items()}

    def save(self, snapshot: Snapshot) -> bool:
        with self._lock:
            key = snapshot.merchant_id, snapshot.snapshot_id
            stored = self._snapshots.get(key)
            if stored is None or stored.revision != snapshot.revision:
                return False
            self._snapshots[key] = replace(snapshot, revision=snapshot.revision + 1)
            return True

    def list_snapshots(
        self, merchant_id: str, listing: Listing, product_id: str | None, limit: int, after: str | None
    ) -> tuple[Sequence[Snapshot], str | None]:
        listed = sorted(
            (f"{snapshot.product_id}#{instant(snapshot.created_at)}{snapshot.snapshot_id}", snapshot)
            for snapshot in self._of(merchant_id)
            if snapshot.listing == listing and product_id in (None, snapshot.product_id)
        )
        page = [(key, snapshot) for key, snapshot in listed if key > (after or "")][:limit]
        return [snapshot for _, snapshot in page], page[-1][0] if len(page) == limit else None

    def available(
        self, merchant_id: str, product_id: str, reviewer: str | None, now: datetime, limit: int
    ) -> Sequence[QueueEntry]:
        entries = [entry for entry in self._queue(merchant_id, product_id) if is_available(entry.queue_key, now)]
        if reviewer:
            own = "1" + reviewer_digest(reviewer)
            entries = [entry for entry in entries if not entry.queue_key.startswith(own)]
        return entries[:limit]

    def lease(self, merchant_id: str, entry: QueueEntry, lease: Lease) -> Snapshot | None:
        with self._lock:
            snapshot = self._snapshots.get((merchant_id, entry.name))
            judges = [opinion.reviewer for opinion in snapshot.opinions] if snapshot else []
            if snapshot is None or snapshot.queue_key != entry.queue_key or lease.reviewer in judges:
                return None
            leased = replace(snapshot, lease=lease, revision=snapshot.revision + 1)
            self._snapshots[merchant_id, entry.name] = leased
            return leased

    def first_expiry(self, merchant_id: str, product_id: str, now: datetime) -> datetime | None:
        leased = [entry.queue_key for entry in self._queue(merchant_id, product_id) if entry.queue_key[0] == "0"]
        return next((from_instant(key[1:]) for key in leased if key[1:] >= instant(now)), None)

    def open_products(self, merchant_id: str, now: datetime, limit: int) -> Sequence[QueueEntry]:
        products = [
            QueueEntry(name.removeprefix(PRODUCT), stored.queue_key)
            for name, stored in self._counts_of(merchant_id, PRODUCT)
            if stored.queue_key and stored.queue_key <= instant(now)
        ]
        return sorted(products, key=lambda entry: entry.queue_key)[:limit]

    def move_product(self, merchant_id: str, entry: QueueEntry, until: datetime) -> QueueEntry | None:
        with self._lock:
            key = merchant_id, PRODUCT + entry.name
            stored = self._counts.get(key)
            if stored is None or stored.queue_key != entry.queue_key or entry.revision not in {None, stored.revision}:
                return None
            self._counts[key] = stored._replace(queue_key=instant(until))
            return QueueEntry(entry.name, instant(until), stored.revision)

    def current_product(self, merchant_id: str, reviewer: str) -> str | None:
        return self._current.get((merchant_id, reviewer))

    def set_current_product(self, merchant_id: str, reviewer: str, product_id: str) -> None:
        self._current[merchant_id, reviewer] = product_id

    def added_by(self, merchant_id: str, snapshot_ids: Sequence[str]) -> Mapping[str, tuple[Snapshot, str | None]]:
        with self._lock:
            return {
                name: (self._snapshots[merchant_id, name], self._added.get((merchant_id, name)))
                for name in snapshot_ids
                if (merchant_id, name) in self._snapshots
            }

    def find_counts(self, merchant_id: str, names: Iterable[str]) -> Mapping[str, StoredCounts]:
        with self._lock:
            return {name: self._counts[merchant_id, name] for name in names if (merchant_id, name) in self._counts}

    def commit(
        self, merchant_id: str, added: Mapping[str, tuple[str | None, str]], counts: Mapping[str, StoredCounts]
    ) -> bool:
        with self._lock:
            revisions = {name: stored.revision for name, stored in self.find_counts(merchant_id, counts).items()}
            if any(self._added.get((merchant_id, name)) != before for name, (before, _) in added.items()) or any(
                revisions.get(name, 0) != stored.revision for name, stored in counts.items()
            ):
                return False
            for name, (_, after) in added.items():
                self._added[merchant_id, name] = after
            for name, stored in counts.items():
                self._counts[merchant_id, name] = stored._replace(revision=stored.revision + 1)
            return True

    def totals(self, merchant_id: str) -> Counts:
        stored = self._counts.get((merchant_id, "all"))
        return stored.counts if stored else {}

    def products(self, merchant_id: str, limit: int, after: str | None, prefix: str = "") -> Sequence[ProductCounts]:
        counted = [
            ProductCounts(name.removeprefix(PRODUCT), stored.counts)
            for name, stored in self._counts_of(merchant_id, PRODUCT + prefix)
        ]
        return [product for product in counted if product.product_id > (after or "")][:limit]

    def reviewers(self, merchant_id: str) -> Sequence[ReviewerCounts]:
        return [
            ReviewerCounts(name.removeprefix(_REVIEWER), stored.counts)
            for name, stored in self._counts_of(merchant_id, _REVIEWER)
        ]

    def record(self, merchant_id: str, snapshot_id: str, step: Step) -> None:
        self._steps.setdefault((merchant_id, snapshot_id), {})[step.revision] = step

    def read(self, merchant_id: str, snapshot_id: str) -> Sequence[Step]:
        return [step for _, step in sorted(self._steps.get((merchant_id, snapshot_id), {}).items())]

    def _of(self, merchant_id: str) -> list[Snapshot]:
        with self._lock:
            return [snapshot for (owner, _), snapshot in self._snapshots.items() if owner == merchant_id]

    def _queue(self, merchant_id: str, product_id: str) -> list[QueueEntry]:
        """The queue of a product, in the order of its keys."""
        entries = [
            QueueEntry(snapshot.snapshot_id, snapshot.queue_key)
            for snapshot in self._of(merchant_id)
            if snapshot.product_id == product_id and snapshot.queue_key
        ]
        return sorted(entries, key=lambda entry: entry.queue_key)

    def _counts_of(self, merchant_id: str, prefix: str) -> list[tuple[str, StoredCounts]]:
        """The counts whose names begin with `prefix`, in the order of their names."""
        with self._lock:
            return sorted(
                (name, stored)
                for (owner, name), stored in self._counts.items()
                if owner == merchant_id and name.startswith(prefix)
            )
