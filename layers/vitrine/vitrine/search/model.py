"""Indexed images, searches, and pages of hits."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from vitrine.renditions.model import Original


class ImageKey(NamedTuple):
    """An image of a gallery."""

    gallery_id: str
    image_id: str

    def __str__(self) -> str:
        """Return the key of the document. Ids contain no slash."""
        return f"{self.gallery_id}/{self.image_id}"


@dataclass(frozen=True, slots=True)
class IndexedImage:
    """An image as search indexes it. An unknown value is None or an empty tuple, never ""."""

    id: str
    gallery_id: str
    url: str
    created_at: datetime
    name: str | None = None
    caption: str | None = None
    text: str | None = None
    credit: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    product_ids: tuple[str, ...] = ()
    width: int | None = None
    height: int | None = None
    weight: float = 0.0
    original: Original | None = None

    @property
    def key(self) -> ImageKey:
        """Return the image's key."""
        return ImageKey(self.gallery_id, self.id)

    @property
    def orientation(self) -> Orientation | None:
        """Return the orientation, or None if a side is unknown."""
        if not self.width or not self.height:
            return None
        if self.width == self.height:
            return Orientation.SQUARE
        return Orientation.LANDSCAPE if self.width > self.height else Orientation.PORTRAIT


class Sort(StrEnum):
    """The order of hits. Relevance without words is the order by weight."""

    RELEVANCE = "relevance"
    NEWEST = "newest"
    OLDEST = "oldest"
    WEIGHT = "weight"


class Orientation(StrEnum):
    """The relation of width to height."""

    LANDSCAPE = "landscape"
    PORTRAIT = "portrait"
    SQUARE = "square"


class Facet(StrEnum):
    """A field by whose values hits are counted."""

    TAG = "tag"
    CREDIT = "credit"


@dataclass(frozen=True, slots=True)
class Filters:
    """Conditions on every hit. Bounds of times and sizes are inclusive."""

    gallery_id: str | None = None
    credit: str | None = None
    tag: str | None = None
    product_id: str | None = None
    created_from: datetime | None = None
    created_to: datetime | None = None
    min_width: int | None = None
    min_height: int | None = None
    orientation: Orientation | None = None


@dataclass(frozen=True, slots=True)
class Search:
    """A search. A `text` of None finds everything that passes the filters."""

    text: str | None = None
    filters: Filters = Filters()
    sort: Sort = Sort.RELEVANCE
    facets: tuple[Facet, ...] = ()
    limit: int = 20


@dataclass(frozen=True, slots=True)
class Hit:
    """A document that a search found. `score` is None if the hits are sorted by a field."""

    image: IndexedImage
    score: float | None
    highlight: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Total:
    """The number of hits. The relation is `eq`, or `gte` if counting stopped early."""

    value: int
    relation: str = "eq"


@dataclass(frozen=True, slots=True)
class FacetCount:
    """The number of hits with a value."""

    value: str
    count: int


@dataclass(frozen=True, slots=True)
class SearchPage:
    """A page of hits. `after` says where the next page starts, None on the last one. Only the engine reads it."""

    hits: tuple[Hit, ...]
    total: Total
    facets: Mapping[Facet, tuple[FacetCount, ...]]
    after: Mapping[str, object] | None


NOTHING = SearchPage(hits=(), total=Total(0), facets={}, after=None)
