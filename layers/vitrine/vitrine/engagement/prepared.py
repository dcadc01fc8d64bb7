"""Events of which everything is decided that depends on their request: they may be counted later, and repeatedly.

A batch of them is a JSON text. It holds marks instead of sessions, addresses and event ids; a user's id and event id
only of an event that names a user.
"""

from __future__ import annotations

import json
from datetime import datetime
from typing import TYPE_CHECKING, Any, NamedTuple

from vitrine.engagement.amounts import sum_key, sum_name
from vitrine.engagement.model import Event, PendingEvent, Trace
from vitrine.engagement.note_visits import Visit
from vitrine.galleries.model import GalleryKey

if TYPE_CHECKING:
    from collections.abc import Sequence

_encode = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False).encode


class PreparedEvent(NamedTuple):
    """An event to count for an image.

    `visitor` is the mark of a visitor who is watched, `visit` what an experiment records of it, `event` the event
    itself if it names a user.
    """

    image_id: str
    pending: PendingEvent
    visitor: str | None = None
    visit: Visit | None = None
    event: Event | None = None


class PreparedBatch(NamedTuple):
    """Events of a request, and when it arrived."""

    gallery: GalleryKey
    arrived: datetime
    events: Sequence[PreparedEvent]


def to_text(batch: PreparedBatch) -> str:
    """Return a batch as a text that `from_text` reads."""
    return _encode([*batch.gallery, batch.arrived.isoformat(), [_row(event) for event in batch.events]])


def from_text(text: str) -> PreparedBatch:
    """Return the batch that a text holds. Raises ValueError, TypeError, KeyError or IndexError if it holds none."""
    merchant_id, gallery_id, arrived, rows = json.loads(text)
    events = [_event(at, row) for at, row in enumerate(rows)]
    return PreparedBatch(GalleryKey(merchant_id, gallery_id), datetime.fromisoformat(arrived), events)


def _row(prepared: PreparedEvent) -> list[Any]:
    image_id, pending, visitor, visit, event = prepared
    return [
        image_id,
        pending.counter,
        pending.path,
        [[trace.event.hex(), trace.user and trace.user.hex()] for trace in pending.traces],
        pending.once and pending.once.hex(),
        {sum_name(key): amount for key, amount in pending.sums},
        visitor,
        visit and [visit.arm, visit.visitor, visit.click and visit.click.hex(), visit.team],
        event and [event.event_id, event.type, event.user_id, event.occurred_at and event.occurred_at.isoformat()],
    ]


def _event(at: int, row: Sequence[Any]) -> PreparedEvent:
    image_id, counter, path, traces, once, sums, visitor, visit, event = row
    pending = PendingEvent(
        at,
        counter,
        path,
        tuple(Trace(bytes.fromhex(mark), user and bytes.fromhex(user)) for mark, user in traces),
        once and bytes.fromhex(once),
        tuple((key, amount) for name, amount in sums.items() if (key := sum_key(name))),
    )
    if visit:
        arm, visit_by, click, team = visit
        visit = Visit(arm, visit_by, click and bytes.fromhex(click), team)
    if event:
        event_id, kind, user_id, occurred_at = event
        event = Event(event_id, kind, image_id, occurred_at and datetime.fromisoformat(occurred_at), user_id)
    return PreparedEvent(image_id, pending, visitor, visit, event)
