"""What reviewing needs from stores, and from the rooms that show what was approved."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime

    from vitrine.platform.uploads import SignedPut
    from vitrine.review.model import Lease, Snapshot, Status

Added = Literal["created", "same", "id_taken", "filename_taken"]
Counts = dict[str, int]


class InQueue(NamedTuple):
    """What the index says: a snapshot or a product, and the place it stood at when the index was read."""

    name: str
    place: str


class Tallied(NamedTuple):
    """Counts under a name at a revision, and a product's place in the queue of products (None: not in it)."""

    counts: Counts
    revision: int
    place: str | None = None


class ProductCounts(NamedTuple):
    """A product and how many snapshots it has of each status."""

    product_id: str
    counts: Counts


class ReviewerCounts(NamedTuple):
    """A reviewer and what they did."""

    reviewer: str
    counts: Counts


class Step(NamedTuple):
    """One step of a snapshot's way, and the status after it."""

    revision: int
    at: datetime
    status: Status
    action: str
    reviewer: str | None
    reason: str | None


class Snapshots(Protocol):
    """Snapshots and their queues."""

    def add(self, snapshot: Snapshot) -> Added:
        """Store a new snapshot. Its id, and its filename within its product, must be free."""
        ...

    def find(self, merchant_id: str, snapshot_ids: Iterable[str]) -> Mapping[str, Snapshot]:
        """The snapshots there are of these, read consistently."""
        ...

    def save(self, snapshot: Snapshot) -> bool:
        """Write what can change of a snapshot if it stands at its revision; False when it does not."""
        ...

    def list_snapshots(
        self, merchant_id: str, status: Status, product_id: str | None, limit: int, after: str | None
    ) -> tuple[Sequence[Snapshot], str | None]:
        """Up to `limit` snapshots of a status by product and age, behind `after`; and where to go on."""
        ...


class Queue(Protocol):
    """Who gets what next. Reads may be stale; what is taken is taken by conditional writes."""

    def available(
        self, merchant_id: str, product_id: str, reviewer: str, now: datetime, limit: int
    ) -> Sequence[InQueue]:
        """Up to `limit` snapshots that this reviewer could claim: expired leases, others' second opinions, oldest."""
        ...

    def lease(self, merchant_id: str, found: InQueue, lease: Lease) -> Snapshot | None:
        """Give a snapshot to a reviewer if it still stands at its place and they have not judged it."""
        ...

    def first_expiry(self, merchant_id: str, product_id: str, now: datetime) -> datetime | None:
        """When the first running lease of a product ends; None when there is none."""
        ...

    def open_products(self, merchant_id: str, now: datetime, limit: int) -> Sequence[InQueue]:
        """Up to `limit` products with undecided snapshots: never looked at first, then least recently."""
        ...

    def move_product(self, merchant_id: str, found: InQueue, until: datetime) -> bool:
        """Put a product to another place, if it still stands where it was found."""
        ...

    def current_product(self, merchant_id: str, reviewer: str) -> str | None:
        """The product that a reviewer is at."""
        ...

    def stay_at(self, merchant_id: str, reviewer: str, product_id: str) -> None:
        """Remember the product that a reviewer is at."""
        ...


class Tallies(Protocol):
    """Counts, and what each snapshot has added to them."""

    def added_by(self, merchant_id: str, snapshot_ids: Sequence[str]) -> Mapping[str, tuple[Snapshot, str | None]]:
        """Snapshots and what they have added to the counts so far, as `commit` stored it."""
        ...

    def standing(self, merchant_id: str, names: Iterable[str]) -> Mapping[str, Tallied]:
        """Counts by name, read consistently; absent ones are left out."""
        ...

    def commit(
        self, merchant_id: str, added: Mapping[str, tuple[str | None, str]], counts: Mapping[str, Tallied]
    ) -> bool:
        """Write all or nothing: counts at their revision, and what each snapshot has added, from before to after.

        False when anything changed since it was read.
        """
        ...

    def totals(self, merchant_id: str) -> Counts:
        """Snapshots of each status."""
        ...

    def products(self, merchant_id: str, limit: int, after: str | None) -> Sequence[ProductCounts]:
        """Up to `limit` products by id, behind the id `after`."""
        ...

    def reviewers(self, merchant_id: str) -> Sequence[ReviewerCounts]:
        """All reviewers."""
        ...


class Trail(Protocol):
    """Every step of every snapshot."""

    def record(self, merchant_id: str, snapshot_id: str, step: Step) -> None:
        """Store a step; storing it again changes nothing."""
        ...

    def read(self, merchant_id: str, snapshot_id: str) -> Sequence[Step]:
        """All steps, oldest first."""
        ...


class Pictures(Protocol):
    """The bucket that snapshots' pictures are in."""

    def upload_to(self, snapshot: Snapshot, size: int | None) -> SignedPut:
        """Where the picture, of this size where it is known, can be put, once."""
        ...

    def remove(self, merchant_id: str, snapshot_id: str) -> None:
        """Remove the picture, so that another can be put."""
        ...

    def address_of(self, snapshot: Snapshot) -> str:
        """An address that shows the picture for an hour."""
        ...


class ComparedProduct(NamedTuple):
    """What a reviewer compares with."""

    name: str | None
    pictures: Sequence[str]


class Products(Protocol):
    """What the catalog knows."""

    def find_products(self, merchant_id: str, product_ids: Iterable[str]) -> Mapping[str, ComparedProduct]:
        """The products there are of these."""
        ...


class KnownGalleries(Protocol):
    """Which galleries there are."""

    def exists(self, merchant_id: str, gallery_id: str) -> bool:
        """Whether there is such a gallery."""
        ...


class Galleries(Protocol):
    """Where approved snapshots appear."""

    def show(self, snapshot: Snapshot) -> None:
        """Have it in its gallery; nothing happens when it is, or when the gallery is gone."""
        ...

    def hide(self, snapshot: Snapshot) -> None:
        """Have it in no gallery; nothing happens when it is not."""
        ...
