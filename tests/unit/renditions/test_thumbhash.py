"""Placeholders, compared with those of the reference encoder (thumbhash 0.1.1 of npm) for the same pixels."""

from __future__ import annotations

import pytest

from vitrine.renditions.thumbhash import thumbhash

REFERENCE = {
    (32, 24, False): "9379010580889a7d830687a876bc4388a5c058a09b",
    (9, 32, False): "9379010a02a4989a498f8ca2f3c3ad6d0a",
    (20, 20, True): "94898105020865785b7c92baf757477069f7bf177bac386a9a",
    (1, 1, False): "ce081d473e08f708888788708f7088f80888808008f7870f",
    (31, 7, True): "9389810180074c405437463b4a704f4669bf7d9c7ba6d8",
}


def noise(width: int, height: int, *, alpha: bool) -> bytes:
    """Return the pixels that the reference encoder got."""
    state, pixels = width * 1000 + height, bytearray()

    def draw() -> int:
        nonlocal state
        state = (state * 1103 + 12345) % 65536
        return state >> 8

    for _ in range(width * height):
        pixels += bytes([draw() >> 1, draw(), draw() // 3, draw() if alpha else 255])
    return bytes(pixels)


@pytest.mark.parametrize("case", REFERENCE, ids=str)
def test_a_placeholder_is_the_references(case: tuple[int, int, bool]) -> None:
    width, height, alpha = case
    assert thumbhash(width, height, noise(width, height, alpha=alpha)).hex() == REFERENCE[case]


def test_the_first_bytes_are_the_average_colour() -> None:
    light, yellow, red = (
        int.from_bytes(thumbhash(8, 8, bytes([200, 100, 50, 255]) * 64)[:3], "little") >> at & 63 for at in (0, 6, 12)
    )
    lightness, difference = light / 63, red / 31.5 - 1
    blue = lightness - 2 / 3 * (yellow / 31.5 - 1)
    colour = [(3 * lightness - blue + difference) / 2, (3 * lightness - blue - difference) / 2, blue]
    assert [round(255 * value) for value in colour] == pytest.approx([200, 100, 50], abs=6)


def test_a_clear_picture_has_a_placeholder() -> None:
    assert thumbhash(4, 4, bytes([10, 20, 30, 0]) * 16).hex() == "00088205" + "00" * 20 + "00"


def test_a_placeholder_has_fewer_than_40_bytes() -> None:
    assert (
        max(
            len(thumbhash(w, h, noise(w, h, alpha=alpha)))
            for w in (1, 16, 32)
            for h in (1, 16, 32)
            for alpha in (True, False)
        )
        < 40
    )
