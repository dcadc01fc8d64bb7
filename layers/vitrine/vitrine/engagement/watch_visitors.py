"""Find visitors whose events no person sends, so that they count in no rate."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from vitrine.engagement.model import KIND_OF, suspicion, visitor_mark
from vitrine.galleries.model import NOTHING_COUNTED, Suspect, Totals
from vitrine.platform.problems import Unavailable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vitrine.engagement.count_events import Batch
    from vitrine.engagement.model import Result, Rules
    from vitrine.engagement.ports import Suspects, VisitorCounts
    from vitrine.galleries.model import GalleryKey

_MOST_KNOWN = 50_000
_SHARED_AT = Totals(views=100, clicks=10)
_HOUR = 3600


class VisitorWatch:
    """Counts each visitor's events by hour in memory, and shares the counts with other processes once they are large.

    So an ordinary visitor costs no write. Only accepted events of web pages count. If the store fails, the counts stay
    in memory until the visitor's next event: watching never refuses events.
    """

    def __init__(self, counts: VisitorCounts, suspects: Suspects) -> None:
        self._counts = counts
        self._suspects = suspects
        self._unshared: dict[tuple[GalleryKey, str, int], Totals] = {}

    def watch(self, batch: Batch, rules: Rules, results: Sequence[Result]) -> None:
        """Watch the visitors of a counted batch."""
        hour = int(batch.now.timestamp()) // _HOUR
        for visitor, counted in self._by_visitor(batch, results).items():
            if visitor in rules.suspects:
                continue
            key = (batch.gallery, visitor, hour)
            unshared = self._unshared.get(key, NOTHING_COUNTED).plus(counted)
            if len(self._unshared) >= _MOST_KNOWN:
                self._unshared.clear()
            self._unshared[key] = unshared
            if unshared.views >= _SHARED_AT.views or unshared.clicks >= _SHARED_AT.clicks:
                with suppress(Unavailable):
                    self._share(batch, visitor, hour, unshared)

    def _share(self, batch: Batch, visitor: str, hour: int, unshared: Totals) -> None:
        shared = self._counts.add(batch.gallery, visitor, hour, unshared)
        self._unshared[batch.gallery, visitor, hour] = NOTHING_COUNTED
        reason = suspicion(shared.views, shared.clicks)
        if reason:
            self._suspects.add_suspect(batch.gallery, Suspect(visitor, reason, batch.now))

    @staticmethod
    def _by_visitor(batch: Batch, results: Sequence[Result]) -> dict[str, Totals]:
        if batch.page is None:
            return {}
        by_name: dict[str, Totals] = {}
        for event, name, result in zip(batch.events, batch.visitors, results, strict=True):
            if name is not None and result.status == "accepted":
                by_name[name] = by_name.get(name, NOTHING_COUNTED).plus(Totals(**{KIND_OF[event.type]: 1}))
        return {visitor_mark(name, batch.merchant_secret): counted for name, counted in by_name.items()}
