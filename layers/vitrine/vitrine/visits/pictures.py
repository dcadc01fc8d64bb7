"""Read a picture's size from as little of its file as its format allows, within a budget of work."""

from __future__ import annotations

import math
import struct
import zlib
from typing import IO, TYPE_CHECKING, Final

from vitrine.platform.budget import Budget, BudgetSpentError
from vitrine.visits import rasters
from vitrine.visits.exif import is_tiff, measure_tiff
from vitrine.visits.header import Header, broken
from vitrine.visits.isobmff import is_isobmff, measure_isobmff, measure_j2k, measure_jp2
from vitrine.visits.model import ImageSize, UnmeasurableError
from vitrine.visits.svg import is_svg, measure_svg

if TYPE_CHECKING:
    from collections.abc import Callable

PIXELS: Final = 178_956_970  # Pillow's limit for a decompression bomb
STEPS: Final = 20_000
PROCESSOR_SECONDS: Final = 0.5
SIGNATURES: Final[dict[bytes, Callable[[Header], ImageSize]]] = {
    b"\xff\xd8\xff": rasters.measure_jpeg,
    b"\x89PNG\r\n\x1a\n": rasters.measure_png,
    b"GIF87a": rasters.measure_gif,
    b"GIF89a": rasters.measure_gif,
    b"BM": rasters.measure_bmp,
    b"\0\0\1\0": rasters.measure_ico,
    b"icns": rasters.measure_icns,
    b"DDS ": rasters.measure_dds,
    b"8BPS": rasters.measure_psd,
    b"\0\0\0\x0cjP  \r\n\x87\n": measure_jp2,
    b"\xff\x4f\xff\x51": measure_j2k,
    **{b"P%c" % kind: rasters.measure_ppm for kind in b"123456fF"},
}


def measure(file: IO[bytes], *, near_bytes: float = math.inf, budget: Budget | None = None) -> ImageSize:
    """Return a picture's size. Metadata after the pixels is read only in files of at most `near_bytes` bytes.

    Raises UnmeasurableError if the file is no picture, is broken or too large, or takes too much work.
    """
    try:
        header = Header(file, budget or Budget(STEPS, PROCESSOR_SECONDS), near_bytes)
        picture = _reader(header.up_to(0, 64))(header)
    except BudgetSpentError as error:
        raise UnmeasurableError("too_much_work", "The picture's header takes too much work to read") from error
    except (ArithmeticError, LookupError, ValueError, struct.error, zlib.error) as error:
        raise broken("The picture's header is broken") from error
    if picture.width < 1 or picture.height < 1:
        raise broken("The picture has no size")
    if picture.width * picture.height > PIXELS:
        raise UnmeasurableError("too_many_pixels", f"The picture has over {PIXELS:,} pixels")
    return picture


def _reader(head: bytes) -> Callable[[Header], ImageSize]:
    for signature, reader in SIGNATURES.items():
        if head.startswith(signature):
            return reader
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return rasters.measure_webp
    if is_tiff(head):
        return measure_tiff
    if is_isobmff(head):
        return measure_isobmff
    if is_svg(head):
        return measure_svg
    if rasters.is_tga(head):
        return rasters.measure_tga
    raise UnmeasurableError(
        "not_a_picture", "The file is not a picture in a known format" if head else "The file is empty"
    )
