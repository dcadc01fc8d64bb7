"""Files of every measured format whose headers take as long as possible to read."""

from __future__ import annotations

import struct
import zlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import random
    from collections.abc import Callable, Mapping

SVG = b'<svg xmlns="http://www.w3.org/2000/svg" '


def filled(head: bytes, unit: bytes, size: int) -> bytes:
    """A head, and as many units as fit."""
    return (head + unit * ((size - len(head)) // len(unit) + 1))[:size]


def box(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I4s", 8 + len(body), kind) + body


def chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def segment(marker: int, body: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, marker, 2 + len(body)) + body


def tiff(entries: int, count: int, size: int) -> bytes:
    """A directory whose entries all point to the same large value."""
    rows = (struct.pack("<HHII", (1000 + at) % 65_536, 7, count, 8) for at in range(entries))
    return filled(b"II*\0\x08\0\0\0" + struct.pack("<H", entries) + b"".join(rows), b"\0", size)


def jpeg_frame() -> bytes:
    return segment(0xC0, struct.pack(">BHHB", 8, 20, 30, 3) + b"\x01\x11\0\x02\x11\0\x03\x11\0") + b"\xff\xda\0\x02"


def png_head() -> bytes:
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", 30, 20, 8, 2, 0, 0, 0))


def avif(meta: bytes) -> bytes:
    return box(b"ftyp", b"avif\0\0\0\0mif1") + box(b"meta", b"\0\0\0\0" + meta)


def jp2(header: bytes) -> bytes:
    return b"\0\0\0\x0cjP  \r\n\x87\n" + box(b"jp2h", header)


ONE_ITEM = box(b"pitm", b"\0\0\0\0\0\x01") + box(
    b"iprp",
    box(b"ipco", box(b"ispe", struct.pack(">III", 0, 30, 20)) + box(b"irot", b"\1"))
    + box(b"ipma", struct.pack(">IIHBBB", 0, 1, 1, 2, 1, 2)),
)


def meta_limit(size: int) -> int:
    return min(size, 1_000_000)


MAKERS: Mapping[str, Callable[[int], bytes]] = {
    "jpeg of empty segments": lambda size: filled(b"\xff\xd8", segment(0xE5, b""), size),
    "jpeg of markers without length": lambda size: filled(b"\xff\xd8", b"\xff\xd0", size),
    "jpeg of fill bytes": lambda size: filled(b"\xff\xd8\xff", b"\xff", size),
    "jpeg of junk": lambda size: filled(b"\xff\xd8\xff\xe5\0\x02", b"\0", size),
    "jpeg of frames": lambda size: filled(b"\xff\xd8", jpeg_frame()[:-4], size),
    "jpeg of quantization tables": lambda size: filled(b"\xff\xd8", segment(0xDB, b"\0" * 65), size),
    "jpeg with overlapping exif": lambda size: filled(
        b"\xff\xd8" + segment(0xE1, b"Exif\0\0" + tiff(5000, 60_000, 65_000)) + jpeg_frame(), b"\0", size
    ),
    "jpeg of exif parts": lambda size: (
        filled(b"\xff\xd8", segment(0xE1, b"Exif\0\0" + tiff(5000, 60_000, 65_000)), size - 20) + jpeg_frame()
    ),
    "jpeg with overlapping mpf": lambda size: filled(
        b"\xff\xd8" + segment(0xE2, b"MPF\0" + tiff(5000, 60_000, 65_000)) + jpeg_frame(), b"\0", size
    ),
    "jpeg of xmp": lambda size: (
        filled(b"\xff\xd8", segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0" + b'tiff:Orientation="' * 3600), size - 20)
        + jpeg_frame()
    ),
    "png of empty chunks": lambda size: filled(png_head(), chunk(b"teSt", b""), size),
    "png of compressed profiles": lambda size: filled(
        png_head(), chunk(b"zTXt", b"Raw profile type exif\0\0" + zlib.compress(b"\n\n\n" + b"0" * 10_000_000)), size
    ),
    "png of xmp": lambda size: filled(
        png_head(), chunk(b"iTXt", b"XML:com.adobe.xmp\0" + b"tiff:Orientation" * 3000), size
    ),
    "png with overlapping exif": lambda size: filled(
        png_head() + chunk(b"eXIf", tiff(5000, 60_000, 64_000)), b"\0", size
    ),
    "gif of empty extensions": lambda size: filled(b"GIF89a\x1e\0\x14\0\0\0\0", b"!\xfe\0", size),
    "gif of tiny blocks": lambda size: filled(b"GIF89a\x1e\0\x14\0\0\0\0!\xff", b"\x01a", size),
    "gif of junk": lambda size: filled(b"GIF89a\x1e\0\x14\0\0\0\0", b"\0", size),
    "webp of empty chunks": lambda size: filled(
        b"RIFF\xff\xff\xff\0WEBPVP8X\x0a\0\0\0\x08\0\0\0\x1d\0\0\x13\0\0", b"aaaa\0\0\0\0", size
    ),
    "webp with overlapping exif": lambda size: filled(
        b"RIFF\xff\xff\xff\0WEBPVP8X\x0a\0\0\0\x08\0\0\0\x1d\0\0\x13\0\0"
        + struct.pack("<4sI", b"EXIF", 64_000)
        + tiff(5000, 60_000, 64_000),
        b"\0",
        size,
    ),
    "avif of empty boxes": lambda size: filled(box(b"ftyp", b"avif\0\0\0\0mif1"), box(b"free", b""), size),
    "avif of empty boxes in its header": lambda size: avif(filled(b"", box(b"free", b""), meta_limit(size))),
    "avif of empty properties": lambda size: avif(
        box(b"iprp", box(b"ipco", filled(b"", box(b"free", b""), meta_limit(size))))
    ),
    "avif of associations": lambda size: avif(
        box(b"iprp", box(b"ipma", filled(struct.pack(">II", 0, 2**32 - 1), b"\0\x01\0", meta_limit(size))))
    ),
    "avif of properties of one item": lambda size: avif(
        box(b"pitm", b"\0\0\0\0\0\x01")
        + box(
            b"iprp",
            box(b"ipco", box(b"ispe", struct.pack(">III", 0, 30, 20)))
            + box(b"ipma", filled(struct.pack(">II", 0, 2**32 - 1), b"\0\x01\xff" + b"\x01" * 255, meta_limit(size))),
        )
    ),
    "heic of empty boxes": lambda size: filled(box(b"ftyp", b"heic\0\0\0\0mif1"), box(b"free", b""), size),
    "jpeg 2000 of empty boxes": lambda size: filled(b"\0\0\0\x0cjP  \r\n\x87\n", box(b"free", b""), size),
    "jpeg 2000 of empty boxes in its header": lambda size: jp2(filled(b"", box(b"free", b""), size)),
    "jpeg 2000 stream": lambda size: filled(b"\xff\x4f\xff\x51\0\x29", b"\xff\x64\0\x02", size),
    "tiff of overlapping values": lambda size: tiff(5000, size // 2, size),
    "tiff of most entries": lambda size: tiff(65_535, size // 2, size),
    "tiff of strips": lambda size: filled(
        b"II*\0\x08\0\0\0\x03\0"
        + struct.pack("<HHII", 256, 3, 1, 30)
        + struct.pack("<HHII", 257, 3, 1, 20)
        + struct.pack("<HHII", 273, 4, size // 4 - 20, 50),
        b"\0",
        size,
    ),
    "big tiff of endless entries": lambda size: filled(
        b"II+\0\x08\0\0\0" + struct.pack("<QQ", 16, 2**63), b"\0\x01\x03\0\x01\0\0\0\0\0\0\0" + b"\0" * 8, size
    ),
    "bmp": lambda size: filled(b"BM" + b"\0" * 12 + struct.pack("<IIIHH", 40, 30, 20, 1, 8), b"\xff", size),
    "ico of most entries": lambda size: filled(b"\0\0\1\0\xff\xff", b"\x10\x10\0\0\1\0\x20\0" + b"\0" * 8, size),
    "ico of a bomb": lambda size: filled(
        b"\0\0\1\0\1\0\0\0\0\0\1\0\x20\0"
        + struct.pack("<II", size, 22)
        + b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", struct.pack(">IIBBBBB", 13_000, 13_000, 8, 6, 0, 0, 0))
        + chunk(b"IDAT", zlib.compress(bytes(20_000_000))),
        b"\0",
        size,
    ),
    "icns of empty parts": lambda size: filled(b"icns\xff\xff\xff\xff", b"aaaa\0\0\0\x08", size),
    "dds": lambda size: filled(b"DDS " + struct.pack("<4I", 124, 0, 20, 30), b"\xff", size),
    "psd of rows": lambda size: filled(
        b"8BPS\0\1" + b"\0" * 6 + struct.pack(">HIIHH", 3, size // 12, 30, 8, 3) + struct.pack(">IIIH", 0, 0, 0, 1),
        b"\0",
        size,
    ),
    "psd of empty resources": lambda size: filled(
        b"8BPS\0\1" + b"\0" * 6 + struct.pack(">HIIHHII", 3, 20, 30, 8, 3, 0, size), b"8BIM\0\0\0\0\0\0\0\0", size
    ),
    "ppm of comments": lambda size: filled(b"P6", b"#\n", size),
    "ppm of one comment": lambda size: filled(b"P6 #", b"a", size),
    "ppm of white space": lambda size: filled(b"P6", b" \n", size),
    "ppm of digits": lambda size: filled(b"P6 ", b"1", size),
    "tga": lambda size: filled(b"\xff\1\1\0\0\xff\xff\x18\0\0\0\0\x1e\0\x14\0\x08\x20", b"\xff", size),
    "svg of a long width": lambda size: filled(SVG + b'width="', b"1", size - 16) + b'!" height="1"/>',
    "svg of a long fraction": lambda size: filled(SVG + b'width="1.', b"1", size - 16) + b'!" height="1"/>',
    "svg of a long exponent": lambda size: filled(SVG + b'width="1e', b"1", size - 16) + b'!" height="1"/>',
    "svg of a long unit": lambda size: filled(SVG + b'width="1', b"p", size - 16) + b'!" height="1"/>',
    "svg of a long blank": lambda size: filled(SVG + b'width="1', b" ", size - 16) + b'!" height="1"/>',
    "svg of a long view box": lambda size: filled(SVG + b'viewBox="0 0 ', b"1", size - 5) + b' 1"/>',
    "svg of many numbers": lambda size: filled(SVG + b'viewBox="', b"1 ", size - 4) + b'"/>',
    "svg of attributes": lambda size: filled(SVG, b'a="" ', size),
    "svg of names": lambda size: filled(SVG, b"a", size),
    "svg of comments": lambda size: filled(b"<!-- -->", b"<!---->", size),
    "svg of an open comment": lambda size: filled(b"<!--", b"<!--", size),
    "svg of instructions": lambda size: filled(b"<?xml ?>", b"<??>", size),
    "svg of open instructions": lambda size: filled(b"<?xml ", b"<?", size),
    "svg of document types": lambda size: filled(b"<!DOCTYPE svg [", b"] [", size),
    "svg in two bytes": lambda size: (SVG.decode() + 'width="' + "1" * (size // 2)).encode("utf-16"),
}
VALID: Mapping[str, bytes] = {
    "jpeg": b"\xff\xd8" + segment(0xE1, b"Exif\0\0" + tiff(4, 8, 200)) + jpeg_frame(),
    "png": png_head() + chunk(b"eXIf", tiff(4, 8, 200)) + chunk(b"IDAT", b"") + chunk(b"IEND", b""),
    "gif": b"GIF89a\x1e\0\x14\0\0\0\0!\xfe\1a\0,\0\0\0\0\x1e\0\x14\0\0\x02\0;",
    "webp": b"RIFF\xff\0\0\0WEBPVP8X\x0a\0\0\0\x08\0\0\0\x1d\0\0\x13\0\0"
    + struct.pack("<4sI", b"EXIF", 200)
    + tiff(4, 8, 200),
    "avif": avif(ONE_ITEM),
    "heic": avif(ONE_ITEM).replace(b"avif", b"heic"),
    "jpeg 2000": jp2(box(b"ihdr", struct.pack(">IIHBBBB", 20, 30, 3, 7, 7, 0, 0))),
    "jpeg 2000 stream": b"\xff\x4f\xff\x51\0\x2f\0\0" + struct.pack(">IIII", 30, 20, 0, 0),
    "tiff": b"II*\0\x08\0\0\0\x02\0" + struct.pack("<HHIIHHII", 256, 3, 1, 30, 257, 3, 1, 20),
    "bmp": b"BM" + b"\0" * 12 + struct.pack("<IIIHH", 40, 30, 20, 1, 24) + b"\0" * 24,
    "ico": b"\0\0\1\0\1\0\x1e\x14\0\0\1\0\x20\0" + struct.pack("<IIIIIHH", 40, 22, 40, 30, 40, 1, 32),
    "icns": b"icns\0\0\0\x18ic07\0\0\0\x10" + b"\0" * 8,
    "dds": b"DDS " + struct.pack("<4I", 124, 0, 20, 30) + b"\0" * 108,
    "psd": b"8BPS\0\1" + b"\0" * 6 + struct.pack(">HIIHH", 3, 20, 30, 8, 3) + b"\0" * 14,
    "ppm": b"P6 # a\n30 20 255\n",
    "tga": b"\0\0\2" + b"\0" * 9 + b"\x1e\0\x14\0\x18\0",
    "svg": SVG + b'width="30" height="20" viewBox="0 0 30 20"/>',
}


def mutated(content: bytes, chance: random.Random, size: int) -> bytes:
    """A picture with some bytes changed or repeated, followed by parts of itself."""
    data = bytearray(content)
    for _ in range(chance.randint(1, 6)):
        at = chance.randrange(len(data))
        match chance.randrange(3):
            case 0:
                data[at] = chance.choice((0, 1, 0x7F, 0x80, 0xFF, chance.randrange(256)))
            case 1:
                data[at : at + 4] = chance.choice((b"\0\0\0\0", b"\xff\xff\xff\xff", b"\0\0\0\x08", b"\x08\0\0\0"))
            case _:
                part = data[at : at + chance.choice((1, 2, 4, 8, 12))]
                data[at:at] = part * (size // (2 * len(part)))
    return filled(bytes(data), content, size)
