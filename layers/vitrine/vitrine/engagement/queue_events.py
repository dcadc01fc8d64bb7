"""Store events in a queue, to be counted with others of the same images."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vitrine.engagement.model import Result
from vitrine.engagement.note_visits import visit_of
from vitrine.engagement.prepared import PreparedBatch, PreparedEvent
from vitrine.engagement.watch_visitors import watched_visitor

if TYPE_CHECKING:
    from vitrine.engagement.count_events import Batch, EventCounter
    from vitrine.engagement.model import PendingEvent, Rules
    from vitrine.engagement.ports import EventQueue


def queue_events(counter: EventCounter, queue: EventQueue, batch: Batch) -> list[Result]:
    """Store the events that may count; return the results in the batch's order once they are stored.

    All that depends on the request is decided here: who the visitor is, the hour, the gallery's rules. So an event that
    is sent, stored or delivered again has the marks that it had, and counts once. Raises Unavailable.
    """
    results, pending = counter.prepare(batch)
    rules = counter.rules(batch)
    events = [_prepared(batch, rules, event) for event in pending]
    if events:
        queue.store(PreparedBatch(batch.gallery, batch.now, events))
    return [result or Result(event.event_id, "queued") for event, result in zip(batch.events, results, strict=True)]


def _prepared(batch: Batch, rules: Rules, pending: PendingEvent) -> PreparedEvent:
    event, lasting = batch.events[pending.at], batch.visitors[pending.at]
    if batch.from_robot:
        return PreparedEvent(event.image_id, pending)
    return PreparedEvent(
        event.image_id,
        pending,
        watched_visitor(lasting, batch, rules),
        visit_of(event, lasting, batch, rules),
        event if event.user_id is not None else None,
    )
