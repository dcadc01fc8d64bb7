"""Count searches and the clicks that they led to, as gallery events are counted: each once."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from vitrine.engagement.model import Event, Rules
from vitrine.galleries.model import GalleryKey
from vitrine.search.queries import FOUND, HALF_LIFE_DAYS, NOTHING_FOUND, clicked_things, read_search_id

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from vitrine.engagement.count_events import Batch, EventCounter
    from vitrine.engagement.model import Result

INCARNATION = "-"
UNKNOWN = "no search returned this search_id"


class Queries:
    """Counting's port `Galleries` for queries: a query stands for the gallery, and what is counted for the image."""

    def find_incarnations(self, gallery: GalleryKey, image_ids: Iterable[str]) -> Mapping[str, str]:  # noqa: ARG002 - the port names it
        """Return an incarnation for everything: nothing has to exist before it is counted."""
        return dict.fromkeys(image_ids, INCARNATION)

    def find_rules(self, gallery: GalleryKey) -> Rules:  # noqa: ARG002 - as above
        """Return the rules of every query."""
        return Rules(half_life_days=HALF_LIFE_DAYS)


class QueryCounter:
    """Counts in a repository of its own. An event has its marks there, so it may be counted again after a failure."""

    def __init__(self, counter: EventCounter) -> None:
        self._counter = counter

    def count_searches(self, batch: Batch) -> Mapping[int, Result]:
        """Count the searches of a batch; return the results by their positions, without those of unknown searches."""
        by_query: dict[str, dict[int, Event]] = {}
        for at, event in enumerate(batch.events):
            asked = read_search_id(event.search_id or "")
            if asked:
                thing = FOUND if asked.found else NOTHING_FOUND
                by_query.setdefault(asked.query_id, {})[at] = event._replace(type="view", image_id=thing)
        results: dict[int, Result] = {}
        for query_id, events in by_query.items():
            results |= zip(events, self._count(batch, query_id, list(events.values())), strict=True)
        return results

    def count_clicks(self, batch: Batch) -> None:
        """Count the clicks of a batch for the queries that they name. Raises Unavailable."""
        by_query: dict[str, list[Event]] = {}
        for event in batch.events:
            asked = read_search_id(event.search_id) if event.search_id and event.type == "click" else None
            if asked:
                things = clicked_things(batch.gallery.gallery_id, event)
                by_query.setdefault(asked.query_id, []).extend(event._replace(image_id=thing) for thing in things)
        for query_id, events in by_query.items():
            self._count(batch, query_id, events)

    def _count(self, batch: Batch, query_id: str, events: list[Event]) -> list[Result]:
        gallery = GalleryKey(batch.gallery.merchant_id, query_id)
        return self._counter.count(replace(batch, gallery=gallery, events=events))
