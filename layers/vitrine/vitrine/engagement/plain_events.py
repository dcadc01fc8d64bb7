"""Read events of the usual form without pydantic, which takes a fifth of a cold start (ADR 47).

`requests.py` decides which bodies are valid and says what is wrong with the others. This reads valid ones of the form
that the storefront sends, as the same events, and leaves all other bodies to it.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from vitrine.engagement.model import Event
from vitrine.platform.ids import ID_PATTERN
from vitrine.platform.times import read_time
from vitrine.ranking.decay import KIND_OF

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime

    Forms = Mapping[str, Callable[[Any], object]]
    Made = TypeVar("Made")

MOST_EVENTS = 500
LAST_POSITION = 1_000_000_000
LONGEST_TOKEN = 200
ARM = r"^[0-9]{1,9}\.[01]$"
SEARCH_ID = r"^[01]\.[A-Za-z0-9_-]{1,120}$"


class SentEvent(NamedTuple):
    """A valid event, and the token that proves its user."""

    event: Event
    user_token: str | None = None


def plain_events(raw: bytes) -> list[SentEvent] | None:
    """Return the events of a body that `PostEventsRequest` accepts; None if the body has another form."""
    return _read(raw, _FORMS, _sent_event)


def plain_searches(raw: bytes) -> list[Event] | None:
    """Return the events of a body that `PostSearchEventsRequest` accepts; None if the body has another form."""
    return _read(raw, _FORMS_OF_SEARCH, search_event)


def search_event(
    event_id: str, search_id: str, occurred_at: datetime | None = None, session_id: str | None = None
) -> Event:
    """Return the event of a search."""
    return Event(event_id, "view", "", occurred_at, None, session_id, search_id=search_id)


def _sent_event(*, user_token: str | None = None, **fields: Any) -> SentEvent:
    return SentEvent(Event(**fields), user_token)


class _OtherFormError(ValueError):
    """`requests.py` must read the body."""


def _read(raw: bytes, forms: Forms, make: Callable[..., Made]) -> list[Made] | None:
    """Return what `make` makes of the fields of each event.

    It raises TypeError if a field is missing, as forms do for values of another type.
    """
    try:
        return [make(**_fields(sent, forms)) for sent in _events_in(raw)]
    except (TypeError, ValueError, RecursionError):
        return None


def _events_in(raw: bytes) -> Sequence[Any]:
    body = _DECODER.decode(raw.decode())
    if not isinstance(body, dict) or body.keys() != {"events"} or not 1 <= len(body["events"]) <= MOST_EVENTS:
        raise _OtherFormError
    events: Sequence[Any] = body["events"]
    return events


def _fields(sent: Any, forms: Forms) -> dict[str, Any]:
    """Return the fields of an event that are not null."""
    if not isinstance(sent, dict) or not sent.keys() <= forms.keys():
        raise _OtherFormError
    fields = {}
    for name, value in sent.items():
        if value is not None:
            fits = forms[name](value)
            if not fits:
                raise _OtherFormError
            fields[name] = fits if name == "occurred_at" else value
    return fields


def _once(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    """Return an object in which no name is repeated."""
    named = dict(pairs)
    if len(named) < len(pairs):
        raise _OtherFormError
    return named


def _is_token(value: Any) -> bool:
    return isinstance(value, str) and value.isascii() and len(value) <= LONGEST_TOKEN


def _is_position(value: Any) -> bool:
    return type(value) is int and 1 <= value <= LAST_POSITION


_DECODER = json.JSONDecoder(object_pairs_hook=_once)
_is_id, _is_arm, _is_search_id = (re.compile(pattern).fullmatch for pattern in (ID_PATTERN, ARM, SEARCH_ID))
_FORMS: Forms = {
    "event_id": _is_id,
    "type": KIND_OF.__contains__,
    "image_id": _is_id,
    "occurred_at": read_time,
    "user_id": _is_id,
    "user_token": _is_token,
    "session_id": _is_id,
    "position": _is_position,
    "arm": _is_arm,
    "search_id": _is_search_id,
    "previous_search_id": _is_search_id,
}
_FORMS_OF_SEARCH: Forms = {name: _FORMS[name] for name in ("event_id", "search_id", "occurred_at", "session_id")}
