"""Record the visitors of an experiment and their clicks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from vitrine.engagement.model import click_mark, visitor_mark

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from vitrine.engagement.count_events import Batch
    from vitrine.engagement.model import Result, Rules
    from vitrine.galleries.model import GalleryKey
    from vitrine.ranking.interleaving import Team

_MOST_KNOWN = 50_000


class Visits(Protocol):
    """Stores the visitors of experiments."""

    def add_visit(
        self, key: GalleryKey, arm: str, visitor: str, clicks: Collection[bytes], vote: Team | None = None
    ) -> None:
        """Store a visitor of an arm and the marks of clicks, and the vote unless they have one. Idempotent."""
        ...


class VisitNotes:
    """Records the visitors of counted batches. A visitor it knows already costs a write only with a click.

    Duplicates are recorded too: the first sender may have failed between counting and recording. Visitors of
    interleaved pages are recorded under the first arm; the first click that is recorded is their vote for its arm.
    """

    def __init__(self, visits: Visits) -> None:
        self._visits = visits
        self._known: set[tuple[GalleryKey, str, str]] = set()

    def note(self, batch: Batch, rules: Rules, results: Sequence[Result]) -> None:
        """Record the visitors of a batch. Idempotent. Raises Unavailable."""
        experiment = rules.experiment
        if experiment is None:
            return
        came: dict[tuple[str, str], dict[bytes, Team | None]] = {}
        for event, lasting, result in zip(batch.events, batch.visitors, results, strict=True):
            arm = rules.arm_of(event, batch.gallery.gallery_id, batch.merchant_secret)
            if arm is None or event.session_id is None or result.status not in {"accepted", "duplicate"}:
                continue
            if rules.is_suspect(lasting, batch.page, batch.merchant_secret):
                continue
            team = experiment.team_of(arm) if rules.is_interleaved else None
            visitor = visitor_mark(event.session_id, batch.merchant_secret)
            clicks = came.setdefault((experiment.arm(0) if rules.is_interleaved else arm, visitor), {})
            if event.type == "click":
                clicks[click_mark(event, batch.merchant_secret, team)] = team
        for (arm, visitor), clicks in came.items():
            if clicks or (batch.gallery, arm, visitor) not in self._known:
                vote = next(iter(clicks.values()), None)
                self._visits.add_visit(batch.gallery, arm, visitor, clicks.keys(), vote)
                if len(self._known) >= _MOST_KNOWN:
                    self._known.clear()
                self._known.add((batch.gallery, arm, visitor))
