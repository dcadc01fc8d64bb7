"""Record the visitors of an experiment and their clicks."""

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
    """Stores the visitors of experiments."""

    def add_visit(self, key: GalleryKey, arm: str, visitor: str, clicks: Collection[bytes]) -> None:
        """Store a visitor of an arm and the marks of clicks. Idempotent."""
        ...


class VisitNotes:
    """Records the visitors of counted batches. A visitor it knows already costs a write only with a click.

    Duplicates are recorded too: the first sender may have failed between counting and recording.
    """

    def __init__(self, visits: Visits) -> None:
        self._visits = visits
        self._known: set[tuple[GalleryKey, str, str]] = set()

    def note(self, batch: Batch, rules: Rules, results: Sequence[Result]) -> None:
        """Record the visitors of a batch. Idempotent. Raises Unavailable."""
        came: dict[tuple[str, str], set[bytes]] = {}
        for event, result in zip(batch.events, results, strict=True):
            arm = rules.arm_of(event, batch.gallery.gallery_id, batch.merchant_secret)
            if arm is None or event.session_id is None or result.status not in {"accepted", "duplicate"}:
                continue
            if rules.is_suspect(event, batch.page, batch.merchant_secret):
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
