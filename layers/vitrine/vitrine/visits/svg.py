"""Read the size of SVG: the root element's `width` and `height`, or its `viewBox`, in CSS pixels.

Only the root tag is read, without an XML parser, so entities and external references have no effect.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from vitrine.visits.header import broken
from vitrine.visits.model import ImageSize

if TYPE_CHECKING:
    from collections.abc import Mapping

    from vitrine.visits.header import Header

HEAD_BYTES: Final = 64 * 1024
READ_BYTES: Final = 8 * 1024
NUMBER_CHARACTERS: Final = 20
PIXELS: Final = {"": 1.0, "px": 1.0, "in": 96.0, "cm": 96 / 2.54, "mm": 96 / 25.4, "pt": 96 / 72, "pc": 16.0}
# With possessive quantifiers each expression reads its input only once.
LENGTH: Final = re.compile(r"\s*+((?:[0-9]*+\.)?+[0-9]++(?:[eE][+-]?[0-9]++)?+)\s*+([a-z]*+)\s*+")
PROLOG: Final = re.compile(
    r"""(?s)(?: \s | <\?.*?\?> | <!--.*?--> | <!DOCTYPE [^\[>]*+ (?: \[.*?\] \s*+ )?+ > )*+""", re.VERBOSE
)
ROOT: Final = re.compile(
    r"""< (?: [\w.-]++ : )?+ svg ( (?: \s++ [\w:.-]++ \s*+ = \s*+ (?: "[^"]*+" | '[^']*+' ) )*+ ) \s*+ /?+ >""",
    re.VERBOSE,
)
ATTRIBUTE: Final = re.compile(r"""([\w:.-]++)\s*+=\s*+(?:"([^"]*+)"|'([^']*+)')""")


def is_svg(head: bytes) -> bool:
    """Return whether a file begins like SVG."""
    return _text(head).lstrip().startswith(("<svg", "<?xml", "<!DOCTYPE svg", "<!--"))


def _text(data: bytes) -> str:
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return data.decode("utf-16", "replace")
    return data.decode("utf-8-sig", "replace")


def measure_svg(header: Header) -> ImageSize:
    """Read the root tag. Raises UnmeasurableError, ValueError."""
    data = b""
    while len(data) < HEAD_BYTES and (more := header.up_to(len(data), READ_BYTES)):
        data += more
        text = _text(data)
        prolog = PROLOG.match(text)
        if prolog and (root := ROOT.match(text, prolog.end())):
            return _picture({name.lower(): double or single for name, double, single in ATTRIBUTE.findall(root[1])})
    raise broken("The file is not a readable SVG")


def _picture(attributes: Mapping[str, str]) -> ImageSize:
    width, height = (round(side) for side in _size(attributes))
    return ImageSize(format="SVG", width=width, height=height)


def _size(attributes: Mapping[str, str]) -> tuple[float, float]:
    width, height = _pixels(attributes.get("width")), _pixels(attributes.get("height"))
    if width is not None and height is not None:
        return width, height
    try:
        _, _, box_width, box_height = map(_number, attributes["viewbox"].replace(",", " ").split(maxsplit=4)[:4])
        ratio = box_width / box_height
    except (LookupError, ValueError, ZeroDivisionError) as error:
        raise broken("The SVG does not state its size") from error
    if width is not None:
        return width, width / ratio
    if height is not None:
        return height * ratio, height
    return box_width, box_height


def _pixels(length: str | None) -> float | None:
    """Return a length in pixels; None if there is none or it depends on the page (`%`, `em`)."""
    match = LENGTH.fullmatch(length or "")
    return _number(match[1]) * PIXELS[match[2]] if match and match[2] in PIXELS else None


def _number(text: str) -> float:
    """Return a number. Raises ValueError if the text is no number, or longer than any size needs."""
    if len(text) > NUMBER_CHARACTERS:
        raise ValueError("The number is too long")
    return float(text)
