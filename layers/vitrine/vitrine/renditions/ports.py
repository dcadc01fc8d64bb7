"""What renditions need from stores, from codecs and from those who show pictures."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from contextlib import AbstractContextManager
    from datetime import datetime

    from vitrine.renditions.model import Format, Holder, Original, Picture, Rendition


class RefusedPictureError(Exception):
    """No renditions can be made of a file: `code` is for programs, `detail` for the merchant."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail


class PictureBusy(Exception):
    """Another worker is at the same thing. The same call succeeds later."""


class Unreachable(PictureBusy):
    """A host does not send a file now; it may later."""


class Codec(Protocol):
    """Reads and writes files of pictures. Both methods raise RefusedPictureError."""

    def describe(self, content: bytes) -> Picture:
        """The size and the placeholder of a picture."""
        ...

    def render(self, content: bytes, width: int, form: Format) -> bytes:
        """A picture at this width: upright, in sRGB, without metadata."""
        ...


class Files(Protocol):
    """Originals and renditions by key."""

    def read(self, key: str) -> bytes | None:
        """The file, None where there is none."""
        ...

    def write(self, key: str, content: bytes, media_type: str) -> None:
        """Store a file."""
        ...

    def delete(self, keys: Iterable[str]) -> None:
        """Remove files, those that are not there too."""
        ...


class Pictures(Protocol):
    """What is known of originals by digest, and who shows them."""

    def find(self, digest: str) -> Picture | None:
        """A picture that somebody shows."""
        ...

    def hold(self, digest: str, holder: Holder, picture: Picture) -> None:
        """Note that the holder shows the picture. Raises Busy while the picture is being removed."""
        ...

    def let_go(self, digest: str, holder: Holder) -> Picture | None:
        """Note that the holder shows the picture no more. Gives the picture when nobody shows it now.

        It is closed then: until it is removed nobody can hold it, and no rendition of it begins.
        """
        ...

    def is_being_made(self, digest: str) -> bool:
        """Whether somebody makes a rendition of the picture."""
        ...

    def remove(self, digest: str) -> None:
        """Forget a closed picture."""
        ...

    def begin(self, rendition: Rendition) -> bool:
        """Take the making of a rendition upon oneself, for some seconds; False when another has, or nobody shows it."""
        ...

    def end(self, rendition: Rendition) -> None:
        """Let others make this rendition."""
        ...


class Holdings(Protocol):
    """Which pictures a holder may hold: written before it does, so that none is forgotten."""

    def alone(self, holder: Holder) -> AbstractContextManager[set[str]]:
        """Be the only worker at this holder; gives the digests it may hold. Raises Busy."""
        ...

    def add(self, holder: Holder, digest: str) -> None:
        """The holder may hold this picture from now on."""
        ...

    def drop(self, holder: Holder, digest: str) -> None:
        """The holder holds this picture no more."""
        ...

    def note_withdrawal(self, holder: Holder, digest: str, at: datetime) -> None:
        """Keep that a picture was removed after its last holder."""
        ...


class ShownPicture(NamedTuple):
    """What a holder shows to everybody: the picture at `url`, and the copy it refers to."""

    url: str
    original: Original | None


class Holders(Protocol):
    """Those who show pictures."""

    def find(self, holder: Holder) -> ShownPicture | None:
        """What it shows; None when it is gone or hidden, or its pictures are not mirrored."""
        ...

    def refer(self, holder: Holder, original: Original) -> None:
        """Let it refer to a copy, unless it shows another URL by now or is gone."""
        ...

    def forget(self, holder: Holder, digest: str) -> None:
        """Let it refer to this copy no more."""
        ...


class Edge(Protocol):
    """Caches in front of the origin."""

    def invalidate(self, digest: str) -> None:
        """Let no cache answer with a rendition of this picture any more."""
        ...


if TYPE_CHECKING:
    Fetch = Callable[[str], bytes]  # raises RefusedPictureError, Unreachable
    Check = Callable[[bytes], None]  # raises RefusedPictureError
