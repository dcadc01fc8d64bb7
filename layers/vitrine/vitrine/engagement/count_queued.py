"""Count events from a queue, merged by image."""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import TYPE_CHECKING, NamedTuple

from vitrine.galleries.model import NOTHING_COUNTED, Totals

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime

    from vitrine.engagement.count_events import EventCounter, Outcome
    from vitrine.engagement.model import Event, PendingEvent
    from vitrine.engagement.note_visits import Visit, VisitNotes
    from vitrine.engagement.prepared import PreparedBatch, PreparedEvent
    from vitrine.engagement.watch_visitors import VisitorWatch
    from vitrine.galleries.model import GalleryKey

    Batches = Mapping[str, PreparedBatch]
    TakeEvents = Callable[[GalleryKey, Sequence[Event], datetime], None]


class CountedQueue(NamedTuple):
    """How events ended, by the id of their message, and the messages to deliver again."""

    outcomes: Mapping[str, Sequence[Outcome]]
    failed: Mapping[str, Exception]


class _Place(NamedTuple):
    """An event of a message."""

    message_id: str
    at: int
    prepared: PreparedEvent


class QueuedCounter:
    """Counts the events of many messages together, and then does what follows from each.

    A message is done once all of its events are; until then all of it is delivered again, which changes nothing where
    it was done: what is counted is a duplicate, and what follows from a duplicate is written again in the same form.
    """

    def __init__(self, counter: EventCounter, notes: VisitNotes, watch: VisitorWatch, take_events: TakeEvents) -> None:
        """`take_events` records what users did."""
        self._counter = counter
        self._notes = notes
        self._watch = watch
        self._take_events = take_events

    def count(self, batches: Batches, now: datetime) -> CountedQueue:
        """Count the events of messages, each of which stands under its id."""
        failed: dict[str, Exception] = {}
        outcomes: dict[str, list[Outcome]] = {message_id: [] for message_id in batches}
        by_gallery: defaultdict[GalleryKey, dict[str, PreparedBatch]] = defaultdict(dict)
        for message_id, batch in sorted(batches.items(), key=lambda entry: entry[1].arrived):
            by_gallery[batch.gallery][message_id] = batch
        for gallery, of_gallery in by_gallery.items():
            try:
                failed |= self._count_gallery(gallery, of_gallery, now, outcomes)
                self._follow(gallery, of_gallery, outcomes, failed)
            except Exception as error:  # noqa: BLE001 - one gallery must not block the others
                failed |= dict.fromkeys(of_gallery, error)
        return CountedQueue(outcomes, failed)

    def _count_gallery(
        self, gallery: GalleryKey, batches: Batches, now: datetime, outcomes: Mapping[str, list[Outcome]]
    ) -> dict[str, Exception]:
        """Count by image, add to the outcomes, and return the messages with an event of an image that failed."""
        failed: dict[str, Exception] = {}
        places: list[_Place] = []
        by_image: defaultdict[str, list[PendingEvent]] = defaultdict(list)
        for message_id, batch in batches.items():
            for at, event in enumerate(batch.events):
                by_image[event.image_id].append(event.pending._replace(at=len(places)))
                places.append(_Place(message_id, at, event))
        arrived = min(batch.arrived for batch in batches.values())
        for image_id, counted in self._counter.count_prepared(gallery, by_image, now, arrived).items():
            if isinstance(counted, Exception):
                failed |= dict.fromkeys((places[event.at].message_id for event in by_image[image_id]), counted)
                continue
            for outcome in counted:
                place = places[outcome.at]
                is_robot = outcome.status == "accepted" and place.prepared.pending.counter == "robots"
                outcomes[place.message_id].append(
                    outcome._replace(at=place.at, status="filtered" if is_robot else outcome.status)
                )
        return failed

    def _follow(
        self,
        gallery: GalleryKey,
        batches: Batches,
        outcomes: Mapping[str, Sequence[Outcome]],
        failed: Mapping[str, Exception],
    ) -> None:
        """Record visits and users of the messages that did not fail, and watch their visitors."""
        visits: list[Visit] = []
        counted: Counter[tuple[str, str, datetime]] = Counter()
        for message_id, batch in batches.items():
            if message_id in failed:
                continue
            ended = [(outcome, batch.events[outcome.at]) for outcome in sorted(outcomes[message_id])]
            visits += [
                event.visit for outcome, event in ended if event.visit and outcome.status in {"accepted", "duplicate"}
            ]
            for outcome, event in ended:
                if event.visitor and outcome.status == "accepted":
                    hour = batch.arrived.replace(minute=0, second=0, microsecond=0)
                    counted[event.visitor, event.pending.counter, hour] += 1
            known = [event.event for outcome, event in ended if event.event and outcome.for_user]
            if known:
                self._take_events(gallery, known, batch.arrived)
        self._notes.note_visits(gallery, visits)
        by_visitor: defaultdict[datetime, dict[str, Totals]] = defaultdict(dict)
        for (visitor, kind, hour), amount in counted.items():
            of_hour = by_visitor[hour]
            of_hour[visitor] = of_hour.get(visitor, NOTHING_COUNTED).plus(Totals(**{kind: amount}))
        for hour, of_hour in by_visitor.items():
            self._watch.watch_counted(gallery, of_hour, hour)
