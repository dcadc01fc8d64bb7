"""Originals, their renditions, and where both are stored. Pure."""

from __future__ import annotations

import hashlib
import hmac
import re
from typing import Final, Literal, NamedTuple, cast

Format = Literal["avif", "webp", "jpg"]

WIDTHS: Final = (160, 240, 320, 480, 640, 960, 1280, 1920)
FORMATS: Final[tuple[Format, ...]] = ("avif", "webp", "jpg")
MEDIA_TYPES: Final[dict[Format, str]] = {"avif": "image/avif", "webp": "image/webp", "jpg": "image/jpeg"}
RENDITION_PIXELS: Final = 5_000_000  # more take longer to encode than a request waits
_RECIPE: Final = "1"  # a new one where the same original gives other bytes: addresses are immutable
_DIGEST: Final = re.compile(r"[0-9a-f]{32}")
_FILE: Final = re.compile(r"([1-9][0-9]{0,3})\.(avif|webp|jpg)")


class Picture(NamedTuple):
    """An original as it is shown: its size after its orientation is applied, and its ThumbHash.

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
        """Both its key in the bucket and its address under the API."""
        return f"pictures/{self.digest}/{self.width}.{self.format}"


class Holder(NamedTuple):
    """The image of a gallery that shows a picture."""

    merchant_id: str
    gallery_id: str
    image_id: str

    @property
    def mark(self) -> bytes:
        """What stands for this holder among those of a picture."""
        return hashlib.sha256("/".join(self).encode()).digest()[:12]


def digest_of(merchant_id: str, content: bytes) -> str:
    """The name of an original: two merchants never share one, whatever they upload."""
    key = f"vitrine/renditions/{_RECIPE}/{merchant_id}".encode()
    return hmac.new(key, content, hashlib.sha256).hexdigest()[:32]


def original_path(digest: str) -> str:
    """The key of an original in the bucket."""
    return f"originals/{digest}"


def widths_of(picture: Picture) -> tuple[int, ...]:
    """The widths a picture is served in: never larger than itself. None where it is too long for any."""
    widths = tuple(width for width in WIDTHS if width <= picture.width) or (picture.width,)
    return tuple(width for width in widths if width * width * picture.height / picture.width <= RENDITION_PIXELS)


def renditions_of(digest: str, picture: Picture) -> list[Rendition]:
    """All renditions of a picture."""
    return [Rendition(digest, width, form) for width in widths_of(picture) for form in FORMATS]


def read_path(digest: str, file: str) -> Rendition | None:
    """The rendition at `pictures/{digest}/{file}`, None where no rendition can be."""
    found = _FILE.fullmatch(file)
    if not found or not _DIGEST.fullmatch(digest):
        return None
    return Rendition(digest, int(found[1]), cast("Format", found[2]))
