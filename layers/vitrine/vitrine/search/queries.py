"""What is counted for a query, and what clicks teach about it. Pure."""

from __future__ import annotations

import base64
import math
from dataclasses import dataclass, field, replace
from itertools import takewhile
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from vitrine.search.model import LONGEST_SYNONYM, ImageKey
from vitrine.search.relevance import CLICKED, words

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from vitrine.engagement.model import Event

HALF_LIFE_DAYS = 14
LONGEST_QUERY_BYTES = 80
FOUND = "found"
NOTHING_FOUND = "nothing"
PRIOR_SEARCHES = 10
MOST_IMAGES = 30
MOST_PREVIOUS = 10
MOST_RAISED = 10
_LEAST_RAISE = 0.1

LEAST_SEARCHES = 3
_TELLING_SEARCHES = 20
_TELLING_ERRORS = 2.0

_DAY = 86_400
_Key = TypeVar("_Key", str, ImageKey)
_PREVIOUS = ">"
_IMAGE = "+"


def query_id_of(asked: Iterable[str]) -> str | None:
    """Return the id by which the query of these words is stored; None without words, or if it is too long."""
    query = " ".join(asked).encode()
    return base64.urlsafe_b64encode(query).decode().rstrip("=") if 0 < len(query) <= LONGEST_QUERY_BYTES else None


def search_id_of(asked: Iterable[str], *, found: bool) -> str | None:
    """Return the id of a search for these words, by which events name it; None if the query has none.

    Searches for the same words have the same id, so responses can be cached.
    """
    query_id = query_id_of(asked)
    return query_id and f"{int(found)}.{query_id}"


class Asked(NamedTuple):
    """The query of a search, its words under the id by which it is stored, and whether it found anything."""

    query_id: str
    words: tuple[str, ...]
    found: bool


def read_search_id(search_id: str) -> Asked | None:
    """Return what a search id names; None if no search returned it."""
    query_id = search_id[2:]
    asked = tuple(words(text_of_query(query_id)))
    found = search_id.startswith("1")
    return Asked(query_id, asked, found) if search_id_of(asked, found=found) == search_id else None


def text_of_query(query_id: str) -> str:
    """Return the words of a query, separated by spaces; an empty text if it is none."""
    try:
        return base64.urlsafe_b64decode(query_id + "=" * (-len(query_id) % 4)).decode()
    except ValueError:
        return ""


def clicked_things(gallery_id: str, click: Event) -> list[str]:
    """Return what a click counts for: the image, and the query that was tried before."""
    previous = read_search_id(click.previous_search_id) if click.previous_search_id else None
    things = [f"{gallery_id}{_IMAGE}{click.image_id}"]
    return [*things, f"{_PREVIOUS}{previous.query_id}"] if previous else things


class Amount(NamedTuple):
    """A number of events, and what they are worth at `at` (seconds since 1970), half of it a half-life later."""

    total: int = 0
    recent: float = 0.0
    at: int = 0

    def worth(self, now: int) -> float:
        """Return what the events are worth at a moment."""
        return float(self.recent * 2.0 ** ((self.at - now) / (HALF_LIFE_DAYS * _DAY)))


NEVER = Amount()


@dataclass(frozen=True)
class QueryCounts:
    """Everything counted for a query: searches, those that found nothing, clicks by image and by the query before."""

    query_id: str
    found: Amount = NEVER
    nothing_found: Amount = NEVER
    images: Mapping[ImageKey, Amount] = field(default_factory=dict)
    previous: Mapping[str, Amount] = field(default_factory=dict)

    @property
    def words(self) -> tuple[str, ...]:
        """Return the words of the query."""
        return tuple(words(text_of_query(self.query_id)))

    @property
    def searches(self) -> int:
        """Return the number of searches."""
        return self.found.total + self.nothing_found.total

    @property
    def clicks(self) -> int:
        """Return the number of clicks on its most clicked images."""
        return sum(amount.total for amount in self.images.values())

    def with_amounts(self, amounts: Mapping[str, Amount], now: int) -> QueryCounts:
        """Return the counts with newer amounts. Only the most clicked images and the most frequent queries stay."""
        images, previous = dict(self.images), dict(self.previous)
        for thing, amount in amounts.items():
            if thing.startswith(_PREVIOUS):
                previous[thing.removeprefix(_PREVIOUS)] = amount
            elif _IMAGE in thing:
                images[ImageKey(*thing.split(_IMAGE))] = amount
        return replace(
            self,
            found=amounts.get(FOUND, self.found),
            nothing_found=amounts.get(NOTHING_FOUND, self.nothing_found),
            images=_strongest(images, MOST_IMAGES, now),
            previous=_strongest(previous, MOST_PREVIOUS, now),
        )

    def raised(self, now: int) -> tuple[tuple[ImageKey, float], ...]:
        """Return what clicks add to the scores of images: CLICKED times a smoothed rate of clicks per search.

        A shop may send clicks without searches, so each click stands for a search at least.
        """
        clicks = sum(amount.worth(now) for amount in self.images.values())
        searches = max(self.found.worth(now), clicks) + PRIOR_SEARCHES
        points = ((key, round(CLICKED * amount.worth(now) / searches, 1)) for key, amount in self.images.items())
        return tuple((key, raised) for key, raised in list(points)[:MOST_RAISED] if raised >= _LEAST_RAISE)

    def is_falling(self, now: int) -> bool:
        """Return whether recent searches led to fewer clicks than all did, by more than chance explains."""
        searches, recent = self.found.total, self.found.worth(now)
        if recent < _TELLING_SEARCHES or not self.clicks:
            return False
        rate = min(self.clicks / searches, 1.0)
        error = math.sqrt(rate * (1.0 - rate) / recent)
        return sum(amount.worth(now) for amount in self.images.values()) / recent < rate - _TELLING_ERRORS * error


class Proposal(NamedTuple):
    """Words that shoppers exchanged for others which led to clicks, and the queries with both."""

    words: tuple[str, str]
    clicks: int
    queries: tuple[str, str]


@dataclass(frozen=True)
class Reports:
    """Queries that deserve attention, those searched most recently and often first, and proposals of synonyms."""

    nothing_found: Sequence[QueryCounts]
    never_clicked: Sequence[QueryCounts]
    falling: Sequence[QueryCounts]
    synonyms: Sequence[Proposal]


def reports_of(counted: Iterable[QueryCounts], now: int, limit: int) -> Reports:
    """Return the reports of a merchant's queries. Queries that were rarely searched are in none, whoever asked them."""
    queries = sorted(counted, key=lambda query: (-query.found.worth(now) - query.nothing_found.worth(now), query.words))
    searched = [query for query in queries if query.searches >= LEAST_SEARCHES]
    nothing_found = [query for query in searched if query.nothing_found.worth(now) > query.found.worth(now)]
    never_clicked = [query for query in queries if query.found.total >= _TELLING_SEARCHES and not query.clicks]
    falling = [query for query in queries if query.is_falling(now)]
    return Reports(nothing_found[:limit], never_clicked[:limit], falling[:limit], _proposals(queries)[:limit])


def _proposals(queries: Iterable[QueryCounts]) -> list[Proposal]:
    proposals = []
    for query in queries:
        for previous_id, amount in query.previous.items():
            before = tuple(words(text_of_query(previous_id)))
            exchanged = _exchanged(before, query.words)
            if amount.total >= LEAST_SEARCHES and exchanged:
                proposals.append(Proposal(exchanged, amount.total, (" ".join(before), " ".join(query.words))))
    return sorted(proposals, key=lambda proposal: (-proposal.clicks, proposal.words))


def _exchanged(before: tuple[str, ...], after: tuple[str, ...]) -> tuple[str, str] | None:
    """Return the words that differ between two queries; None for too many, or if words or letters were only added."""
    first = _length_of_common(before, after)
    last = _length_of_common(before[first:][::-1], after[first:][::-1])
    sides = before[first : len(before) - last], after[first : len(after) - last]
    if not all(1 <= len(side) <= LONGEST_SYNONYM for side in sides):
        return None
    one, other = map(" ".join, sides)
    return None if one.startswith(other) or other.startswith(one) else (one, other)


def _length_of_common(one: Sequence[str], other: Sequence[str]) -> int:
    return len(list(takewhile(lambda pair: pair[0] == pair[1], zip(one, other, strict=False))))


def _strongest(amounts: Mapping[_Key, Amount], most: int, now: int) -> dict[_Key, Amount]:
    return dict(sorted(amounts.items(), key=lambda item: (-item[1].worth(now), str(item[0])))[:most])
