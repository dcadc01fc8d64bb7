"""What can be searched, what can be asked, and what comes back."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from vitrine.renditions.model import Original


class ImageKey(NamedTuple):
    """Which image of which gallery."""

    gallery_id: str
    image_id: str

    def __str__(self) -> str:
        """As the index knows it; ids hold no slash."""
        return f"{self.gallery_id}/{self.image_id}"


@dataclass(frozen=True, slots=True)
class IndexedImage:
    """One searchable image. A value that is not known is absent: None or an empty tuple, never ""."""

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
        """Which it is."""
        return ImageKey(self.gallery_id, self.id)

    @property
    def orientation(self) -> Orientation | None:
        """None while a side is unknown."""
        if not self.width or not self.height:
            return None
        if self.width == self.height:
            return Orientation.SQUARE
        return Orientation.LANDSCAPE if self.width > self.height else Orientation.PORTRAIT


class Sort(StrEnum):
    """In which order; relevance without words is weight."""

    RELEVANCE = "relevance"
    NEWEST = "newest"
    OLDEST = "oldest"
    WEIGHT = "weight"


class Orientation(StrEnum):
    """How width and height relate."""

    LANDSCAPE = "landscape"
    PORTRAIT = "portrait"
    SQUARE = "square"


class Facet(StrEnum):
    """What hits are counted by."""

    TAG = "tag"
    CREDIT = "credit"


@dataclass(frozen=True, slots=True)
class Filters:
    """What every hit must be; times and sizes include their bounds."""

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
    """A question. `text` of None asks for everything that passes the filters."""

    text: str | None = None
    filters: Filters = Filters()
    sort: Sort = Sort.RELEVANCE
    facets: tuple[Facet, ...] = ()
    limit: int = 20


@dataclass(frozen=True, slots=True)
class Hit:
    """A picture that was found; `score` is None where a field orders."""

    picture: IndexedImage
    score: float | None
    highlight: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Total:
    """How many there are; the relation is `eq` or, where counting stopped, `gte`."""

    value: int
    relation: str = "eq"


@dataclass(frozen=True, slots=True)
class FacetCount:
    """How many hits have a value."""

    value: str
    count: int


@dataclass(frozen=True, slots=True)
class SearchPage:
    """`after` is where the next page begins, or None after the last. Only the engine reads it."""

    hits: tuple[Hit, ...]
    total: Total
    facets: Mapping[Facet, tuple[FacetCount, ...]]
    after: Mapping[str, object] | None


NOTHING = SearchPage(hits=(), total=Total(0), facets={}, after=None)
