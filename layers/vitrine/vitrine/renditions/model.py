"""Originals, their renditions, and where both are stored. Pure."""

from __future__ import annotations

import hashlib
import hmac
import re
from typing import TYPE_CHECKING, Final, Literal, NamedTuple, cast

if TYPE_CHECKING:
    from datetime import datetime

Format = Literal["avif", "webp", "jpg"]

WIDTHS: Final = (160, 240, 320, 480, 640, 960, 1280, 1920)
FORMATS: Final[tuple[Format, ...]] = ("avif", "webp", "jpg")
MEDIA_TYPES: Final[dict[Format, str]] = {"avif": "image/avif", "webp": "image/webp", "jpg": "image/jpeg"}
RENDITION_PIXELS: Final = 5_000_000  # more take longer to encode than a request waits
PRODUCTS: Final = "/products"  # no gallery's id: ids have no slash
SNAPSHOTS: Final = "/snapshots"
_RECIPE: Final = "1"  # raise it when the codec changes what it makes of an original: addresses are immutable
_DIGEST: Final = re.compile(r"[0-9a-f]{32}")
_FILE: Final = re.compile(r"([1-9][0-9]{0,3})\.(avif|webp|jpg)")


class Picture(NamedTuple):
    """The size of an original after its orientation is applied, and its ThumbHash.

    A vector graphic has the size of its largest rendition.
    """

    width: int
    height: int
    placeholder: bytes
    animated: bool = False


class Original(NamedTuple):
    """The copy of the picture at `url`, from which renditions are made."""

    digest: str
    url: str
    picture: Picture


class Rendition(NamedTuple):
    """One size and format of an original."""

    digest: str
    width: int
    format: Format

    @property
    def path(self) -> str:
        """Return its address under the API."""
        return f"pictures/{self.digest}/{self.width}.{self.format}"

    @property
    def key(self) -> str:
        """Return its key in the bucket: its address at the edge, where the API is `/v1`."""
        return f"{renditions_prefix(self.digest)}{self.width}.{self.format}"


class Holder(NamedTuple):
    """What shows a picture: an image of a gallery, or a product or snapshot in the "gallery" of all of them."""

    merchant_id: str
    gallery_id: str
    image_id: str

    @property
    def mark(self) -> bytes:
        """Return the 12 bytes that stand for this holder in a picture's set of holders."""
        return hashlib.sha256("/".join(self).encode()).digest()[:12]


class Withdrawal(NamedTuple):
    """A picture that was deleted because this image, the last one that showed it, shows it no more."""

    image_id: str
    digest: str
    at: datetime


def digest_of(merchant_id: str, content: bytes) -> str:
    """Return the name of an original, a hash keyed by merchant: two merchants never share an original."""
    key = f"vitrine/renditions/{_RECIPE}/{merchant_id}".encode()
    return hmac.new(key, content, hashlib.sha256).hexdigest()[:32]


def original_path(digest: str) -> str:
    """Return the key of an original in the bucket."""
    return f"originals/{digest}"


def renditions_prefix(digest: str) -> str:
    """Return what the keys of all renditions of a picture begin with."""
    return f"v1/pictures/{digest}/"


def widths_of(picture: Picture) -> tuple[int, ...]:
    """Return the widths in which a picture is served, none larger than the original; empty if it is too long."""
    widths = tuple(width for width in WIDTHS if width <= picture.width) or (picture.width,)
    return tuple(width for width in widths if width * width * picture.height / picture.width <= RENDITION_PIXELS)


def renditions_of(digest: str, picture: Picture) -> list[Rendition]:
    """Return all renditions of a picture."""
    return [Rendition(digest, width, form) for width in widths_of(picture) for form in FORMATS]


def read_path(digest: str, file: str) -> Rendition | None:
    """Return the rendition of the address `pictures/{digest}/{file}`, or None if it is malformed."""
    match = _FILE.fullmatch(file)
    if not match or not _DIGEST.fullmatch(digest):
        return None
    return Rendition(digest, int(match[1]), cast("Format", match[2]))
