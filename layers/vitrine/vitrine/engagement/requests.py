"""Request bodies of events; `plain_events.py` reads the usual form of them."""

from __future__ import annotations

from typing import Annotated

from pydantic import ConfigDict, Field

from vitrine.engagement.model import Event
from vitrine.engagement.plain_events import (
    ARM,
    LAST_POSITION,
    LONGEST_TOKEN,
    MOST_EVENTS,
    SEARCH_ID,
    SentEvent,
    search_event,
)
from vitrine.platform.requests import WHOLE, Id, RequestBody, UtcTime
from vitrine.ranking.decay import EventType  # noqa: TC001 - pydantic reads it

SearchId = Annotated[str, Field(pattern=SEARCH_ID)]
"""What a search returned as `search_id`."""


class NewEvent(RequestBody):
    """A view or click by a shopper. `event_id` is new for each event and stays the same when it is resent.

    `search_id` is that of the search that found the image, `previous_search_id` that of the shopper's search before it.
    Clicks with a `search_id` teach searches.
    """

    event_id: Id
    type: EventType
    image_id: Id
    occurred_at: UtcTime | None = None
    user_id: Id | None = None
    user_token: Annotated[str, Field(max_length=LONGEST_TOKEN)] | None = None
    session_id: Id | None = None
    position: Annotated[int, Field(ge=1, le=LAST_POSITION), WHOLE] | None = None
    arm: Annotated[str, Field(pattern=ARM, description="As on the page that showed the image.")] | None = None
    search_id: SearchId | None = None
    previous_search_id: SearchId | None = None

    def sent(self) -> SentEvent:
        """Return the event as the domain has it, with its token."""
        event = Event(
            self.event_id,
            self.type,
            self.image_id,
            self.occurred_at,
            self.user_id,
            self.session_id,
            self.position,
            self.arm,
            self.search_id,
            self.previous_search_id,
        )
        return SentEvent(event, self.user_token)


class PostEventsRequest(RequestBody):
    """A batch of events, each judged separately."""

    events: Annotated[tuple[NewEvent, ...], Field(min_length=1, max_length=MOST_EVENTS)]


class NewSearchEvent(RequestBody):
    """A search that a shopper saw the results of. `event_id` is new for each and stays the same when it is resent."""

    event_id: Id
    search_id: SearchId
    occurred_at: UtcTime | None = None
    session_id: Id | None = None

    def sent(self) -> Event:
        """Return the event as the domain has it."""
        return search_event(self.event_id, self.search_id, self.occurred_at, self.session_id)


class PostSearchEventsRequest(RequestBody):
    """A batch of searches, each judged separately."""

    events: Annotated[tuple[NewSearchEvent, ...], Field(min_length=1, max_length=MOST_EVENTS)]


class ChallengeEvent(RequestBody):
    """An event in the gallery challenge's format."""

    model_config = ConfigDict(extra="ignore")

    eventType: EventType  # noqa: N815 - the challenge's name
    timestamp: UtcTime
