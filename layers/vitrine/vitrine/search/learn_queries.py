"""Bring what is known of queries up to date with their counters."""

from __future__ import annotations

from typing import TYPE_CHECKING, get_args

from vitrine.engagement.ports import CounterKey
from vitrine.platform.retries import retry
from vitrine.ranking.decay import Kind, worth
from vitrine.search.count_queries import INCARNATION
from vitrine.search.queries import HALF_LIFE_DAYS, Amount

if TYPE_CHECKING:
    from collections.abc import Iterable

    from vitrine.engagement.ports import CounterRepository
    from vitrine.galleries.model import Counts, GalleryKey
    from vitrine.search.ports import QueryRepository


def learn_queries(
    counters: CounterRepository, queries: QueryRepository, changed: Iterable[CounterKey], now: int
) -> int:
    """Update the queries of changed counters; return how many there were.

    A query is read before its counters, and written only if nobody else has written it since. Its amounts are
    absolute. So changes may come in any order, repeatedly and to several learners at once, and the newest amounts stay.
    """
    by_query: dict[GalleryKey, set[str]] = {}
    for key in changed:
        by_query.setdefault(key.gallery, set()).add(key.image_id)
    for query, things in by_query.items():
        retry(lambda query=query, things=things: _learn(counters, queries, query, things, now))  # type: ignore[misc]
    return len(by_query)


def _learn(
    counters: CounterRepository, queries: QueryRepository, query: GalleryKey, things: Iterable[str], now: int
) -> None:
    merchant_id, query_id = query
    known, revision = queries.find_newest(merchant_id, query_id)
    counted = counters.read([CounterKey(query, thing, INCARNATION) for thing in sorted(things)])
    amounts = {key.image_id: _amount(counts, now) for key, counts in counted.items()}
    queries.put(merchant_id, known.with_amounts(amounts, now), revision, now)


def _amount(counts: Counts, now: int) -> Amount:
    recent = (worth(kind, HALF_LIFE_DAYS, now, counts.recent) for kind in get_args(Kind))
    return Amount(counts.totals.events, sum(recent), now)
