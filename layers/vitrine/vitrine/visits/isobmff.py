"""Sizes out of AVIF and HEIC headers (ISO/IEC 23008-12).

The decoders of both formats want the whole file in memory, while the size is in the `meta` box at
its beginning; no library reads just that with the mirroring (`imir`) that half the orientations
need, so these few boxes are read here.
"""

from __future__ import annotations

import struct
from typing import IO, TYPE_CHECKING, Final

from vitrine.visits.model import Picture, UnmeasurableError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

AVIF_BRANDS: Final = frozenset({b"avif", b"avis"})
HEIC_BRANDS: Final = frozenset({b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"})
META_BYTES: Final = 1024 * 1024
# (quarter turns anticlockwise, mirror axis) to EXIF: the turn comes first, then the mirror.
ORIENTATIONS: Final = {
    (0, None): 1, (1, None): 8, (2, None): 3, (3, None): 6,
    (0, 0): 4, (1, 0): 5, (2, 0): 2, (3, 0): 7,
    (0, 1): 2, (1, 1): 7, (2, 1): 4, (3, 1): 5,
}  # fmt: skip


def is_isobmff(head: bytes) -> bool:
    """Does a file begin as AVIF and HEIC do?"""
    return head[4:8] == b"ftyp" and _format_of(head) is not None


def _format_of(head: bytes) -> str | None:
    brands = head[8 : int.from_bytes(head[:4])]
    listed = {brands[at : at + 4] for at in (0, *range(8, len(brands), 4))}
    if listed & AVIF_BRANDS:
        return "AVIF"
    return "HEIF" if listed & HEIC_BRANDS else None


def measure_isobmff(file: IO[bytes], head: bytes) -> Picture:
    """Read the primary item's size and orientation. Raises UnmeasurableError, struct.error, LookupError."""
    primary, has_exif = 0, False
    properties: list[tuple[bytes, bytes]] = []
    associations: dict[int, list[int]] = {}
    for kind, body in _boxes(_meta(file)[4:]):
        match kind:
            case b"pitm":
                primary = int.from_bytes(body[4:6] if body[0] == 0 else body[4:8])
            case b"iinf":
                has_exif = b"Exif" in body
            case b"iprp":
                properties, associations = _properties(body)
    size, orientation = _applied(properties[index - 1] for index in associations.get(primary, ()))
    if size is None:
        raise UnmeasurableError("picture_broken", "The file says nothing of its picture's size")
    if orientation is None and has_exif:
        orientation = 1
    return Picture(_format_of(head) or "HEIF", *size, orientation)


def _properties(data: bytes) -> tuple[list[tuple[bytes, bytes]], dict[int, list[int]]]:
    """All properties of the file, and which of them (counted from 1) belong to which item, in order."""
    properties: list[tuple[bytes, bytes]] = []
    associations: dict[int, list[int]] = {}
    for kind, body in _boxes(data):
        if kind == b"ipco":
            properties = list(_boxes(body))
        elif kind == b"ipma":
            associations |= _associations(body)
    return properties, associations


def _applied(properties: Iterable[tuple[bytes, bytes]]) -> tuple[tuple[int, int] | None, int | None]:
    """Size and orientation after an item's properties, in their order."""
    size: tuple[int, int] | None = None
    turns, axis = 0, None
    for kind, body in properties:
        match kind:
            case b"ispe":
                size = struct.unpack(">II", body[4:12])
            case b"clap":  # the part that is shown of a picture padded to the codec's blocks
                width, width_by, height, height_by = struct.unpack(">4I", body[:16])
                size = width // width_by, height // height_by
            case b"irot":
                turns = body[0] & 3
            case b"imir":
                axis = body[0] & 1
    return size, ORIENTATIONS[turns, axis] if turns or axis is not None else None


def _meta(file: IO[bytes]) -> bytes:
    at = 0
    while True:
        file.seek(at)
        size, kind, header = _box_header(file.read(16))
        if kind == b"meta":
            if size > META_BYTES:
                raise UnmeasurableError("picture_broken", "The file's header is unreasonably large")
            file.seek(at + header)
            return file.read(size - header)
        if size == 0:
            raise UnmeasurableError("picture_broken", "The file has no header")
        at += size


def _box_header(head: bytes) -> tuple[int, bytes, int]:
    size, kind = struct.unpack(">I4s", head[:8])
    header = 8
    if size == 1:
        (size,) = struct.unpack(">Q", head[8:16])
        header = 16
    if 0 < size < header:
        raise UnmeasurableError("picture_broken", "A part of the file has an impossible length")
    return size, kind, header


def _boxes(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    at = 0
    while at + 8 <= len(data):
        size, kind, header = _box_header(data[at : at + 16])
        size = size or len(data) - at
        yield kind, data[at + header : at + size]
        at += size


def _associations(data: bytes) -> dict[int, list[int]]:
    version, wide = data[0], data[3] & 1
    (count,) = struct.unpack(">I", data[4:8])
    at, found = 8, {}
    for _ in range(count):
        (item,) = struct.unpack_from(">H" if version == 0 else ">I", data, at)
        at += 2 if version == 0 else 4
        listed = data[at]
        indexes = struct.unpack_from(f">{listed}{'H' if wide else 'B'}", data, at + 1)
        at += 1 + listed * (2 if wide else 1)
        found[item] = [index & (0x7FFF if wide else 0x7F) for index in indexes]
    return found
