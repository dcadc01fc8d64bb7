"""What all request bodies share. Models are built at their first use, so a function pays for those it reads."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, StringConstraints

from vitrine.platform.http import ID_PATTERN


class RequestBody(BaseModel):
    """Unknown fields are refused: a typing error in a name must not pass silently."""

    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)


def _in_utc(moment: datetime) -> datetime:
    try:
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except OverflowError as error:
        message = "is outside the calendar"
        raise ValueError(message) from error


def _web_address(url: str) -> str:
    scheme, separator, rest = url.partition("://")
    if scheme.lower() not in {"http", "https"} or not separator or not rest.strip("/"):
        message = "must be an absolute http or https address"
        raise ValueError(message)
    if any(character.isspace() or character < " " for character in url):
        message = "must not contain white space"
        raise ValueError(message)
    return url


Id = Annotated[str, StringConstraints(pattern=ID_PATTERN)]
UtcTime = Annotated[datetime, AfterValidator(_in_utc)]
WebAddress = Annotated[str, StringConstraints(max_length=2048), AfterValidator(_web_address)]
