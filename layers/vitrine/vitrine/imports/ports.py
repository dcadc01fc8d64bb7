"""What imports need from stores, from S3 and from the rooms that take the rows in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from datetime import datetime

    from pydantic import BaseModel

    from vitrine.imports.model import Import, ImportFailure, ImportKey, ObjectVersion, Progress, Rejection
    from vitrine.platform.uploads import SignedPut


class ImportBusy(Exception):
    """Another worker is at the import, at most for `seconds` more."""

    def __init__(self, seconds: float) -> None:
        super().__init__(f"leased for {seconds} s")
        self.seconds = seconds


class LeaseLost(Exception):
    """Another worker took the import over; nothing was written."""


class Lease(NamedTuple):
    """Who works on an import, and until when at most."""

    owner: str
    until: datetime


class RejectionPage(NamedTuple):
    """Rejections in the rows' order, and where to go on (None at the end)."""

    rejections: Sequence[Rejection]
    next: Any


class ImportRepository(Protocol):
    """Imports and what they rejected."""

    def add(self, new: Import) -> None:
        """Store a new import; one that is there stays as it is."""
        ...

    def find(self, key: ImportKey) -> Import | None:
        """The import, read consistently."""
        ...

    def newest(self, merchant_id: str, limit: int, after: Any) -> tuple[Sequence[Import], Any]:
        """Up to `limit` imports, newest first, and where to go on (None at the end)."""
        ...

    def attach(self, key: ImportKey, upload: ObjectVersion) -> bool:
        """Note what was put for a waiting import; False when something else was put before."""
        ...

    def lease(self, key: ImportKey, lease: Lease, now: datetime) -> Import | None:
        """Take the import, or None when it is finished. Raises Busy while another has it."""
        ...

    def advance(self, key: ImportKey, lease: Lease, before: Progress, after: Progress) -> None:
        """Move on from exactly `before`. Raises LeaseLost."""
        ...

    def finish(self, key: ImportKey, lease: Lease, failure: ImportFailure | None, now: datetime) -> None:
        """Close the import. Raises LeaseLost."""
        ...

    def release(self, key: ImportKey, lease: Lease) -> None:
        """Let others take the import at once, if this lease still holds."""
        ...

    def put_rejections(self, taken: Import, behind_row: int, rejections: Sequence[Rejection]) -> None:
        """Store what was rejected of the chunk that begins behind the row `behind_row`."""
        ...

    def rejections(self, key: ImportKey, limit: int, after: Any) -> RejectionPage:
        """Up to `limit` rejections behind the position `after`."""
        ...


class Uploads(Protocol):
    """The uploads bucket."""

    def read(self, upload: ObjectVersion, start: int) -> Iterator[bytes]:
        """The object's bytes from `start` on in blocks. Raises ImportRefused when it was replaced or removed."""
        ...

    def delete(self, upload: ObjectVersion) -> None:
        """Remove the object, unless it was replaced."""
        ...

    def upload_to(self, object_key: str, media_type: str, size: int | None, expires_seconds: int) -> SignedPut:
        """Where one object of this media type, and of this size where it is known, can be put, once."""
        ...


class Continuations(Protocol):
    """Work on an import that goes on in another invocation."""

    def send(self, key: ImportKey, delay_seconds: int) -> None:
        """Run the import again after a while."""
        ...


class AcceptedRow(NamedTuple):
    """A row that keeps its kind's rules, as that kind's model."""

    number: int
    row: Any


@dataclass(frozen=True)
class Kind:
    """How one kind of rows comes in.

    `row` is the model of a row; its fields are the columns. The first of `id_headings` is the column of the
    row's own id, and the others mean it too. `write` takes rows into their room; done again it changes
    nothing. It answers what the room rejected.
    """

    row: type[BaseModel]
    id_headings: tuple[str, ...]
    write: Callable[[Import, Sequence[AcceptedRow]], Sequence[Rejection]]
    defaults: Callable[[Import], Mapping[str, object]] = lambda _: {}
