"""Orientations of AVIF and HEIC files against an encoder's and against what turning pixels gives."""

from __future__ import annotations

import io
import struct

import pytest
from PIL import Image, ImageOps

from vitrine.visits.model import ImageSize
from vitrine.visits.pictures import measure

EXIF_ORIENTATION = 0x0112


def box(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I4s", 8 + len(body), kind) + body


def heic(turns: int, axis: int | None) -> bytes:
    """The header of a picture of 30 x 20 that is shown turned, then mirrored."""
    properties = [box(b"ispe", struct.pack(">III", 0, 30, 20)), box(b"irot", bytes([turns]))]
    if axis is not None:
        properties.append(box(b"imir", bytes([axis])))
    listed = bytes([len(properties), *range(1, len(properties) + 1)])
    associated = box(b"ipma", struct.pack(">IIH", 0, 1, 1) + listed)
    primary = box(b"pitm", struct.pack(">IH", 0, 1))
    meta = bytes(4) + primary + box(b"iprp", box(b"ipco", b"".join(properties)) + associated)
    return box(b"ftyp", b"heic\0\0\0\0heic") + box(b"meta", meta)


def shown(turns: int, axis: int | None) -> Image.Image:
    """Six different pixels after quarter turns anticlockwise and a mirror: axis 0 swaps top and bottom."""
    pixels = numbered().rotate(90 * turns, expand=True)
    if axis is None:
        return pixels
    return pixels.transpose(Image.Transpose.FLIP_LEFT_RIGHT if axis else Image.Transpose.FLIP_TOP_BOTTOM)


def numbered() -> Image.Image:
    pixels = Image.new("L", (3, 2))
    pixels.putdata(range(6))
    return pixels


def turned_upright(orientation: int) -> Image.Image:
    pixels = numbered()
    pixels.getexif()[EXIF_ORIENTATION] = orientation
    upright = ImageOps.exif_transpose(pixels)
    assert upright is not None
    return upright


@pytest.mark.parametrize("turns", range(4))
@pytest.mark.parametrize("axis", [None, 0, 1])
def test_an_orientation_shows_the_picture_as_its_turn_and_mirror_do(turns: int, axis: int | None) -> None:
    picture = measure(io.BytesIO(heic(turns, axis)))
    upright, expected = turned_upright(picture.orientation or 1), shown(turns, axis)
    assert (upright.size, upright.tobytes()) == (expected.size, expected.tobytes())


@pytest.mark.parametrize("orientation", range(2, 9))
def test_an_avif_file_measures_as_its_encoder_was_told(orientation: int) -> None:
    exif, file = Image.Exif(), io.BytesIO()
    exif[EXIF_ORIENTATION] = orientation
    Image.new("RGB", (30, 20)).save(file, "AVIF", exif=exif)
    assert measure(io.BytesIO(file.getvalue())) == ImageSize("AVIF", 30, 20, orientation)
