"""What the use cases of review need from outside."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime

    from vitrine.platform.uploads import SignedPut
    from vitrine.renditions.model import Holder
    from vitrine.review.model import Lease, Listing, Snapshot, Status

Added = Literal["created", "same", "id_taken", "filename_taken"]
Counts = dict[str, int]


class QueueEntry(NamedTuple):
    """The id of a snapshot or product, with the queue key that it had when the index was read.

    A product that was moved has the `revision` of its counts too.
    """

    name: str
    queue_key: str
    revision: int | None = None


class StoredCounts(NamedTuple):
    """Counts at a revision, and for a product its key in the queue of products (None if it is not in the queue)."""

    counts: Counts
    revision: int
    queue_key: str | None = None


class ProductCounts(NamedTuple):
    """How many snapshots of each status a product has."""

    product_id: str
    counts: Counts


class ReviewerCounts(NamedTuple):
    """What a reviewer did, in numbers."""

    reviewer: str
    counts: Counts


class Step(NamedTuple):
    """One step of a snapshot's audit trail, and the status after it."""

    revision: int
    at: datetime
    status: Status
    action: str
    reviewer: str | None
    reason: str | None


class Snapshots(Protocol):
    """Stores snapshots."""

    def add(self, snapshot: Snapshot) -> Added:
        """Store a new snapshot. Its id, and its filename within its product, must be free."""

    def find(self, merchant_id: str, snapshot_ids: Iterable[str]) -> Mapping[str, Snapshot]:
        """Return those of the snapshots that exist, by id (a consistent read)."""

    def save(self, snapshot: Snapshot) -> bool:
        """Write a changed snapshot and return True; return False if its stored revision is another."""

    def list_snapshots(
        self, merchant_id: str, listing: Listing, product_id: str | None, limit: int, after: str | None
    ) -> tuple[Sequence[Snapshot], str | None]:
        """Return up to `limit` snapshots of a listing by product and age, after `after`; and the next `after`."""


class Queue(Protocol):
    """The queues of snapshots and products. Reads may be stale; conditional writes decide who gets a snapshot."""

    def available(
        self, merchant_id: str, product_id: str, reviewer: str | None, now: datetime, limit: int
    ) -> Sequence[QueueEntry]:
        """Return up to `limit` snapshots that this reviewer can claim; that anyone can, if it is None.

        First those with an expired lease, then those that wait for a second opinion, then the oldest.
        """

    def lease(self, merchant_id: str, entry: QueueEntry, lease: Lease) -> Snapshot | None:
        """Lease a snapshot and return it; None if its queue key has changed or the reviewer has judged it."""

    def first_expiry(self, merchant_id: str, product_id: str, now: datetime) -> datetime | None:
        """Return when the first active lease of a product ends; None if there is none."""

    def open_products(self, merchant_id: str, now: datetime, limit: int) -> Sequence[QueueEntry]:
        """Return up to `limit` products with undecided snapshots, those that waited longest first."""

    def move_product(self, merchant_id: str, entry: QueueEntry, until: datetime) -> QueueEntry | None:
        """Change a product's queue key to `until` and return its entry.

        Return None if the key, or the revision of an entry that has one, has changed since it was read.
        """

    def current_product(self, merchant_id: str, reviewer: str) -> str | None:
        """Return the product that a reviewer is working on."""

    def set_current_product(self, merchant_id: str, reviewer: str, product_id: str) -> None:
        """Store the product that a reviewer is working on."""


class Tallies(Protocol):
    """Stores counts, and what each snapshot has added to them."""

    def added_by(self, merchant_id: str, snapshot_ids: Sequence[str]) -> Mapping[str, tuple[Snapshot, str | None]]:
        """Return the snapshots with what each has added to the counts, as `commit` stored it."""

    def find_counts(self, merchant_id: str, names: Iterable[str]) -> Mapping[str, StoredCounts]:
        """Return those of the counts that exist, by name (a consistent read)."""

    def commit(
        self, merchant_id: str, added: Mapping[str, tuple[str | None, str]], counts: Mapping[str, StoredCounts]
    ) -> bool:
        """Write the counts, and what each snapshot has added (from before to after), in one transaction.

        Returns False, and writes nothing, if any of it changed since it was read.
        """

    def totals(self, merchant_id: str) -> Counts:
        """Return how many snapshots of each status a merchant has."""

    def products(self, merchant_id: str, limit: int, after: str | None, prefix: str = "") -> Sequence[ProductCounts]:
        """Return the counts of up to `limit` products whose ids begin with `prefix`, by id, after the id `after`."""

    def reviewers(self, merchant_id: str) -> Sequence[ReviewerCounts]:
        """Return the counts of all reviewers."""


class Trail(Protocol):
    """Stores the audit trails of snapshots."""

    def record(self, merchant_id: str, snapshot_id: str, step: Step) -> None:
        """Store a step; storing it again changes nothing."""

    def read(self, merchant_id: str, snapshot_id: str) -> Sequence[Step]:
        """Return all steps, oldest first."""


class Pictures(Protocol):
    """Stores uploaded pictures of snapshots."""

    def upload_to(self, snapshot: Snapshot, size: int | None) -> SignedPut:
        """Return a signed request that stores the picture once; of exactly `size` bytes if given."""

    def remove(self, merchant_id: str, snapshot_id: str) -> None:
        """Delete the picture, so that another can be uploaded."""

    def read(self, merchant_id: str, snapshot_id: str) -> bytes | None:
        """Return the picture, or None."""

    def address_of(self, snapshot: Snapshot) -> str:
        """Return a URL that shows the picture for at least an hour."""


class ComparedPicture(NamedTuple):
    """A picture of a product: its address, and by what its copy is known: who shows it, and at which URL."""

    address: str
    holder: Holder
    url: str


class ComparedProduct(NamedTuple):
    """What a reviewer compares a snapshot with: the product's name and its pictures."""

    name: str | None
    pictures: Sequence[ComparedPicture]


class Products(Protocol):
    """Finds products of the catalogue."""

    def find_products(self, merchant_id: str, product_ids: Iterable[str]) -> Mapping[str, ComparedProduct]:
        """Return those of the products that exist, by id."""


class KnownGalleries(Protocol):
    """Tells which galleries exist."""

    def exists(self, merchant_id: str, gallery_id: str) -> bool:
        """Return whether the gallery exists and is not being deleted."""


class Galleries(Protocol):
    """Publishes approved snapshots."""

    def show(self, snapshot: Snapshot) -> None:
        """Put the snapshot into its gallery; do nothing if it is there, or if the gallery is gone."""

    def hide(self, snapshot: Snapshot) -> None:
        """Remove the snapshot from its gallery; do nothing if it is not there."""
