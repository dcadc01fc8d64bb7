"""Read the sizes of AVIF, HEIC and JPEG 2000, whose files are boxes (ISO/IEC 14496-12, 23008-12 and 15444-1).

Decoders need the whole file, but the size is in a few boxes at its beginning. No library reads only those and the
mirroring (`imir`) that half of the orientations need.
"""

from __future__ import annotations

import math
import struct
from typing import TYPE_CHECKING, Final, NamedTuple

from vitrine.visits.header import broken
from vitrine.visits.model import ImageSize

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from vitrine.visits.header import Header

AVIF_BRANDS: Final = frozenset({b"avif", b"avis"})
HEIC_BRANDS: Final = frozenset({b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"})
META_BYTES: Final = 1024 * 1024
# (quarter turns anticlockwise, mirror axis) to EXIF: the turn comes first, then the mirror.
ORIENTATIONS: Final = {
    (0, None): 1, (1, None): 8, (2, None): 3, (3, None): 6,
    (0, 0): 4, (1, 0): 5, (2, 0): 2, (3, 0): 7,
    (0, 1): 2, (1, 1): 7, (2, 1): 4, (3, 1): 5,
}  # fmt: skip


class Box(NamedTuple):
    """A box: its kind, and the offsets of its content, `end` excluded."""

    kind: bytes
    start: int
    end: float


def is_isobmff(head: bytes) -> bool:
    """Return whether a file begins like AVIF or HEIC."""
    return head[4:8] == b"ftyp" and _format_of(head) is not None


def _format_of(head: bytes) -> str | None:
    brands = head[8 : int.from_bytes(head[:4])]
    listed = {brands[at : at + 4] for at in (0, *range(8, len(brands), 4))}
    if listed & AVIF_BRANDS:
        return "AVIF"
    return "HEIF" if listed & HEIC_BRANDS else None


def measure_isobmff(header: Header) -> ImageSize:
    """Read the primary item's size and orientation. Raises UnmeasurableError, struct.error, LookupError."""
    meta = _find(header, b"meta", Box(b"", 0, math.inf))
    if meta.end - meta.start > META_BYTES:
        raise broken("The file's header is unreasonably large")
    primary, has_exif = 0, False
    properties: list[Box] = []
    associations: dict[int, list[int]] = {}
    for box in _boxes(header, meta.start + 4, meta.end):
        match box.kind:
            case b"pitm":
                body = _content(header, box)
                primary = int.from_bytes(body[4:6] if body[0] == 0 else body[4:8])
            case b"iinf":
                has_exif = b"Exif" in _content(header, box)
            case b"iprp":
                properties, associations = _properties(header, box)
    size, orientation = _applied(header, (properties[index - 1] for index in associations.get(primary, ()) if index))
    if size is None:
        raise broken("The file does not state the picture's size")
    if orientation is None and has_exif:
        orientation = 1
    return ImageSize(_format_of(header.up_to(0, 64)) or "HEIF", *size, orientation)


def measure_jp2(header: Header) -> ImageSize:
    """Read the size from the image header box of JPEG 2000. Raises UnmeasurableError."""
    boxes = _find(header, b"jp2h", Box(b"", 0, math.inf))
    height, width = header.numbers(_find(header, b"ihdr", boxes).start, ">II")
    return ImageSize("JPEG2000", width, height)


def measure_j2k(header: Header) -> ImageSize:
    """Read the size from a JPEG 2000 codestream. Raises UnmeasurableError."""
    right, bottom, left, top = header.numbers(8, ">4I")
    return ImageSize("JPEG2000", right - left, bottom - top)


def _properties(header: Header, parent: Box) -> tuple[list[Box], dict[int, list[int]]]:
    """Return all properties of the file, and which of them (counted from 1) belong to which item, in order."""
    properties: list[Box] = []
    associations: dict[int, list[int]] = {}
    for box in _boxes(header, parent.start, parent.end):
        if box.kind == b"ipco":
            properties = list(_boxes(header, box.start, box.end))
        elif box.kind == b"ipma":
            associations |= _associations(header, _content(header, box))
    return properties, associations


def _applied(header: Header, properties: Iterable[Box]) -> tuple[tuple[int, int] | None, int | None]:
    """Apply an item's properties in order; return its size and orientation."""
    size: tuple[int, int] | None = None
    turns, axis = 0, None
    for box in properties:
        match box.kind:
            case b"ispe":
                width, height = header.numbers(box.start + 4, ">II")
                size = width, height
            case b"clap":  # the visible part of a picture that is padded to the codec's blocks
                width, width_by, height, height_by = header.numbers(box.start, ">4I")
                size = width // width_by, height // height_by
            case b"irot":
                turns = header.numbers(box.start, "B")[0] & 3
            case b"imir":
                axis = header.numbers(box.start, "B")[0] & 1
    return size, ORIENTATIONS[turns, axis] if turns or axis is not None else None


def _find(header: Header, kind: bytes, parent: Box) -> Box:
    for box in _boxes(header, parent.start, parent.end):
        if box.kind == kind:
            return box
    raise broken("The file has no header")


def _boxes(header: Header, at: int, end: float) -> Iterator[Box]:
    """List the boxes in a part of the file."""
    while at < end and len(head := header.up_to(at, 16)) >= 8:
        size, kind = struct.unpack_from(">I4s", head)
        head_bytes = 8
        if size == 1:
            (size,) = struct.unpack_from(">Q", head, 8)
            head_bytes = 16
        if 0 < size < head_bytes:
            raise broken("A part of the file has an impossible length")
        box_end = min(at + size, end) if size else end
        yield Box(kind, at + head_bytes, box_end)
        if box_end == math.inf:
            return
        at = int(box_end)


def _content(header: Header, box: Box) -> bytes:
    return header.exactly(box.start, int(box.end - box.start))


def _associations(header: Header, data: bytes) -> dict[int, list[int]]:
    version, wide = data[0], data[3] & 1
    (count,) = struct.unpack(">I", data[4:8])
    at, associations = 8, {}
    for _ in range(count):
        (item,) = struct.unpack_from(">H" if version == 0 else ">I", data, at)
        at += 2 if version == 0 else 4
        listed = data[at]
        header.spend(1 + listed)
        indexes = struct.unpack_from(f">{listed}{'H' if wide else 'B'}", data, at + 1)
        at += 1 + listed * (2 if wide else 1)
        associations[item] = [index & (0x7FFF if wide else 0x7F) for index in indexes]
    return associations
