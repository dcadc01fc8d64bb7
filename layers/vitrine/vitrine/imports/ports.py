"""What the use cases of imports need from outside."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from datetime import datetime

    from pydantic import BaseModel

    from vitrine.imports.model import (
        Import,
        ImportFailure,
        ImportKey,
        NewPicture,
        ObjectVersion,
        PictureKey,
        Progress,
        Refusal,
        Rejection,
        StoredPicture,
    )
    from vitrine.platform.uploads import SignedPut


class ImportBusy(Exception):
    """Another worker has the lease of the import, for at most `seconds` more."""

    def __init__(self, seconds: float) -> None:
        super().__init__(f"leased for {seconds} s")
        self.seconds = seconds


class LeaseLost(Exception):
    """Another worker has taken over the import; nothing was written."""


class RefusedUpload(Exception):
    """An uploaded file is no picture that can be shown."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.detail)
        self.refusal = refusal


class Lease(NamedTuple):
    """The right of one worker to run an import, until a moment."""

    owner: str
    until: datetime


class RejectionPage(NamedTuple):
    """Rejections in the order of the rows, and the next `after` (None at the end)."""

    rejections: Sequence[Rejection]
    next: Any


class ImportRepository(Protocol):
    """Stores imports and their rejections."""

    def add(self, new: Import) -> None:
        """Store a new import; do nothing if it exists."""

    def find(self, key: ImportKey) -> Import | None:
        """Return the import (a consistent read), or None."""

    def newest(self, merchant_id: str, limit: int, after: Any) -> tuple[Sequence[Import], Any]:
        """Return up to `limit` imports, newest first, and the next `after` (None at the end)."""

    def attach(self, key: ImportKey, upload: ObjectVersion) -> bool:
        """Attach an uploaded object to a waiting import; return False if another one is attached."""

    def lease(self, key: ImportKey, lease: Lease, now: datetime) -> Import | None:
        """Lease the import and return it; None if it is finished. Raises ImportBusy while another worker has it."""

    def advance(self, key: ImportKey, lease: Lease, before: Progress, after: Progress) -> None:
        """Change the progress from exactly `before` to `after`. Raises LeaseLost."""

    def finish(self, key: ImportKey, lease: Lease, failure: ImportFailure | None, now: datetime) -> None:
        """Mark the import as completed or failed. Raises LeaseLost."""

    def release(self, key: ImportKey, lease: Lease) -> None:
        """End the lease, unless another worker has taken over."""

    def put_rejections(self, import_: Import, after_row: int, rejections: Sequence[Rejection]) -> None:
        """Store the rejections of the chunk that begins after the row `after_row`."""

    def rejections(self, key: ImportKey, limit: int, after: Any) -> RejectionPage:
        """Return up to `limit` rejections, starting at `after`."""


class Uploads(Protocol):
    """The uploads bucket."""

    def read(self, upload: ObjectVersion, start: int) -> Iterator[bytes]:
        """Iterate over the object's bytes from `start`. Raises ImportRefused if it was replaced or deleted."""

    def delete(self, upload: ObjectVersion) -> None:
        """Delete the object, unless it was replaced."""

    def upload_to(self, object_key: str, media_type: str, size: int | None, expires_seconds: int) -> SignedPut:
        """Return a signed request that stores an object of this media type once; of exactly `size` bytes if given."""


class Continuations(Protocol):
    """Continues imports in another invocation."""

    def send(self, key: ImportKey, delay_seconds: int) -> None:
        """Have the import continued after a delay."""


class AcceptedRow(NamedTuple):
    """A valid row, as its kind's model."""

    number: int
    row: Any


@dataclass(frozen=True)
class Kind:
    """How one kind of rows is imported.

    `row` is the model of a row; its fields are the columns. The first of `id_headings` is the column of the row's own
    id, and the others are its other headings. `write` stores rows in their room and returns what the room rejected;
    repeating it changes nothing.
    """

    row: type[BaseModel]
    id_headings: tuple[str, ...]
    write: Callable[[Import, Sequence[AcceptedRow]], Sequence[Rejection]]
    defaults: Callable[[Import], Mapping[str, object]] = lambda _: {}


class UploadedPictures(Protocol):
    """Stores pictures that are uploaded for galleries."""

    def upload_to(self, picture: NewPicture) -> SignedPut:
        """Return a signed request that stores this picture, of this size, media type and content, and no other."""

    def find(self, key: PictureKey) -> StoredPicture | None:
        """Return what is known of an upload, or None."""

    def read(self, key: PictureKey) -> bytes:
        """Return the picture. Raises an error if it was deleted meanwhile: the next delivery finds nothing."""

    def note_added(self, key: PictureKey) -> None:
        """Mark the upload as added to its gallery; another upload of the same picture is not marked."""

    def refuse(self, key: PictureKey, refusal: Refusal) -> None:
        """Replace the picture by the reason for its refusal, which is kept for a day."""

    def delete(self, key: PictureKey) -> None:
        """Delete the picture; one that is gone is no error."""

    def address_of(self, key: PictureKey) -> str:
        """Return the URL at which everybody may see the picture while its gallery shows it."""


if TYPE_CHECKING:
    Inspect = Callable[[bytes], tuple[int, int]]  # width and height; raises RefusedUpload
