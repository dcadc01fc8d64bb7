"""Renditions by libvips: what they show, which files are refused, and what a hostile file may cost."""

from __future__ import annotations

import io
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from PIL import Image, ImageCms

from tests.hostile_pictures import MAKERS
from tests.real_data import DATA
from vitrine.renditions.ports import RefusedPictureError
from vitrine.renditions.vips import VipsCodec

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

FILES = DATA / "image-files"
FORMATS = ("avif", "webp", "jpg")
PIXEL = b"GIF89a\1\0\1\0\x80\0\0\0\0\0\xff\xff\xff,\0\0\0\0\1\0\1\0\0\2\2D\1\0;"
REFUSALS = {"picture_broken", "format_not_rendered", "too_many_pixels", "too_much_work"}


@pytest.fixture(scope="module")
def codec() -> Iterator[VipsCodec]:
    vips = VipsCodec()
    yield vips
    vips.close()


def encoded(image: Image.Image, form: str, **options: Any) -> bytes:
    file = io.BytesIO()
    image.save(file, form, **options)
    return file.getvalue()


def decoded(content: bytes) -> Image.Image:
    return Image.open(io.BytesIO(content))


def gradient(width: int, height: int) -> Image.Image:
    """Red to the right, green downwards."""
    across = Image.linear_gradient("L").rotate(90).resize((width, height))
    down = Image.linear_gradient("L").resize((width, height))
    return Image.merge("RGB", (across, down, Image.new("L", (width, height), 40)))


@pytest.mark.parametrize("form", FORMATS)
def test_a_rendition_is_the_picture_at_its_width(codec: VipsCodec, form: Any) -> None:
    original = gradient(400, 300)
    made = decoded(codec.render(encoded(original, "PNG"), 160, form))
    assert (made.format, made.size) == ({"avif": "AVIF", "webp": "WEBP", "jpg": "JPEG"}[form], (160, 120))
    for at in [(10, 10), (150, 10), (10, 110), (150, 110)]:
        expected = original.getpixel((round(at[0] * 2.5), round(at[1] * 2.5)))
        assert made.convert("RGB").getpixel(at) == pytest.approx(expected, abs=12)


@pytest.mark.parametrize("form", FORMATS)
def test_a_picture_stands_upright_and_says_nothing_of_where_it_was_taken(codec: VipsCodec, form: Any) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned to the right
    exif.get_ifd(0x8825)[1] = "N"
    content = encoded(gradient(200, 100), "JPEG", exif=exif.tobytes(), comment=b"taken at home")
    assert codec.describe(content)[:2] == (100, 200)
    file = codec.render(content, 100, form)
    made = decoded(file)
    assert made.size == (100, 200)
    assert not made.getexif()
    assert b"taken at home" not in file
    top_left = made.convert("RGB").getpixel((2, 2))
    assert top_left == pytest.approx(gradient(200, 100).getpixel((2, 97)), abs=25)


def test_colours_are_converted_to_srgb_and_the_profile_is_left_out(codec: VipsCodec) -> None:
    lab = ImageCms.ImageCmsProfile(ImageCms.createProfile("XYZ"))
    cmyk = encoded(Image.new("CMYK", (40, 40), (0, 255, 255, 0)), "JPEG")
    red, green, blue = decoded(codec.render(cmyk, 40, "webp")).convert("RGB").getpixel((20, 20))  # type: ignore[misc]
    assert red > 200
    assert max(green, blue) < 90
    tagged = encoded(Image.new("RGB", (40, 40), (200, 30, 30)), "PNG", icc_profile=lab.tobytes())
    assert "icc_profile" not in decoded(codec.render(tagged, 40, "jpg")).info


def test_what_is_transparent_stays_so_and_is_white_in_jpeg(codec: VipsCodec) -> None:
    content = encoded(Image.new("RGBA", (200, 100), (255, 0, 0, 0)), "PNG")
    for form in ("avif", "webp"):
        made = decoded(codec.render(content, 100, form))
        assert made.convert("RGBA").getpixel((50, 25))[3] == 0  # type: ignore[index]
    assert decoded(codec.render(content, 100, "jpg")).getpixel((50, 25)) == (255, 255, 255)


@pytest.mark.parametrize("source", ["GIF", "WEBP"])
def test_an_animation_moves_in_webp_and_shows_its_first_frame_elsewhere(codec: VipsCodec, source: str) -> None:
    frames = [Image.new("RGB", (200, 100), colour) for colour in ("red", "lime", "blue")]
    content = encoded(frames[0], source, save_all=True, append_images=frames[1:], duration=200, loop=0)
    assert codec.describe(content) == (200, 100, codec.describe(content).placeholder, True)
    moving = decoded(codec.render(content, 100, "webp"))
    assert (moving.size, getattr(moving, "n_frames", 1)) == ((100, 50), 3)
    moving.seek(2)
    assert moving.convert("RGB").getpixel((50, 25)) == pytest.approx((0, 0, 255), abs=20)
    still = decoded(codec.render(content, 100, "jpg"))
    assert still.size == (100, 50)
    assert still.getpixel((50, 25)) == pytest.approx((255, 0, 0), abs=20)


@pytest.mark.slow
def test_an_animation_with_too_many_pixels_shows_its_first_frame(codec: VipsCodec) -> None:
    frames = [Image.new("RGB", (640, 640), (0, at, 0)) for at in range(0, 250, 5)]
    content = encoded(frames[0], "GIF", save_all=True, append_images=frames[1:])
    assert getattr(decoded(codec.render(content, 640, "webp")), "n_frames", 1) == 1
    assert getattr(decoded(codec.render(content, 240, "webp")), "n_frames", 1) > 1


def test_a_vector_graphic_is_drawn_at_each_width_and_reads_no_other_file(codec: VipsCodec, tmp_path: Any) -> None:
    (tmp_path / "secret.png").write_bytes(encoded(Image.new("RGB", (10, 10), "red"), "PNG"))
    content = (
        '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" width="20" height="10">'
        f'<rect width="20" height="10" fill="blue"/><image width="20" height="10" xlink:href="{tmp_path}/secret.png"/>'
        f'<image width="20" height="10" href="file://{tmp_path}/secret.png"/></svg>'
    ).encode()
    assert codec.describe(content)[:2] == (1920, 960)
    made = decoded(codec.render(content, 640, "jpg"))
    assert made.size == (640, 320)
    assert made.getpixel((320, 160)) == pytest.approx((0, 0, 255), abs=20)


def test_an_svg_that_expands_without_end_is_refused(codec: VipsCodec) -> None:
    entities = "".join(f'<!ENTITY a{at + 1} "{f"&a{at};" * 20}">' for at in range(12))
    content = f'<?xml version="1.0"?><!DOCTYPE svg [<!ENTITY a0 "lol">{entities}]><svg width="9" height="9">&a12;</svg>'
    assert judged(codec, content.encode())[0] in REFUSALS


def test_a_codec_that_was_killed_serves_the_next_picture(codec: VipsCodec) -> None:
    codec.render(encoded(gradient(40, 30), "PNG"), 40, "jpg")
    assert codec._process
    codec._process.kill()
    with pytest.raises(RefusedPictureError):
        codec.render(encoded(gradient(40, 30), "PNG"), 40, "jpg")
    assert codec.render(encoded(gradient(40, 30), "PNG"), 40, "jpg")


def judged(codec: VipsCodec, content: bytes) -> tuple[str, float]:
    """Return the result for a file, and the processor time of its longest step in seconds."""
    longest = 0.0
    try:
        picture, seconds = timed(codec, lambda: codec.describe(content))
        longest = max(longest, seconds)
        _, seconds = timed(codec, lambda: codec.render(content, min(picture.width, 640), "avif"))
    except RefusedPictureError as error:
        return error.code, longest
    return "made", max(longest, seconds)


def timed(codec: VipsCodec, act: Callable[[], Any]) -> tuple[Any, float]:
    """Return the result and the processor time in seconds; fail if the process used too much memory."""
    codec.render(PIXEL, 1, "jpg")  # restarts the process if the last picture killed it
    assert codec._process
    spent = Path(f"/proc/{codec._process.pid}")
    before = processor_seconds(spent)
    done = act()
    peak = re.search(r"VmHWM:\s+(\d+) kB", (spent / "status").read_text())
    assert peak
    assert int(peak[1]) < 300 * 1024
    return done, processor_seconds(spent) - before


def processor_seconds(process: Path) -> float:
    fields = (process / "stat").read_text().rsplit(")", 1)[1].split()
    return sum(map(int, fields[11:13])) / os.sysconf("SC_CLK_TCK")


@pytest.mark.slow
@pytest.mark.parametrize("kind", MAKERS)
def test_a_hostile_file_is_made_or_refused_within_its_limits(codec: VipsCodec, kind: str) -> None:
    code, seconds = judged(codec, MAKERS[kind](1024 * 1024))
    assert code in {*REFUSALS, "made"}
    assert seconds <= 2.1


@pytest.mark.slow
@pytest.mark.parametrize(
    "content",
    [
        pytest.param(lambda: encoded(Image.new("1", (20_000, 20_000)), "PNG"), id="400 megapixels"),
        pytest.param(lambda: encoded(Image.new("RGB", (9_000, 9_000)), "PNG"), id="81 megapixels of nothing"),
        pytest.param(lambda: encoded(Image.new("RGB", (7_000, 7_000)), "GIF", interlace=1), id="interlaced"),
    ],
)
def test_a_bomb_is_made_or_refused_within_its_limits(codec: VipsCodec, content: Any) -> None:
    code, seconds = judged(codec, content())
    assert code in {*REFUSALS, "made"}
    assert seconds <= 2.1


@pytest.mark.slow
@pytest.mark.parametrize(
    "file", sorted(path for path in FILES.rglob("*.*") if path.suffix != ".csv"), ids=lambda path: path.name
)
def test_a_file_of_the_corpus_is_made_or_refused(codec: VipsCodec, file: Any) -> None:
    assert judged(codec, file.read_bytes())[0] in {*REFUSALS, "made"}
