"""Request bodies of events."""

from __future__ import annotations

from typing import Annotated

from pydantic import ConfigDict, Field

from vitrine.engagement.model import Event, EventType
from vitrine.platform.requests import WHOLE, Id, RequestBody, UtcTime

MOST_EVENTS = 500
LAST_POSITION = 1_000_000_000
LONGEST_TOKEN = 200
ARM = r"^[0-9]{1,9}\.[01]$"


class NewEvent(RequestBody):
    """A view or click by a shopper. `event_id` is new for each event and stays the same when it is resent."""

    event_id: Id
    type: EventType
    image_id: Id
    occurred_at: UtcTime | None = None
    user_id: Id | None = None
    user_token: Annotated[str, Field(max_length=LONGEST_TOKEN)] | None = None
    session_id: Id | None = None
    position: Annotated[int, Field(ge=1, le=LAST_POSITION), WHOLE] | None = None
    arm: Annotated[str, Field(pattern=ARM, description="As on the page that showed the image.")] | None = None

    def event(self) -> Event:
        """Return the event as the domain has it."""
        return Event(
            self.event_id,
            self.type,
            self.image_id,
            self.occurred_at,
            self.user_id,
            self.session_id,
            self.position,
            self.arm,
        )


class PostEventsRequest(RequestBody):
    """A batch of events, each judged separately."""

    events: Annotated[tuple[NewEvent, ...], Field(min_length=1, max_length=MOST_EVENTS)]


class ChallengeEvent(RequestBody):
    """An event in the gallery challenge's format."""

    model_config = ConfigDict(extra="ignore")

    eventType: EventType  # noqa: N815 - the challenge's name
    timestamp: UtcTime
