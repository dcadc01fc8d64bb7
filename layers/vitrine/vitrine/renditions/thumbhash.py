"""ThumbHash, a placeholder of at most 25 bytes (https://evanw.github.io/thumbhash); follows the reference encoder."""

from __future__ import annotations

from math import cos, floor, pi
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence


class _Channel(NamedTuple):
    average: float
    varying: list[float]
    scale: float


def thumbhash(width: int, height: int, rgba: bytes) -> bytes:
    """Return the ThumbHash of RGBA pixels, four bytes each, row by row, not premultiplied.

    32 pixels a side are plenty.
    """
    light, yellow, red, alpha = _channels(rgba)
    has_alpha = sum(alpha) < width * height
    most, longest = 5 if has_alpha else 7, max(width, height)
    across, down = (max(1, _round(most * side / longest)) for side in (width, height))
    channels = [
        _transform(light, width, height, max(3, across), max(3, down)),
        _transform(yellow, width, height, 3, 3),
        _transform(red, width, height, 3, 3),
    ]
    l, p, q = channels  # noqa: E741 - the names of the specification
    landscape = width > height
    head = (
        _round(63 * l.average)
        | _round(31.5 + 31.5 * p.average) << 6
        | _round(31.5 + 31.5 * q.average) << 12
        | _round(31 * l.scale) << 18
        | has_alpha << 23
    )
    shape = (down if landscape else across) | _round(63 * p.scale) << 3 | _round(63 * q.scale) << 9 | landscape << 15
    written = bytearray(head.to_bytes(3, "little") + shape.to_bytes(2, "little"))
    if has_alpha:
        a = _transform(alpha, width, height, 5, 5)
        channels.append(a)
        written.append(_round(15 * a.average) | _round(15 * a.scale) << 4)
    halves = [_round(15 * value) for channel in channels for value in channel.varying]
    halves += [0] * (len(halves) % 2)
    written += bytes(low | high << 4 for low, high in zip(halves[::2], halves[1::2], strict=True))
    return bytes(written)


def _channels(rgba: bytes) -> tuple[list[float], list[float], list[float], list[float]]:
    """Return lightness, yellow against blue, red against green, and alpha; laid over the average colour."""
    alpha = [value / 255 for value in rgba[3::4]]
    opaque = sum(alpha)
    planes = []
    for plane in (rgba[0::4], rgba[1::4], rgba[2::4]):
        average = sum(a * value / 255 for a, value in zip(alpha, plane, strict=True)) / (opaque or 1)
        planes.append([average * (1 - a) + a * value / 255 for a, value in zip(alpha, plane, strict=True)])
    pixels = list(zip(*planes, strict=True))
    return (
        [(r + g + b) / 3 for r, g, b in pixels],
        [(r + g) / 2 - b for r, g, b in pixels],
        [r - g for r, g, b in pixels],
        alpha,
    )


def _transform(channel: Sequence[float], width: int, height: int, across: int, down: int) -> _Channel:
    """Return the low frequencies of the discrete cosine transform: the average, and the rest scaled to 0..1."""
    waves_x = [[cos(pi / width * cx * (x + 0.5)) for x in range(width)] for cx in range(across)]
    rows = [channel[start : start + width] for start in range(0, width * height, width)]
    average, varying, scale = 0.0, [], 0.0
    for cy in range(down):
        wave_y = [cos(pi / height * cy * (y + 0.5)) for y in range(height)]
        for cx in range(across):
            if cx * down >= across * (down - cy):
                break
            coefficient = sum(
                factor * sum(value * wave for value, wave in zip(row, waves_x[cx], strict=True))
                for factor, row in zip(wave_y, rows, strict=True)
            ) / (width * height)
            if cx or cy:
                varying.append(coefficient)
                scale = max(scale, abs(coefficient))
            else:
                average = coefficient
    return _Channel(average, [0.5 + 0.5 / scale * value for value in varying] if scale else varying, scale)


def _round(value: float) -> int:
    """Round halves up, as the reference encoder does."""
    return floor(value + 0.5)
