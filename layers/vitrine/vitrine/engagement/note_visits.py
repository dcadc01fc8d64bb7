"""Record the visitors of an experiment and their clicks."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol

from vitrine.engagement.model import click_mark, visitor_mark

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

    from vitrine.engagement.count_events import Batch
    from vitrine.engagement.model import Event, Result, Rules
    from vitrine.galleries.model import GalleryKey
    from vitrine.ranking.interleaving import Team

_MOST_KNOWN = 50_000


class Visit(NamedTuple):
    """A visitor of an arm, by its mark, and the mark of the click if it is one; on an interleaved page its team."""

    arm: str
    visitor: str
    click: bytes | None
    team: Team | None = None


class Visits(Protocol):
    """Stores the visitors of experiments."""

    def add_visit(
        self, key: GalleryKey, arm: str, visitor: str, clicks: Collection[bytes], vote: Team | None = None
    ) -> None:
        """Store a visitor of an arm and the marks of clicks, and the vote unless they have one. Idempotent."""


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
        came = (
            visit_of(event, lasting, batch, rules)
            for event, lasting, result in zip(batch.events, batch.visitors, results, strict=True)
            if result.status in {"accepted", "duplicate"}
        )
        self.note_visits(batch.gallery, [visit for visit in came if visit])

    def note_visits(self, gallery: GalleryKey, visits: Iterable[Visit]) -> None:
        """Record visits. Idempotent. Raises Unavailable."""
        came: dict[tuple[str, str], dict[bytes, Team | None]] = {}
        for arm, visitor, click, team in visits:
            came.setdefault((arm, visitor), {}).update({click: team} if click else {})
        for (arm, visitor), clicks in came.items():
            if clicks or (gallery, arm, visitor) not in self._known:
                vote = next(iter(clicks.values()), None)
                self._visits.add_visit(gallery, arm, visitor, clicks.keys(), vote)
                if len(self._known) >= _MOST_KNOWN:
                    self._known.clear()
                self._known.add((gallery, arm, visitor))


def visit_of(event: Event, lasting: str | None, batch: Batch, rules: Rules) -> Visit | None:
    """Return what an experiment records of an event, if its visitor is in one and no suspect."""
    experiment, secret = rules.experiment, batch.merchant_secret
    arm = rules.arm_of(event, batch.gallery.gallery_id, secret)
    if experiment is None or arm is None or event.session_id is None or rules.is_suspect(lasting, batch.page, secret):
        return None
    team = experiment.team_of(arm) if rules.is_interleaved else None
    click = click_mark(event, secret, team) if event.type == "click" else None
    of_arm = experiment.arm(0) if rules.is_interleaved else arm
    return Visit(of_arm, visitor_mark(event.session_id, secret), click, team)
