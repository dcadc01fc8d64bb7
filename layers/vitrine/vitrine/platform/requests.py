"""The base class and the field types of request bodies. Each model is built at its first use."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, StringConstraints, WithJsonSchema

from vitrine.platform.ids import ID_PATTERN
from vitrine.platform.json_text import NOT_STORABLE, check_value, is_storable
from vitrine.platform.times import read_time


class RequestBody(BaseModel):
    """A request body. Unknown fields are refused, so that a misspelt name is noticed."""

    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)


def _utc_time(value: Any) -> datetime:
    if isinstance(value, datetime):
        value = value.isoformat()
    return read_time(value if isinstance(value, str) else "")


def _web_address(url: str) -> str:
    scheme, separator, rest = url.partition("://")
    if scheme.lower() not in {"http", "https"} or not separator or not rest.strip("/"):
        message = "must be an absolute http or https address"
        raise ValueError(message)
    if any(character.isspace() or character < " " for character in url):
        message = "must not contain white space"
        raise ValueError(message)
    return url


def _storable(number: float) -> float:
    if not is_storable(number):
        raise ValueError(NOT_STORABLE)
    return number


def _storable_json(value: dict[str, Any]) -> dict[str, Any]:
    check_value(value)
    return value


def _without_point(value: Any) -> Any:
    return int(value) if isinstance(value, float) and value.is_integer() else value


STORABLE = AfterValidator(_storable)
"""Stands after a number's bounds, so that its JSON schema shows them."""
STORABLE_JSON = AfterValidator(_storable_json)
WHOLE = BeforeValidator(_without_point)
Id = Annotated[str, StringConstraints(pattern=ID_PATTERN)]
UtcTime = Annotated[datetime, BeforeValidator(_utc_time)]
WebAddress = Annotated[
    str,
    StringConstraints(max_length=2048),
    AfterValidator(_web_address),
    WithJsonSchema(
        {"type": "string", "format": "uri", "maxLength": 2048, "pattern": r"^[Hh][Tt][Tt][Pp][Ss]?://[^\s/]"}
    ),
]
