"""Indexed images, searches, and pages of hits."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from enum import StrEnum
from functools import cached_property
from itertools import islice
from typing import TYPE_CHECKING, NamedTuple, TypedDict

from vitrine.search.relevance import MAX_WORDS, words

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import datetime

    from vitrine.galleries.model import AttributeValue
    from vitrine.renditions.model import Original
    from vitrine.search.languages import Language


ATTRIBUTE_FACET = "attributes."
MOST_ATTRIBUTES = 20
MOST_FACETS = 10
MOST_SYNONYM_RULES = 500
MOST_SYNONYMS = 20
MOST_PLACED_QUERIES = 200
MOST_PLACED = 10
LONGEST_SYNONYM = 5


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
    attributes: Mapping[str, AttributeValue] = field(default_factory=dict)

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
    """A field by whose values hits are counted. Attributes are further ones, such as `attributes.colour`."""

    TAG = "tag"
    CREDIT = "credit"


class AttributeKind(StrEnum):
    """What the values of a declared attribute are."""

    TEXT = "text"
    NUMBER = "number"


@dataclass(frozen=True, slots=True)
class AttributeFilter:
    """A condition on an attribute: one of these texts, or a number between two inclusive bounds; None is no bound."""

    name: str
    texts: tuple[str, ...] = ()
    least: float | None = None
    most: float | None = None


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
    attributes: tuple[AttributeFilter, ...] = ()

    def without(self, facet: str) -> Filters:
        """Return the filters by other fields than this facet's, so that its values are counted beside a chosen one."""
        if not facet.startswith(ATTRIBUTE_FACET):
            return replace(self, tag=None) if facet == Facet.TAG else replace(self, credit=None)
        others = (each for each in self.attributes if facet != f"{ATTRIBUTE_FACET}{each.name}")
        return replace(self, attributes=tuple(others))


class Placed(NamedTuple):
    """The images that a query finds first, in this order, whatever their words say, and those that it finds last."""

    pinned: tuple[ImageKey, ...] = ()
    buried: tuple[ImageKey, ...] = ()


NOT_PLACED = Placed()


class Synonym(NamedTuple):
    """Words of a query, and other words that find the same."""

    words: tuple[str, ...]
    others: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Search:
    """A search. A `text` of None finds everything that passes the filters. `words` and `synonyms` are the text's.

    `placed` counts in the order by relevance only, as does `raised`: what clicks add to the scores of images.
    """

    text: str | None = None
    filters: Filters = Filters()
    sort: Sort = Sort.RELEVANCE
    words: tuple[str, ...] = ()
    synonyms: tuple[Synonym, ...] = ()
    placed: Placed = NOT_PLACED
    raised: tuple[tuple[ImageKey, float], ...] = ()
    facets: tuple[str, ...] = ()
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
    facets: Mapping[str, tuple[FacetCount, ...]]
    after: Mapping[str, object] | None


NOTHING = SearchPage(hits=(), total=Total(0), facets={}, after=None)


class SynonymRule(NamedTuple):
    """Words that find each other; or words that `source` finds too, but which do not find `source`."""

    words: tuple[str, ...]
    source: str | None = None

    def pairs(self) -> Iterator[tuple[str, str]]:
        """Iterate over what is searched for and what it finds too."""
        for source in (self.source,) if self.source is not None else self.words:
            yield from ((source, other) for other in self.words if other != source)


@dataclass(frozen=True)
class MerchantSettings:
    """What a merchant has set for searches: kinds of attributes by name, synonyms, and placed images by query.

    `language` is that of its next index.
    """

    attributes: Mapping[str, AttributeKind] = field(default_factory=dict)
    synonyms: tuple[SynonymRule, ...] = ()
    placed: Mapping[str, Placed] = field(default_factory=dict)
    language: Language | None = None

    def placed_for(self, asked: Sequence[str]) -> Placed:
        """Return the images placed for a query of these words."""
        return self._placed.get(_singular(asked), NOT_PLACED) if self.placed else NOT_PLACED

    @cached_property
    def _placed(self) -> Mapping[tuple[str, ...], Placed]:
        return {_singular(words(query)): placed for query, placed in self.placed.items()}

    def synonyms_of(self, asked: Sequence[str]) -> tuple[Synonym, ...]:
        """Return the synonyms of the words of a query, at most MOST_SYNONYMS."""
        known = asked[:MAX_WORDS] if self._others else ()
        runs = (
            known[start:end] for start in range(len(known)) for end in range(start + 1, start + LONGEST_SYNONYM + 1)
        )
        found = (Synonym(tuple(run), others) for run in runs for others in self._others.get(_singular(run), ()))
        return tuple(islice(dict.fromkeys(found), MOST_SYNONYMS))

    @cached_property
    def _others(self) -> Mapping[tuple[str, ...], list[tuple[str, ...]]]:
        others: dict[tuple[str, ...], list[tuple[str, ...]]] = {}
        for source, other in (pair for rule in self.synonyms for pair in rule.pairs()):
            others.setdefault(_singular(words(source)), []).append(tuple(words(other)))
        return others


class ChangedSettings(TypedDict, total=False):
    """Some of `MerchantSettings`."""

    attributes: Mapping[str, AttributeKind]
    synonyms: Sequence[SynonymRule]
    placed: Mapping[str, Placed]
    language: Language | None


def _singular(run: Sequence[str]) -> tuple[str, ...]:
    return tuple(word.removesuffix("s") for word in run)
