"""Reads a picture's size from as little of its file as its format allows."""

from __future__ import annotations

import contextlib
import io
import math
import struct
import zlib
from dataclasses import replace
from typing import IO, Final

from PIL import ExifTags, Image, UnidentifiedImageError

from vitrine.platform.fetcher import FetchError
from vitrine.visits.isobmff import is_isobmff, measure_isobmff
from vitrine.visits.model import Picture, UnmeasurableError
from vitrine.visits.svg import is_svg, measure_svg

PIXELS: Final = 178_956_970  # what Pillow takes for a decompression bomb
_LENGTH_BYTES: Final = 4
_CHUNK_HEADER_BYTES: Final = 8
TAIL_BYTES: Final = 16 * 1024
CHUNK_BYTES: Final = 256 * 1024
# Pillow opens these lazily; WebP and AVIF it reads whole, and formats nobody photographs in are left out.
FORMATS: Final = (
    "JPEG", "PNG", "GIF", "TIFF", "BMP", "JPEG2000", "ICO", "ICNS", "DDS", "PPM", "PSD", "TGA",
)  # fmt: skip

Image.init()


def measure(file: IO[bytes], *, near_bytes: float = math.inf) -> Picture:
    """Raises UnmeasurableError for what is no picture, a broken or an outsized one.

    What a format keeps behind its pixels is looked up where the file ends within `near_bytes`.
    """
    head = file.read(64)
    file.seek(0)
    try:
        picture = _measure(file, head, near_bytes)
    except (UnmeasurableError, FetchError, MemoryError):
        raise
    except UnidentifiedImageError as error:
        raise UnmeasurableError("not_a_picture", "The file is no picture of a known format") from error
    except Image.DecompressionBombError as error:
        raise UnmeasurableError("too_many_pixels", f"The picture has over {PIXELS:,} pixels") from error
    except Exception as error:  # Pillow's readers raise whatever a broken header leads to
        raise UnmeasurableError("picture_broken", "The picture's header is broken") from error
    if picture.width < 1 or picture.height < 1:
        raise UnmeasurableError("picture_broken", "The picture has no size")
    if picture.width * picture.height > PIXELS:
        raise UnmeasurableError("too_many_pixels", f"The picture has over {PIXELS:,} pixels")
    return picture


def _measure(file: IO[bytes], head: bytes, near_bytes: float) -> Picture:
    if not head:
        raise UnmeasurableError("not_a_picture", "The file is empty")
    if is_isobmff(head):
        return measure_isobmff(file, head)
    if is_svg(head):
        return measure_svg(file)
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return _measure_webp(file, head)
    with Image.open(file, formats=FORMATS) as image:
        picture = Picture(image.format or "unknown", image.width, image.height, _orientation(image))
        if picture.format == "TIFF":
            _check_next_page(image)
    if picture.format == "PNG" and picture.orientation is None:
        return replace(picture, orientation=_png_orientation(file, near_bytes))
    return picture


def _orientation(image: Image.Image) -> int | None:
    # Not `image.getexif()`: for a PNG that one decodes the whole picture.
    value = Image.Image.getexif(image).get(ExifTags.Base.Orientation)
    return value if isinstance(value, int) else None


def _check_next_page(image: Image.Image) -> None:
    """A first page that points to rubbish is most often rubbish itself."""
    with contextlib.suppress(EOFError):
        image.seek(1)


def _png_orientation(file: IO[bytes], near_bytes: float) -> int | None:
    """Some writers put the `eXIf` chunk behind the pixels: look at the end, not at all there is."""
    if not near_bytes or (size := file.seek(0, io.SEEK_END)) > near_bytes:
        return None
    file.seek(max(0, size - TAIL_BYTES))
    tail = file.read(TAIL_BYTES)
    at = tail.rfind(b"eXIf")
    if at < _LENGTH_BYTES:
        return None
    (length,) = struct.unpack_from(">I", tail, at - 4)
    end = at + 4 + length
    if tail[end : end + 4] != struct.pack(">I", zlib.crc32(tail[at:end])):
        return None
    carrier = Image.Image()
    carrier.info["exif"] = b"Exif\0\0" + tail[at + 4 : end]
    return _orientation(carrier)


def _measure_webp(file: IO[bytes], head: bytes) -> Picture:
    """Read the canvas size (RFC 9649) and, where the header announces it, the EXIF at the end."""
    kind = head[12:16]
    orientation = None
    if kind == b"VP8 ":
        if head[23:26] != b"\x9d\x01\x2a":
            raise UnmeasurableError("picture_broken", "The WebP has no key frame")
        width, height = (side & 0x3FFF for side in struct.unpack_from("<HH", head, 26))
    elif kind == b"VP8L":
        (bits,) = struct.unpack_from("<I", head, 21)
        width, height = (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    elif kind == b"VP8X":
        width, height = (int.from_bytes(head[at : at + 3], "little") + 1 for at in (24, 27))
        orientation = _webp_orientation(file, exif=bool(head[20] & 8), xmp=bool(head[20] & 4))
    else:
        raise UnmeasurableError("picture_broken", "The WebP has no known chunk")
    return Picture("WEBP", width, height, orientation)


def _webp_orientation(file: IO[bytes], *, exif: bool, xmp: bool) -> int | None:
    wanted = {b"EXIF": "exif"} if exif else {b"XMP ": "xmp"} if xmp else {}
    carrier, at = Image.Image(), 12
    while wanted:
        file.seek(at)
        header = file.read(8)
        if len(header) < _CHUNK_HEADER_BYTES:
            break
        kind, size = struct.unpack("<4sI", header)
        if kind in wanted and size <= CHUNK_BYTES:
            carrier.info[wanted.pop(kind)] = file.read(size)
        at += 8 + size + size % 2
    return _orientation(carrier)
