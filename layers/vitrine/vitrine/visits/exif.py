"""Read TIFF directories, which carry EXIF in all formats, and orientations in XMP."""

from __future__ import annotations

import re
import struct
from typing import TYPE_CHECKING, Final

from vitrine.visits.header import broken
from vitrine.visits.model import ImageSize

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from vitrine.visits.header import Header

WIDTH: Final = 256
HEIGHT: Final = 257
ORIENTATION: Final = 274
ORDERS: Final = {b"II": "<", b"MM": ">"}
INTEGERS: Final = {3: "H", 4: "I", 6: "b", 8: "h", 9: "i", 13: "I", 16: "Q"}
SIDEWAYS: Final = frozenset({5, 6, 7, 8})
XMP_ORIENTATION: Final = re.compile(rb'tiff:Orientation(?:="|>)([0-9])')
XMP_BYTES: Final = 1024 * 1024


def is_tiff(head: bytes) -> bool:
    """Return whether a file begins like TIFF or BigTIFF. Some writers get the magic number's byte order wrong."""
    return head[:2] in ORDERS and head[2:4] in {b"*\0", b"\0*", b"+\0", b"\0+"}


def measure_tiff(header: Header) -> ImageSize:
    """Read the first page's size. Raises UnmeasurableError."""
    tags = read_tags(header, 0, {WIDTH, HEIGHT, ORIENTATION})
    if WIDTH not in tags or HEIGHT not in tags:
        raise broken("The TIFF's first page has no size")
    width, height, orientation = tags[WIDTH], tags[HEIGHT], tags.get(ORIENTATION)
    if orientation in SIDEWAYS:  # as Pillow reports it
        width, height = height, width
    return ImageSize("TIFF", width, height, orientation)


def read_orientation(header: Header, at: int) -> int | None:
    """Return the orientation in EXIF at an offset, with or without the six bytes before it that JPEG has."""
    if header.up_to(at, 6) == b"Exif\0\0":
        at += 6
    return read_tags(header, at, {ORIENTATION}).get(ORIENTATION)


def read_xmp_orientation(header: Header, at: int, count: int) -> int | None:
    """Return the orientation in XMP at an offset."""
    match = XMP_ORIENTATION.search(header.up_to(at, min(count, XMP_BYTES)))
    return int(match[1]) if match else None


def read_tags(header: Header, base: int, wanted: Collection[int]) -> Mapping[int, int]:
    """Return those of the `wanted` tags of the first directory whose value is a single integer.

    `base` is the offset of the TIFF; without a TIFF there, the result is empty. Of repeated tags the first counts.
    Raises UnmeasurableError if the directory is outside of the file.
    """
    head = header.up_to(base, 16)
    if not is_tiff(head):
        return {}
    order = ORDERS[head[:2]]
    if b"+" in head[2:4]:
        (offset,) = header.numbers(base + 8, f"{order}Q")
        (count,) = header.numbers(base + offset, f"{order}Q")
        first, entry_bytes, value_at, values_form = offset + 8, 20, 12, "Q"
    else:
        (offset,) = header.numbers(base + 4, f"{order}I")
        (count,) = header.numbers(base + offset, f"{order}H")
        first, entry_bytes, value_at, values_form = offset + 2, 12, 8, "I"
    header.spend(count)
    entries = header.up_to(base + first, count * entry_bytes)
    tags: dict[int, int] = {}
    for at in range(0, len(entries) - entry_bytes + 1, entry_bytes):
        tag, kind, values = struct.unpack_from(f"{order}HH{values_form}", entries, at)
        form = INTEGERS.get(kind)
        if tag in wanted and form and values == 1 and struct.calcsize(f"={form}") <= entry_bytes - value_at:
            (value,) = struct.unpack_from(f"{order}{form}", entries, at + value_at)
            tags.setdefault(tag, value)
    return tags
