"""What the use cases of renditions need from outside."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping
    from contextlib import AbstractContextManager
    from datetime import datetime

    from vitrine.renditions.model import Format, Holder, Original, Picture, Rendition, Withdrawal


class RefusedPictureError(Exception):
    """No renditions can be made of a file: `code` is for programs, `detail` for the merchant."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail


class PictureBusy(Exception):
    """Another worker has the lease. The same call may succeed later."""


class Unreachable(PictureBusy):
    """The remote host does not send the file now, but may later."""


class Codec(Protocol):
    """Decodes and encodes pictures. Both methods raise RefusedPictureError."""

    def describe(self, content: bytes) -> Picture:
        """Return the size and placeholder of a picture."""

    def render(self, content: bytes, width: int, form: Format) -> bytes:
        """Return the picture at this width, upright, in sRGB and without metadata."""


class Files(Protocol):
    """Stores originals and renditions, by key."""

    def read(self, key: str) -> bytes | None:
        """Return the file, or None."""

    def write(self, key: str, content: bytes, media_type: str) -> None:
        """Store a file."""

    def delete(self, keys: Iterable[str]) -> None:
        """Delete files; a key without a file is no error."""


class Pictures(Protocol):
    """Stores the record of each original, by digest, with its holders."""

    def find(self, digest: str) -> Picture | None:
        """Return a picture that has a holder, or None."""

    def hold(self, digest: str, holder: Holder, picture: Picture) -> None:
        """Add a holder to the picture. Raises PictureBusy while the picture is closed."""

    def let_go(self, digest: str, holder: Holder) -> Picture | None:
        """Remove a holder from the picture; return the picture if it has none left, else None.

        A picture without holders is closed: until it is removed, nobody can hold it or begin a rendition of it.
        """

    def is_being_made(self, digest: str) -> bool:
        """Return whether somebody has a lease to make a rendition of the picture."""

    def remove(self, digest: str) -> None:
        """Delete the record of a closed picture."""

    def begin(self, rendition: Rendition) -> bool:
        """Take the lease to make a rendition, for some seconds; False if it is taken or the picture has no holder."""

    def end(self, rendition: Rendition) -> None:
        """Give the lease back."""


class Holdings(Protocol):
    """Stores which pictures a holder may hold: noted before it holds one, so that a crash leaves none behind."""

    def alone(self, holder: Holder) -> AbstractContextManager[set[str]]:
        """Lease the holder for the block; gives the digests that it may hold. Raises PictureBusy."""

    def add(self, holder: Holder, digest: str) -> None:
        """Note that the holder may hold this picture."""

    def drop(self, holder: Holder, digest: str) -> None:
        """Note that the holder does not hold this picture."""

    def note_withdrawal(self, holder: Holder, digest: str, at: datetime) -> None:
        """Record that a picture was withdrawn when this holder, its last one, released it."""

    def list_withdrawals(self, merchant_id: str, gallery_id: str) -> list[Withdrawal]:
        """Return the pictures of a gallery that were withdrawn in the last 90 days, newest first."""


class Originals(Protocol):
    """Stores the copies that holders refer to, for holders that do not store them themselves."""

    def find(self, holders: Collection[Holder]) -> Mapping[Holder, Original]:
        """Return the copies of those holders that have one."""

    def put(self, holder: Holder, original: Original) -> None:
        """Let the holder refer to a copy."""

    def remove(self, holder: Holder, digest: str) -> None:
        """Remove the holder's reference, if it is to this copy."""


class ShownPicture(NamedTuple):
    """What a holder shows to everybody: the picture at `url`; and the copy that it refers to."""

    url: str
    original: Original | None


class Holders(Protocol):
    """Stores what holders show."""

    def find(self, holder: Holder) -> ShownPicture | None:
        """Return what the holder shows; None if it is gone or hidden, or its pictures are not mirrored."""

    def refer(self, holder: Holder, original: Original) -> None:
        """Let the holder refer to a copy, unless it is gone or shows another URL by now."""

    def forget(self, holder: Holder, digest: str) -> None:
        """Remove the holder's reference to this copy, if it has one."""


class Edge(Protocol):
    """Asks the caches in front of the origin to drop pictures."""

    def invalidate(self, digest: str) -> None:
        """Have the picture's renditions removed from the caches soon. Safe to repeat."""


if TYPE_CHECKING:
    Fetch = Callable[[str], bytes]  # raises RefusedPictureError, Unreachable
    Check = Callable[[bytes], None]  # raises RefusedPictureError
