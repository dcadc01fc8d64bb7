"""Read the image records of picture agencies.

| field | also headed | |
|---|---|---|
| `id` | `bildnummer` | required |
| `db` | | the collection; becomes the gallery |
| `title`, `description`, `search_text` | `titel`, `beschreibung`, `suchtext` | |
| `photographers` | `fotografen` | several, separated by `/` |
| `date` | `datum` | RFC 3339 or a day |
| `height`, `width` | `hoehe`, `breite` | numbers, also as text |
| `media_url` | | if absent, made from the merchant's pattern |

Empty values count as absent. A field that is not in the table is an error, or is returned separately.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from string import Formatter
from typing import TYPE_CHECKING, Any, NamedTuple

from vitrine.platform.ids import ID_PATTERN
from vitrine.platform.problems import FieldError, InvalidRequest
from vitrine.platform.times import from_rfc3339
from vitrine.search.model import IndexedImage

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_HEADINGS = {
    "bildnummer": "id",
    "titel": "title",
    "beschreibung": "description",
    "suchtext": "search_text",
    "fotografen": "photographers",
    "datum": "date",
    "hoehe": "height",
    "breite": "width",
}
_FIELDS = {*_HEADINGS.values(), "db", "media_url"}
_UNDATED = datetime(1970, 1, 1, tzinfo=UTC)


class AgencyImage(NamedTuple):
    """An image, and the record's fields that are not in the table above."""

    image: IndexedImage
    unknown_fields: Mapping[str, Any]


def read_agency_image(raw: Mapping[str, Any], media_url: str, *, keep_unknown: bool) -> AgencyImage:
    """Read one record. Raises InvalidRequest, which names every invalid field.

    `media_url` is a pattern over `db` and `id`, for example `https://host/{db}/{id:0>10}/s.jpg`.
    """
    known: dict[str, Any] = {}
    unknown: dict[str, Any] = {}
    for heading, value in raw.items():
        field = _HEADINGS.get(heading, heading)
        absent = value is None or (isinstance(value, str) and not value.strip())
        if field not in _FIELDS:
            unknown[heading] = value
        elif not absent:
            known[field] = value
    errors = [] if keep_unknown else [FieldError(f"/{heading}", "is not a field of an image") for heading in unknown]

    def read(name: str, convert: Callable[[str], Any], must_be: str, absent: Any = None) -> Any:
        if name not in known:
            return absent
        try:
            return convert(str(known[name]).strip())
        except (ValueError, OverflowError):
            errors.append(FieldError(f"/{name}", f"must be {must_be}"))
            return absent

    image_id = read("id", _identifier, "1 to 128 letters, digits or . _ ~ : -", "")
    gallery_id = read("db", _identifier, "1 to 128 letters, digits or . _ ~ : -", "default")
    if not image_id:
        errors.append(FieldError("/id", "is required"))
    image = IndexedImage(
        id=image_id,
        gallery_id=gallery_id,
        url=read("media_url", str, "an address") or _filled(media_url, gallery_id, image_id),
        created_at=read("date", from_rfc3339, "a day or a time such as 2024-05-01T00:00:00Z", _UNDATED),
        name=read("title", str, "text"),
        caption=read("description", str, "text"),
        text=read("search_text", str, "text"),
        credit=read("photographers", _names, "names", ()),
        width=read("width", _pixels, "a number above 0"),
        height=read("height", _pixels, "a number above 0"),
    )
    if errors:
        raise InvalidRequest("The record is invalid; see errors.", errors)
    return AgencyImage(image, unknown)


def check_media_url(pattern: str) -> str:
    """Return the pattern if its only fields are `db` and `id`. Raises ValueError."""
    for _, field, _, _ in Formatter().parse(pattern):
        if field not in {None, "db", "id"}:
            raise ValueError(f"{{{field}}} is neither {{db}} nor {{id}}")
    _filled(pattern, "db", "1")
    return pattern


def _filled(pattern: str, gallery_id: str, image_id: str) -> str:
    return pattern.format(db=gallery_id, id=image_id)


def _identifier(text: str) -> str:
    if not re.fullmatch(ID_PATTERN, text):
        raise ValueError(text)
    return text


def _names(text: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(name for part in text.split("/") if (name := part.strip())))


def _pixels(text: str) -> int:
    pixels = round(float(text)) if len(text) < 16 else 0  # noqa: PLR2004 - no image is so wide
    if pixels <= 0:
        raise ValueError(text)
    return pixels
