"""An image as an engine stores it: the image itself, its words, and the keys that it is sorted by."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import Any

from vitrine.platform.letters import folded
from vitrine.renditions.model import Original, Picture
from vitrine.search import relevance
from vitrine.search.model import Filters, IndexedImage

SCHEMA_NUMBER = 6
"""Raised with every change of fields. The embedded engine uses no index with another number until it is rebuilt."""
KEYWORD_FIELDS = ("gallery_id", "product_id", "orientation")
"""Fields that a filter compares as a whole; in `filter_terms`."""
NUMBER_FIELDS = ("width", "height")
"""Fields that a filter bounds; in `filter_ranges`."""

_YEAR_ONE = datetime(1, 1, 1, tzinfo=UTC)
_TIE_BITS = 14


def newest_key(image: IndexedImage) -> int:
    """Return milliseconds since the year 1, then 14 bits of a hash of the image's key, so that ties are rare."""
    tie = hashlib.blake2b(str(image.key).encode(), digest_size=2).digest()
    return first_key_of(image.created_at) | (int.from_bytes(tie, "big") >> (16 - _TIE_BITS))


def first_key_of(moment: datetime) -> int:
    """Return the lowest `newest_key` of that moment."""
    return ((moment - _YEAR_ONE) // timedelta(milliseconds=1)) << _TIE_BITS


def last_key_of(moment: datetime) -> int:
    """Return the highest `newest_key` of that moment."""
    return first_key_of(moment) | ((1 << _TIE_BITS) - 1)


def image_texts(image: IndexedImage) -> list[str]:
    """Return all texts of an image."""
    return [text for text in (image.name, image.caption, image.text, *image.tags, *image.credit) if text]


def image_words(image: IndexedImage) -> list[str]:
    """Return all words of an image, which suggestions complete."""
    return relevance.words(" ".join(image_texts(image)))


def image_measures(image: IndexedImage) -> list[str]:
    """Return the amounts in all texts of an image, as `relevance.measures` writes them."""
    return sorted(relevance.measures(" ; ".join(filter(None, (image.name, image.caption, image.text, *image.tags)))))


def attribute_texts(image: IndexedImage) -> list[tuple[str, str]]:
    """Return the texts of an image's attributes with their names, numbers as they are written."""
    return [
        (name, text_of(each))
        for name, value in image.attributes.items()
        for each in (value if isinstance(value, list) else [value])
    ]


def text_of(value: str | float) -> str:
    """Return an attribute's value as a text: 42.0 is `42`."""
    return value if isinstance(value, str) else f"{value:.15g}"


def document_fields(image: IndexedImage, **of_engine: Any) -> dict[str, Any]:
    """Return the fields of a document, those of its engine included, without unknown values."""
    fields = {
        "key": str(image.key),
        "name": relevance.readable(image.name),
        "caption": relevance.readable(image.caption),
        "text": relevance.readable(image.text),
        "tags": [relevance.readable(tag) for tag in image.tags],
        "credit": [relevance.readable(credit) for credit in image.credit],
        "name_words": " ".join(relevance.words(image.name or "")),
        "whole_name": relevance.whole_names(image.name or ""),
        "measures": image_measures(image),
        "heads": " ".join(relevance.heads(image.name or "", image.tags)),
        "traits": relevance.traits(image.text or "", image.tags),
        "gallery_id": image.gallery_id,
        "product_id": list(image.product_ids),
        "tag_value": list(image.tags),
        "credit_value": list(image.credit),
        "tag_key": [folded(tag) for tag in image.tags],
        "credit_key": [folded(credit) for credit in image.credit],
        "orientation": image.orientation,
        "attribute_key": [attribute_key(name, text) for name, text in attribute_texts(image)],
        "newest": newest_key(image),
        "width": image.width,
        "height": image.height,
        **of_engine,
    }
    return {name: value for name, value in fields.items() if value not in (None, "", [])}


def attribute_key(name: str, text: str) -> str:
    """Return the term of an attribute's text; upper and lower case are equal."""
    return f"{name}={folded(text)}"


def filter_terms(filters: Filters) -> dict[str, str]:
    """Return by field the value that a document must have."""
    terms = {
        "gallery_id": filters.gallery_id,
        "product_id": filters.product_id,
        "tag_key": filters.tag and folded(filters.tag),
        "credit_key": filters.credit and folded(filters.credit),
        "orientation": filters.orientation,
    }
    return {field: value for field, value in terms.items() if value is not None}


def filter_ranges(filters: Filters) -> dict[str, tuple[int | None, int | None]]:
    """Return by field the lowest and highest value, both inclusive, that a document may have; None is no bound."""
    ranges = {
        "width": (filters.min_width, None),
        "height": (filters.min_height, None),
        "newest": (
            first_key_of(filters.created_from) if filters.created_from else None,
            last_key_of(filters.created_to) if filters.created_to else None,
        ),
    }
    return {field: bounds for field, bounds in ranges.items() if bounds != (None, None)}


def to_source(image: IndexedImage) -> bytes:
    """Return the whole image as JSON, which hits are made from."""
    raw = asdict(image)
    if image.original:
        digest, _, (width, height, placeholder, animated) = image.original
        raw["original"] = [digest, width, height, placeholder.hex(), animated]
    return json.dumps(raw, default=datetime.isoformat, separators=(",", ":")).encode()


def from_source(source: bytes | str) -> IndexedImage:
    """Return the image of a document; the inverse of `to_source`."""
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
