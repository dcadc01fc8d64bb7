"""Times as the API writes them: RFC 3339 in UTC."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from functools import lru_cache

_STARTS_WITH_A_DATE = r"[0-9]{4}-[0-9]{2}-[0-9]{2}"


def utc_now() -> datetime:
    """The current time, aware and in UTC."""
    return datetime.now(UTC)


@lru_cache(maxsize=1024)
def to_rfc3339(moment: datetime) -> str:
    """`2022-01-29T19:18:12Z`, with a fraction of a second only if it is not 0."""
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


@lru_cache(maxsize=1024)
def from_rfc3339(text: str) -> datetime:
    """Inverse of `to_rfc3339`; a time without an offset is in UTC.

    Raises ValueError for any other text, and for times in the years 1 and 9999 whose UTC is outside the calendar.
    """
    moment = datetime.fromisoformat(text)
    try:
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except OverflowError as error:
        raise ValueError(text) from error


def read_time(text: str) -> datetime:
    """The time that a client wrote, in UTC. Raises ValueError with the rule that it breaks."""
    if not re.match(_STARTS_WITH_A_DATE, text):
        message = "must be a time such as 2024-05-31T12:00:00Z (RFC 3339)"
        raise ValueError(message)
    try:
        return from_rfc3339(text.upper())
    except ValueError as error:
        message = "must be a date and time that exist"
        raise ValueError(message) from error


def epoch_seconds(moment: datetime) -> int:
    """Whole seconds since 1970, the form of DynamoDB's TTL."""
    return int(moment.timestamp())
