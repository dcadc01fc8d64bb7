"""Which renditions a picture has, and where they are."""

from __future__ import annotations

import pytest

from vitrine.renditions.model import RENDITION_PIXELS, Original, Picture, Rendition, digest_of, read_path, widths_of
from vitrine.renditions.responses import renditions_response

DIGEST = "0123456789abcdef0123456789abcdef"


def picture(width: int, height: int) -> Picture:
    return Picture(width, height, b"hash")


def test_a_picture_is_never_served_larger_than_it_is() -> None:
    assert widths_of(picture(700, 500)) == (160, 240, 320, 480, 640)
    assert widths_of(picture(4032, 3024))[-1] == 1920


def test_a_picture_below_the_smallest_width_is_served_as_wide_as_it_is() -> None:
    assert widths_of(picture(90, 90)) == (90,)


def test_a_rendition_has_no_more_pixels_than_can_be_encoded_while_a_client_waits() -> None:
    assert widths_of(picture(1920, 19_200)) == (160, 240, 320, 480, 640)
    assert widths_of(picture(1, RENDITION_PIXELS + 1)) == ()


def test_two_merchants_never_share_an_original() -> None:
    assert digest_of("shop", b"same") != digest_of("other", b"same")
    assert digest_of("shop", b"same") == digest_of("shop", b"same")
    assert read_path(digest_of("shop", b""), "160.jpg")


def test_a_path_is_the_key_of_one_rendition() -> None:
    rendition = read_path(DIGEST, "640.avif")
    assert rendition == Rendition(DIGEST, 640, "avif")
    assert (rendition.path, rendition.key) == (f"pictures/{DIGEST}/640.avif", f"v1/pictures/{DIGEST}/640.avif")


@pytest.mark.parametrize(
    ("digest", "file"),
    [
        (DIGEST, "0640.avif"),
        (DIGEST, "640.png"),
        (DIGEST, "640.avif.jpg"),
        (DIGEST, "../640.avif"),
        (DIGEST, "640.avif\n"),
        (DIGEST, "64000.avif"),
        (DIGEST.upper(), "640.avif"),
        (DIGEST[1:], "640.avif"),
        ("../" + DIGEST[3:], "640.avif"),
    ],
)
def test_no_other_path_leads_to_a_rendition(digest: str, file: str) -> None:
    assert read_path(digest, file) is None


def test_a_response_names_a_file_of_each_format_for_each_width() -> None:
    response = renditions_response(Original(DIGEST, "https://a.example/a.jpg", Picture(240, 160, b"\x01\x02\x03")))
    assert response == {
        "aspect_ratio": 1.5,
        "placeholder": "AQID",
        "sizes": [
            {"width": width, **{form: f"pictures/{DIGEST}/{width}.{form}" for form in ("avif", "webp", "jpg")}}
            for width in (160, 240)
        ],
    }


def test_the_avif_of_an_animation_names_its_webp_file() -> None:
    (size,) = renditions_response(Original(DIGEST, "https://a.example/a.gif", Picture(100, 50, b"", animated=True)))[
        "sizes"
    ]
    assert size["avif"] == size["webp"] == f"pictures/{DIGEST}/100.webp"
