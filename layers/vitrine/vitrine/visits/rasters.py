"""Read the sizes of raster formats from as little of their headers as each allows.

Pillow reads these formats too, but some of its readers decode pixels when they open a file (ICO), load a metadata
block for each entry that points at it (EXIF, MPF), or loop over megabytes in Python (PSD, TIFF, JPEG 2000). Here each
loop spends from the header's budget.
"""

from __future__ import annotations

import re
import struct
import zlib
from typing import TYPE_CHECKING, Final, NamedTuple

from vitrine.visits.exif import read_orientation, read_tags, read_xmp_orientation
from vitrine.visits.header import broken
from vitrine.visits.model import ImageSize

if TYPE_CHECKING:
    from collections.abc import Iterator

    from vitrine.visits.header import Header

TAIL_BYTES: Final = 16 * 1024
PROFILE_BYTES: Final = 256 * 1024
TEXT_HEADER_BYTES: Final = 64 * 1024
JPEG_FRAMES: Final = frozenset({*range(0xC0, 0xC4), *range(0xC5, 0xC8), *range(0xC9, 0xCC), *range(0xCD, 0xD0), 0xDE})
JPEG_WITHOUT_LENGTH: Final = frozenset({0x01, *range(0xD0, 0xD9)})
MPF_IMAGES: Final = 0xB001
# With possessive quantifiers the expression reads the header only once.
PPM: Final = re.compile(
    rb"P(?:[1-6]|[fF])((?:\s++|\#[^\r\n]*+)++)([0-9]{1,10}+)((?:\s++|\#[^\r\n]*+)++)([0-9]{1,10}+)\s"
)
ICNS_SIDES: Final = {
    b"is32": 16, b"s8mk": 16, b"icp4": 16, b"ic11": 32, b"il32": 32, b"l8mk": 32, b"icp5": 32, b"ih32": 48,
    b"h8mk": 48, b"ic12": 64, b"icp6": 64, b"it32": 128, b"t8mk": 128, b"ic07": 128, b"ic13": 256, b"ic08": 256,
    b"ic14": 512, b"ic09": 512, b"ic10": 1024,
}  # fmt: skip
BMP_HEADERS: Final = frozenset({40, 52, 56, 64, 108, 124})
BMP_DEPTHS: Final = frozenset({0, 1, 2, 4, 8, 16, 24, 32})  # 0 where a JPEG or PNG is inside
TGA_TYPES: Final = frozenset({1, 2, 3, 9, 10, 11})
TGA_DEPTHS: Final = frozenset({1, 8, 16, 24, 32})


class Segment(NamedTuple):
    """A segment of a JPEG: its marker, the offset and length of its content, and the content's first bytes."""

    marker: int
    at: int
    length: int
    head: bytes


def measure_jpeg(header: Header) -> ImageSize:
    """Read the frame header, and the first EXIF, MPF and the last XMP before the scan."""
    size = exif = mpf = None
    xmp: list[tuple[int, int]] = []
    for marker, at, length, head in _segments(header):
        if marker in JPEG_FRAMES:
            height, width = struct.unpack_from(">HH", head, 1)
            size = width, height
        elif marker == 0xE1 and head.startswith(b"Exif\0\0") and exif is None:
            exif = at
        elif marker == 0xE1 and head.startswith(b"http://ns.adobe.com/xap/1.0/\0"):
            xmp.append((at, length))
        elif marker == 0xE2 and head.startswith(b"MPF\0"):
            mpf = at + 4
    if size is None:
        raise broken("The JPEG has no frame")
    orientation = read_orientation(header, exif) if exif is not None else None
    if orientation is None and xmp:
        orientation = read_xmp_orientation(header, *xmp[-1])
    return ImageSize("MPO" if mpf and _has_more_images(header, mpf, xmp) else "JPEG", *size, orientation)


def _segments(header: Header) -> Iterator[Segment]:
    """Iterate over the segments before the scan; skip fill bytes and junk."""
    at = 2
    while len(head := header.up_to(at, 40)) >= 2 and head[:2] not in {b"\xff\xd9", b"\xff\xda"}:
        marker = head[1]
        if head[0] != 0xFF:
            at += head.index(b"\xff") if b"\xff" in head else len(head)
        elif marker in {0x00, 0xFF}:
            at += 1
        elif marker in JPEG_WITHOUT_LENGTH:
            at += 2
        else:
            length = int.from_bytes(head[2:4])
            if length < 2 or marker < 0xC0:
                raise broken("The JPEG has an impossible segment")
            yield Segment(marker, at + 4, length - 2, head[4:])
            at += 2 + length


def _has_more_images(header: Header, mpf: int, xmp: list[tuple[int, int]]) -> bool:
    """Return whether a JPEG contains several pictures; a gain map (Ultra HDR) does not count."""
    if read_tags(header, mpf, {MPF_IMAGES}).get(MPF_IMAGES, 1) <= 1:
        return False
    return not any(b' hdrgm:Version="' in header.up_to(*part) for part in xmp)


def measure_png(header: Header) -> ImageSize:
    """Read the `IHDR` chunk, and the orientation before the pixels, or at the end of the file."""
    first = header.exactly(8, 25)
    if first[:8] != b"\0\0\0\x0dIHDR" or zlib.crc32(first[4:21]) != int.from_bytes(first[21:]):
        raise broken("The PNG's first chunk is damaged")
    width, height = struct.unpack_from(">II", first, 8)
    at, orientation = 33, None
    while orientation is None and len(head := header.up_to(at, 40)) >= 8:
        length, kind, body = int.from_bytes(head[:4]), head[4:8], head[8:]
        if kind in {b"IDAT", b"IEND"}:
            orientation = _orientation_after_pixels(header)
            break
        if not kind.isalpha() or length >= 2**31:
            raise broken("The PNG has an impossible chunk")
        if kind == b"eXIf":
            orientation = read_orientation(header, at + 8)
        elif kind in {b"tEXt", b"zTXt"} and body.startswith(b"Raw profile type exif\0"):
            orientation = _orientation_in_text(header, header.up_to(at + 30, min(length - 22, PROFILE_BYTES)), kind)
        elif kind == b"tEXt" and body.startswith(b"exif\0"):
            orientation = read_orientation(header, at + 13)
        elif kind == b"iTXt" and body.startswith(b"XML:com.adobe.xmp\0"):
            orientation = read_xmp_orientation(header, at + 8, length)
        at += 12 + length
    return ImageSize("PNG", width, height, orientation)


def _orientation_in_text(header: Header, value: bytes, kind: bytes) -> int | None:
    """Return the orientation in EXIF as ImageMagick writes it: hexadecimal digits after three lines."""
    if kind == b"zTXt":
        value = zlib.decompressobj().decompress(value[1:], PROFILE_BYTES)
    digits = b"".join(value.split(b"\n")[3:]).decode("ascii")
    return read_orientation(header.of(bytes.fromhex(digits)), 0)


def _orientation_after_pixels(header: Header) -> int | None:
    """Return the orientation of an `eXIf` chunk at the end of the file, where some writers put it."""
    if not header.near_bytes or (size := header.size()) > header.near_bytes:
        return None
    start = max(0, size - TAIL_BYTES)
    tail = header.up_to(start, TAIL_BYTES)
    at = tail.rfind(b"eXIf")
    if at < 4:
        return None
    end = at + 4 + int.from_bytes(tail[at - 4 : at])
    if tail[end : end + 4] != zlib.crc32(tail[at:end]).to_bytes(4):
        return None
    return read_orientation(header, start + at + 4)


def measure_webp(header: Header) -> ImageSize:
    """Read the canvas size (RFC 9649) and, where the header announces it, the EXIF at the end."""
    head = header.exactly(0, 30)
    orientation = None
    match head[12:16]:
        case b"VP8 ":
            if head[23:26] != b"\x9d\x01\x2a":
                raise broken("The WebP has no key frame")
            width, height = (side & 0x3FFF for side in struct.unpack_from("<HH", head, 26))
        case b"VP8L":
            (bits,) = struct.unpack_from("<I", head, 21)
            width, height = (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
        case b"VP8X":
            width, height = (int.from_bytes(head[at : at + 3], "little") + 1 for at in (24, 27))
            orientation = _webp_orientation(header, exif=bool(head[20] & 8), xmp=bool(head[20] & 4))
        case _:
            raise broken("The WebP has no known chunk")
    return ImageSize("WEBP", width, height, orientation)


def _webp_orientation(header: Header, *, exif: bool, xmp: bool) -> int | None:
    wanted = b"EXIF" if exif else b"XMP "
    at = 12
    while (exif or xmp) and len(head := header.up_to(at, 8)) == 8:
        kind, size = struct.unpack("<4sI", head)
        if kind == wanted:
            return read_orientation(header, at + 8) if exif else read_xmp_orientation(header, at + 8, size)
        at += 8 + size + size % 2
    return None


def measure_gif(header: Header) -> ImageSize:
    """Read the screen's size, which the first frame may exceed."""
    width, height, flags = header.numbers(6, "<HHB")
    at = 13 + _gif_palette_bytes(flags)
    while (kind := header.exactly(at, 1)) != b",":
        if kind == b";":
            raise broken("The GIF has no frame")
        at += 1
        if kind == b"!":
            at += 1
            while size := header.exactly(at, 1)[0]:
                at += 1 + size
            at += 1
    left, top, frame_width, frame_height = header.numbers(at + 1, "<HHHH")
    return ImageSize("GIF", max(width, left + frame_width), max(height, top + frame_height))


def _gif_palette_bytes(flags: int) -> int:
    return 3 << (flags & 7) + 1 if flags & 128 else 0


def measure_bmp(header: Header) -> ImageSize:
    """Read the bitmap's header."""
    return ImageSize("BMP", *_bitmap_size(header, 14))


def _bitmap_size(header: Header, at: int) -> tuple[int, int]:
    (length,) = header.numbers(at, "<I")
    if length == 12:
        width, height = header.numbers(at + 4, "<HH")
        (depth,) = header.numbers(at + 10, "<H")
    elif length in BMP_HEADERS:
        width, height = header.numbers(at + 4, "<Ii")  # a negative height means that rows start at the top
        (depth,) = header.numbers(at + 14, "<H")
    else:
        raise broken("The bitmap has an unknown header")
    if depth not in BMP_DEPTHS:
        raise broken("The bitmap has an impossible colour depth")
    return width, abs(height)


def measure_ico(header: Header) -> ImageSize:
    """Read the largest icon's own header; of equally large ones, that of the fewest colours."""
    (count,) = header.numbers(4, "<H")
    header.spend(count)
    entries = list(struct.iter_unpack("<4B2H2I", header.exactly(6, 16 * count)))
    if not entries:
        raise broken("The icon has no picture")
    _, _, _, _, _, _, _, at = max(
        entries,
        key=lambda icon: (
            (icon[0] or 256) * (icon[1] or 256),
            -(icon[5] or (icon[2] and (icon[2] - 1).bit_length()) or 256),
        ),
    )
    if header.up_to(at, 8) == b"\x89PNG\r\n\x1a\n":
        return ImageSize("ICO", *header.numbers(at + 16, ">II"))
    width, height = _bitmap_size(header, at)
    return ImageSize("ICO", width, height // 2)  # the other half is the mask


def measure_icns(header: Header) -> ImageSize:
    """Read the list of icons; each kind has one size."""
    (end,) = header.numbers(4, ">I")
    at, side = 8, 0
    while at < end and len(head := header.up_to(at, 8)) == 8:
        kind, length = struct.unpack(">4sI", head)
        if length < 8:
            raise broken("The icon has an impossible part")
        side = max(side, ICNS_SIDES.get(kind, 0))
        at += length
    return ImageSize("ICNS", side, side)


def measure_dds(header: Header) -> ImageSize:
    """Read the surface's header."""
    length, _, height, width = header.numbers(4, "<4I")
    if length != 124:
        raise broken("The surface has an unknown header")
    return ImageSize("DDS", width, height)


def measure_psd(header: Header) -> ImageSize:
    """Read the header of version 1."""
    (version,) = header.numbers(4, ">H")
    height, width = header.numbers(14, ">II")
    if version != 1:
        raise broken("The file has an unknown version")
    return ImageSize("PSD", width, height)


def measure_ppm(header: Header) -> ImageSize:
    """Read the two numbers of the text header."""
    match = PPM.match(header.up_to(0, TEXT_HEADER_BYTES))
    if not match:
        raise broken("The file does not state its size")
    return ImageSize("PPM", int(match[2]), int(match[4]))


def is_tga(head: bytes) -> bool:
    """Return whether a file begins like TGA, which has no signature."""
    return (
        len(head) >= 18
        and head[1] in {0, 1}
        and head[2] in TGA_TYPES
        and head[16] in TGA_DEPTHS
        and not head[17] & 0xC0
        and head[12:14] != b"\0\0" != head[14:16]
    )


def measure_tga(header: Header) -> ImageSize:
    """Read the header."""
    return ImageSize("TGA", *header.numbers(12, "<HH"))
