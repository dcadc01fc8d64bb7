"""Visitors of an experiment are noted, with what they clicked."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from vitrine.engagement.model import click_mark, visitor_mark

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from vitrine.engagement.count_events import Batch
    from vitrine.engagement.model import Result, Rules
    from vitrine.galleries.model import GalleryKey

_MOST_KNOWN = 50_000


class Visits(Protocol):
    """Where visitors are noted."""

    def add_visit(self, key: GalleryKey, arm: str, visitor: str, clicks: Collection[bytes]) -> None:
        """Note that a visitor came to an arm, and the marks of clicks; noting them again changes nothing."""
        ...


class VisitNotes:
    """Notes the visitors of batches that were counted; one whom it noted before costs a write only with a click.

    Also what was counted before (`duplicate`) is noted: the first sender may have died between counting and this.
    """

    def __init__(self, visits: Visits) -> None:
        self._visits = visits
        self._known: set[tuple[GalleryKey, str, str]] = set()

    def note(self, batch: Batch, rules: Rules, results: Sequence[Result]) -> None:
        """Note who came. Raises Unavailable; doing it again changes nothing."""
        came: dict[tuple[str, str], set[bytes]] = {}
        for event, result in zip(batch.events, results, strict=True):
            arm = rules.arm_of(event, batch.gallery.gallery_id, batch.merchant_secret)
            if arm is None or event.session_id is None or result.status not in {"accepted", "duplicate"}:
                continue
            clicks = came.setdefault((arm, visitor_mark(event.session_id, batch.merchant_secret)), set())
            if event.type == "click":
                clicks.add(click_mark(event, batch.merchant_secret))
        for (arm, visitor), clicks in came.items():
            if clicks or (batch.gallery, arm, visitor) not in self._known:
                self._visits.add_visit(batch.gallery, arm, visitor, clicks)
                if len(self._known) >= _MOST_KNOWN:
                    self._known.clear()
                self._known.add((batch.gallery, arm, visitor))
