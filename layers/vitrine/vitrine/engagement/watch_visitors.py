"""Find visitors whose events no person sends, so that they count in no rate."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from vitrine.engagement.model import suspicion, visitor_mark
from vitrine.galleries.model import NOTHING_COUNTED, Suspect, Totals
from vitrine.platform.problems import Unavailable
from vitrine.ranking.decay import KIND_OF

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

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
        by_name: dict[str, Totals] = {}
        for event, name, result in zip(batch.events, batch.visitors, results, strict=True):
            if batch.page is not None and name is not None and result.status == "accepted":
                by_name[name] = by_name.get(name, NOTHING_COUNTED).plus(Totals(**{KIND_OF[event.type]: 1}))
        marked = ((watched_visitor(name, batch, rules), counted) for name, counted in by_name.items())
        self.watch_counted(batch.gallery, {mark: counted for mark, counted in marked if mark}, batch.now)

    def watch_counted(self, gallery: GalleryKey, counted: Mapping[str, Totals], now: datetime) -> None:
        """Watch visitors, by their marks, of whom this much was counted in the hour of a moment."""
        hour = int(now.timestamp()) // _HOUR
        for visitor, more in counted.items():
            key = (gallery, visitor, hour)
            unshared = self._unshared.get(key, NOTHING_COUNTED).plus(more)
            if len(self._unshared) >= _MOST_KNOWN:
                self._unshared.clear()
            self._unshared[key] = unshared
            if unshared.views >= _SHARED_AT.views or unshared.clicks >= _SHARED_AT.clicks:
                with suppress(Unavailable):
                    self._share(gallery, visitor, now, unshared)

    def _share(self, gallery: GalleryKey, visitor: str, now: datetime, unshared: Totals) -> None:
        hour = int(now.timestamp()) // _HOUR
        shared = self._counts.add(gallery, visitor, hour, unshared)
        self._unshared[gallery, visitor, hour] = NOTHING_COUNTED
        reason = suspicion(shared.views, shared.clicks)
        if reason:
            self._suspects.add_suspect(gallery, Suspect(visitor, reason, now))


def watched_visitor(lasting: str | None, batch: Batch, rules: Rules) -> str | None:
    """Return the mark of the visitor of this lasting name, if it comes from a web page and is no suspect."""
    if batch.page is None or lasting is None:
        return None
    visitor = visitor_mark(lasting, batch.merchant_secret)
    return None if visitor in rules.suspects else visitor
