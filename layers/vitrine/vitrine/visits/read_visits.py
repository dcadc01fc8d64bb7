"""Read the measured visits of stores."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from vitrine.platform.problems import MalformedRequest

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vitrine.visits.model import MeasuredVisit, Store
    from vitrine.visits.ports import Span, VisitRepository

MOST_VISITS = 10_000


class VisitedStore(NamedTuple):
    """A store and its measured visits by time."""

    store: Store
    visits: Sequence[MeasuredVisit]


def read_visits(
    repository: VisitRepository, merchant_id: str, *, area: str | None, store_id: str | None, span: Span
) -> list[VisitedStore]:
    """Return visits by store id. Raises MalformedRequest for an unknown area or store, and for too many visits."""
    if store_id is not None:
        store = repository.find_stores(merchant_id, [store_id]).get(store_id)
        if store is None:
            raise MalformedRequest("Store ID does not exist")
        if area is not None and store.area != area:
            raise MalformedRequest("The store is not in this area")
    elif area is not None and not repository.area_exists(merchant_id, area):
        raise MalformedRequest("Area does not exist")
    visits = repository.list_visits(merchant_id, store_id, area, span, MOST_VISITS + 1)
    if len(visits) > MOST_VISITS:
        raise MalformedRequest(f"More than {MOST_VISITS:,} visits: name a store, an area or fewer days")
    by_store: dict[str, list[MeasuredVisit]] = {}
    for visit in visits:
        by_store.setdefault(visit.store_id, []).append(visit)
    stores = repository.find_stores(merchant_id, list(by_store))
    return [VisitedStore(stores[name], by_store[name]) for name in sorted(by_store) if name in stores]
