"""A picture as an engine keeps it: its source, its words, and the keys it is ordered by."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict
from datetime import UTC, datetime, timedelta

from vitrine.platform.letters import folded
from vitrine.renditions.model import Original, Picture
from vitrine.search import relevance
from vitrine.search.model import Filters, IndexedImage

_YEAR_ONE = datetime(1, 1, 1, tzinfo=UTC)
_TIE_BITS = 14


def newest_key(picture: IndexedImage) -> int:
    """Milliseconds since the year 1, then a few bits of the key's hash, so that equal times seldom tie."""
    tie = hashlib.blake2b(str(picture.key).encode(), digest_size=2).digest()
    return first_key_of(picture.created_at) | (int.from_bytes(tie, "big") >> (16 - _TIE_BITS))


def first_key_of(moment: datetime) -> int:
    """The lowest `newest_key` of that moment."""
    return ((moment - _YEAR_ONE) // timedelta(milliseconds=1)) << _TIE_BITS


def last_key_of(moment: datetime) -> int:
    """The highest `newest_key` of that moment."""
    return first_key_of(moment) | ((1 << _TIE_BITS) - 1)


def picture_words(picture: IndexedImage) -> list[str]:
    """Every word, as a suggestion may complete it."""
    rest = (picture.name, picture.caption, picture.text, *picture.tags, *picture.credit)
    return relevance.words(" ".join(part for part in rest if part))


def filter_terms(filters: Filters) -> dict[str, str]:
    """The value that an engine's field must have, by field."""
    terms = {
        "gallery_id": filters.gallery_id,
        "product_id": filters.product_id,
        "tag_key": filters.tag and folded(filters.tag),
        "credit_key": filters.credit and folded(filters.credit),
        "orientation": filters.orientation,
    }
    return {field: value for field, value in terms.items() if value is not None}


def filter_ranges(filters: Filters) -> dict[str, tuple[int | None, int | None]]:
    """The least and the greatest value that an engine's field may have, by field; both are allowed."""
    ranges = {
        "width": (filters.min_width, None),
        "height": (filters.min_height, None),
        "newest": (
            first_key_of(filters.created_from) if filters.created_from else None,
            last_key_of(filters.created_to) if filters.created_to else None,
        ),
    }
    return {field: bounds for field, bounds in ranges.items() if bounds != (None, None)}


def to_source(picture: IndexedImage) -> bytes:
    """The whole picture, as hits bring it back."""
    raw = asdict(picture)
    if picture.original:
        digest, _, (width, height, placeholder, animated) = picture.original
        raw["original"] = [digest, width, height, placeholder.hex(), animated]
    return json.dumps(raw, default=datetime.isoformat, separators=(",", ":")).encode()


def to_picture(source: bytes | str) -> IndexedImage:
    """Inverse of `to_source`."""
    raw = json.loads(source)
    if raw.get("original"):
        digest, width, height, placeholder, animated = raw["original"]
        copied = Picture(width, height, bytes.fromhex(placeholder), animated)
        raw["original"] = Original(digest, raw["url"], copied)
    return IndexedImage(
        **{
            **raw,
            "created_at": datetime.fromisoformat(raw["created_at"]),
            "credit": tuple(raw["credit"]),
            "tags": tuple(raw["tags"]),
            "product_ids": tuple(raw["product_ids"]),
        }
    )
