"""Query parameters, read as their route declares them; unknown and repeated parameters are refused.

A declaration is a JSON schema for each name, the same that the OpenAPI document shows. These keywords are supported:
`type` (`string` or `integer`), `enum`, `pattern`, `minLength`, `maxLength`, `minimum`, `maximum`, `format` (`date`
or `date-time`, also in `anyOf`), `default`, and two of our own: `x-required`, and `x-not-before`, which names the
parameter that a time must not precede. A declaration of the type `object` holds all parameters whose names match its
only one of `patternProperties`, at most `maxProperties`.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time
from typing import TYPE_CHECKING, Any

from vitrine.platform.problems import FieldError, InvalidRequest
from vitrine.platform.times import from_rfc3339

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

LIMIT: dict[str, Any] = {"type": "integer", "minimum": 1, "maximum": 100, "default": 20}
PAGING: dict[str, dict[str, Any]] = {
    "limit": LIMIT,
    "cursor": {"type": "string", "description": "`next_cursor` of the page before."},
}

_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_INTEGER = re.compile(r"-?[0-9]{1,18}")
_MOST_NAMED = 20
_LONGEST_NAME = 50


class _Wrong(Exception):
    """The value breaks its schema; the message starts with `must`."""


def read_query(declared: Mapping[str, Mapping[str, Any]], sent: Mapping[str, Sequence[str]]) -> dict[str, Any]:
    """The values by name: strings, integers, dates and datetimes, with defaults for parameters that were not sent.

    Raises InvalidRequest, which names each wrong parameter.
    """
    flat, groups = _flattened(declared, sent)
    known = f"the parameters are {', '.join(declared)}" if declared else "it has none"
    wrong = {name: f"is not a parameter of this route; {known}" for name in sent if name not in flat}
    values: dict[str, Any] = {}
    for name, schema in flat.items():
        try:
            value = _value(schema, sent.get(name, ()))
        except _Wrong as error:
            wrong[name] = str(error)
        else:
            if value is not None:
                values[name] = value
    for name, value in values.items():
        start = values.get(flat[name].get("x-not-before", ""))
        if start is not None and _last_moment(value) < _first_moment(start):
            wrong[name] = f"must not be before {flat[name]['x-not-before']}"
    for group, names in groups.items():
        most = declared[group]["maxProperties"]
        wrong |= dict.fromkeys(names[most:], f"is one too many; at most {most} such parameters may be sent")
        values[group] = {name: values.pop(name) for name in names if name in values}
    if wrong:
        errors = [FieldError(f"/query/{name[:_LONGEST_NAME]}", rule) for name, rule in wrong.items()]
        raise InvalidRequest("The query breaks the schema; see errors.", errors[:_MOST_NAMED])
    return values


def _flattened(
    declared: Mapping[str, Mapping[str, Any]], sent: Mapping[str, Sequence[str]]
) -> tuple[dict[str, Mapping[str, Any]], dict[str, list[str]]]:
    """Return the schema of each parameter, and by each declared object the names that were sent of it."""
    flat: dict[str, Mapping[str, Any]] = {}
    groups: dict[str, list[str]] = {}
    for name, schema in declared.items():
        if schema["type"] == "object":
            [(pattern, of_each)] = schema["patternProperties"].items()
            groups[name] = [of_group for of_group in sent if re.fullmatch(pattern, of_group)]
            flat |= dict.fromkeys(groups[name], of_each)
        else:
            flat[name] = schema
    return flat, groups


def _value(schema: Mapping[str, Any], texts: Sequence[str]) -> Any:
    """The parameter's value, or None."""
    if not texts:
        if schema.get("x-required"):
            raise _Wrong("must be given")
        return schema.get("default")
    if len(texts) > 1:
        raise _Wrong("must be given once")
    [text] = texts
    if "enum" in schema and text not in schema["enum"]:
        raise _Wrong(f"must be one of {', '.join(schema['enum'])}")
    if schema["type"] == "integer":
        return _integer(schema, text)
    formats = [variant["format"] for variant in schema.get("anyOf", [schema]) if "format" in variant]
    return _moment(formats, text) if formats else _checked(schema, text)


def _checked(schema: Mapping[str, Any], text: str) -> str:
    least, most = schema.get("minLength", 0), schema.get("maxLength", len(text))
    if len(text) < least:
        raise _Wrong(f"must have at least {least} character" + "s" * (least > 1))
    if len(text) > most:
        raise _Wrong(f"must have at most {most} characters")
    if "pattern" in schema and not re.fullmatch(schema["pattern"], text):
        raise _Wrong(f"must match {schema['pattern']}")
    return text


def _integer(schema: Mapping[str, Any], text: str) -> int:
    least, most = schema["minimum"], schema["maximum"]
    if not _INTEGER.fullmatch(text) or not least <= int(text) <= most:
        raise _Wrong(f"must be a whole number from {least} to {most}")
    return int(text)


def _moment(formats: Sequence[str], text: str) -> date:
    try:
        if "date" in formats and _DATE.fullmatch(text):
            return date.fromisoformat(text)
        if "date-time" in formats and _DATE.match(text):
            return from_rfc3339(text.upper())
    except ValueError as error:
        raise _Wrong("must be a date and time that exist") from error
    examples = {"date": "a date such as 2024-05-31", "date-time": "a time such as 2024-05-31T12:00:00Z"}
    raise _Wrong(f"must be {' or '.join(examples[name] for name in formats)}")


def _first_moment(value: date) -> datetime:
    return value if isinstance(value, datetime) else datetime.combine(value, time.min, UTC)


def _last_moment(value: date) -> datetime:
    return value if isinstance(value, datetime) else datetime.combine(value, time.max, UTC)
