"""Sizes of real picture files, whole and over HTTP, against what a reference reader says of them."""

from __future__ import annotations

import csv
import io
import struct
import threading
import time
import tracemalloc
import zlib
from typing import IO, TYPE_CHECKING, Any, cast

import pytest
from PIL import Image

from local.picture_host import PictureHost
from tests.real_data import DATA
from vitrine.platform.fetcher import Fetcher
from vitrine.visits.model import ImageSize, UnmeasurableError
from vitrine.visits.pictures import measure

if TYPE_CHECKING:
    from collections.abc import Iterator

FILES = DATA / "image-files"
BEYOND_PILLOW = (".svg", ".heic", ".heif", ".pfm", "bigtiff-big-endian.tiff")
# The reference reader does not decode these. Their headers say a size all the same.
SIZED = {
    "pillow/bmp/g/rgb32bf.bmp": (127, 64),
    "pillow/bmp/q/rgb16-231.bmp": (127, 64),
    "pillow/bmp/q/rgb24jpeg.bmp": (127, 64),
    "pillow/bmp/q/rgb24png.bmp": (127, 64),
    "pillow/bmp/q/rgb32-111110.bmp": (127, 64),
    "pillow/bmp/q/rgba16-4444.bmp": (127, 64),
    "pillow/bmp/q/rgba32abf.bmp": (127, 64),
    "pillow/crash-2020-10-test.tif": (20, 1536),
    "pillow/crash-63b1dffefc8c075ddc606c0a2f5fdc15ece78863.tif": (20, 1536),
    "pillow/hopper_unknown_pixel_mode.tif": (128, 128),
    "pillow/oom-225817ca0f8c663be7ab4b9e717b02c661e66834.tif": (10, 8),
    "pillow/png_decompression_dos.png": (1, 1),
    "pillow/timeout-dedc7a4ebd856d79b4359bbcc79e8ef231ce38f6.psd": (128, 128),
}


def manifest() -> list[dict[str, str]]:
    with (FILES / "manifest.csv").open() as lines:
        return list(csv.DictReader(lines))


def readable() -> list[Any]:
    return [pytest.param(row, id=row["file"]) for row in manifest() if row["open"] == "ok"]


def unreadable() -> list[Any]:
    return [
        pytest.param(row, id=row["file"])
        for row in manifest()
        if row["open"] != "ok" and row["upstream_expected"] in {"", "error"} and row["file"] not in SIZED
    ]


def beyond_pillow() -> list[Any]:
    return [
        pytest.param(row, id=row["file"])
        for row in manifest()
        if row["file"].endswith(BEYOND_PILLOW) and row["upstream_expected"] not in {"", "error"}
    ]


@pytest.fixture(scope="module")
def host() -> Iterator[PictureHost]:
    server = PictureHost(FILES)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="module")
def fetcher(host: PictureHost) -> Iterator[Fetcher]:
    client = Fetcher(allowed_hosts=frozenset({f"127.0.0.1:{host.server_port}"}))
    yield client
    client.close()


@pytest.mark.parametrize("row", readable())
def test_a_picture_over_http_measures_as_the_reference_reader_says(
    row: dict[str, str], host: PictureHost, fetcher: Fetcher
) -> None:
    with fetcher.open(f"{host.url}/{row['file']}") as file:
        picture = measure(cast("IO[bytes]", file), near_bytes=file.near_bytes)
    orientation = int(row["exif_orientation"]) if row["exif_orientation"] else None
    assert picture == ImageSize(row["pillow_format"], int(row["width"]), int(row["height"]), orientation)
    assert picture.display_width == int(row["display_width"])
    assert picture.display_height == int(row["display_height"])


@pytest.mark.parametrize("row", beyond_pillow())
def test_formats_the_reference_reader_does_not_know_measure_as_their_authors_say(row: dict[str, str]) -> None:
    with (FILES / row["file"]).open("rb") as file:
        picture = measure(file)
    assert f"{picture.width}x{picture.height}" == row["upstream_expected"]


@pytest.mark.parametrize("file_name", [row["file"] for row in manifest() if row["file"] in SIZED])
def test_what_is_not_decoded_is_measured_by_its_header(file_name: str) -> None:
    with (FILES / file_name).open("rb") as file:
        picture = measure(file)
    assert (picture.width, picture.height) == SIZED[file_name]


@pytest.mark.parametrize("row", unreadable())
def test_a_broken_or_hostile_file_is_a_named_error_at_little_cost(
    row: dict[str, str], host: PictureHost, fetcher: Fetcher
) -> None:
    started = time.monotonic()
    tracemalloc.start()
    try:
        with (
            pytest.raises(UnmeasurableError) as refused,
            fetcher.open(f"{host.url}/{row['file']}") as file,
        ):
            measure(cast("IO[bytes]", file), near_bytes=file.near_bytes)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert refused.value.code in {"not_a_picture", "picture_broken", "too_many_pixels"}
    assert time.monotonic() - started < 2
    assert peak < 20_000_000


def test_only_the_header_of_a_large_photo_is_downloaded(host: PictureHost, fetcher: Fetcher) -> None:
    with fetcher.open(f"{host.url}/image-size/valid/jpg/large.jpg") as file:
        measure(cast("IO[bytes]", file), near_bytes=file.near_bytes)
        assert file.bytes_fetched <= 32 * 1024


def box(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I4s", 8 + len(body), kind) + body


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", "not_a_picture"),
        (b"hello", "not_a_picture"),
        (b"<html><body>Not found</body></html>", "not_a_picture"),
        (b"\xff\xd8\xff\xe0", "picture_broken"),
        (b"\x89PNG\r\n\x1a\n", "picture_broken"),
        (b"RIFF\x00\x00\x00\x00WEBPVP8X\x00", "picture_broken"),
        (b"RIFF\x00\x00\x00\x00WEBPABCD" + b"\x00" * 60, "picture_broken"),
        (box(b"ftyp", b"avif" + b"\0" * 8), "picture_broken"),
        (box(b"ftyp", b"avif\0\0\0\0") + b"\0\0\0\x01meta" + b"\0" * 7 + b"\x02", "picture_broken"),
        (box(b"ftyp", b"heic\0\0\0\0") + struct.pack(">I4s", 2**31, b"meta"), "picture_broken"),
        (b"<svg>", "picture_broken"),
        (b'<svg width="0" height="0"/>', "picture_broken"),
        (b'<svg width="1e9" height="1e9"/>', "too_many_pixels"),
        (b'<svg width="1e999" height="1"/>', "picture_broken"),
        (b'<svg viewBox="0 0 nan 1"/>', "picture_broken"),
        (b"<!--" * 20_000, "picture_broken"),
        (b"<svg " + b"a=" * 40_000, "picture_broken"),
        (b'<svg width="&big;" height="1"/>', "picture_broken"),
    ],
)  # fmt: skip
def test_what_is_no_picture_says_so(content: bytes, code: str) -> None:
    with pytest.raises(UnmeasurableError) as refused:
        measure(io.BytesIO(content))
    assert refused.value.code == code


@pytest.mark.parametrize(
    ("svg", "size"),
    [
        ('<svg width="30" height="20"/>', (30, 20)),
        ("<?xml version='1.0'?><!-- <svg width='1' height='1'/> --><svg width='30' height='20'>", (30, 20)),
        ('<!DOCTYPE svg [<!ENTITY a "b">]><svg:svg width="30" height="20">', (30, 20)),
        ('<svg width="1in" height="2.54cm"/>', (96, 96)),
        ('<svg width="100%" height="100%" viewBox="0,0,40,30"/>', (40, 30)),
        ('<svg stroke-width="9" width="80" viewBox="0 0 40 30"/>', (80, 60)),
        ('<svg height="60" viewBox="0 0 40 30"/>', (80, 60)),
    ],
)
def test_an_svg_measures_as_a_browser_shows_it(svg: str, size: tuple[int, int]) -> None:
    for text in (svg.encode(), b"\xef\xbb\xbf" + svg.encode(), svg.encode("utf-16")):
        picture = measure(io.BytesIO(text))
        assert (picture.width, picture.height) == size


def png(*, exif_behind_pixels: bool) -> bytes:
    exif = Image.Exif()
    exif[0x0112] = 6
    chunk = b"eXIf" + exif.tobytes()[6:]
    chunk = struct.pack(">I", len(chunk) - 4) + chunk + struct.pack(">I", zlib.crc32(chunk))
    file = io.BytesIO()
    Image.new("RGB", (300, 200)).save(file, "PNG")
    end = len(file.getvalue()) - 12
    return file.getvalue()[:end] + chunk * exif_behind_pixels + file.getvalue()[end:]


def test_an_orientation_behind_the_pixels_of_a_png_is_found_where_the_end_is_near() -> None:
    assert measure(io.BytesIO(png(exif_behind_pixels=True))) == ImageSize("PNG", 300, 200, 6)
    assert measure(io.BytesIO(png(exif_behind_pixels=True)), near_bytes=10) == ImageSize("PNG", 300, 200)
    assert measure(io.BytesIO(png(exif_behind_pixels=False))) == ImageSize("PNG", 300, 200)


@pytest.mark.parametrize(("orientation", "shown"), [(None, (4, 3)), (1, (4, 3)), (3, (4, 3)), (6, (3, 4)), (8, (3, 4))])
def test_a_turned_picture_is_shown_turned_and_measured_as_stored(
    orientation: int | None, shown: tuple[int, int]
) -> None:
    picture = ImageSize("JPEG", 4, 3, orientation)
    assert (picture.display_width, picture.display_height) == shown
    assert picture.perimeter == 14
