"""Read several values, or a JSON object, from one cell."""

from __future__ import annotations

from typing import Any

from pydantic import BeforeValidator

from vitrine.platform.json_text import read_json

_SEPARATORS = "|;,"


def listed(value: Any) -> Any:
    """Return the values of a JSON list such as `["a","b"]`, or of `a|b`, `a;b` or `a,b`; return non-texts unchanged."""
    if not isinstance(value, str):
        return value
    if value.startswith("["):
        try:
            return read_json(value)
        except ValueError:
            return value
    separator = next((separator for separator in _SEPARATORS if separator in value), _SEPARATORS[0])
    return [part.strip() for part in value.split(separator) if part.strip()]


def parsed(value: Any) -> Any:
    """Return the value of a JSON text, {} for an empty text; return others unchanged."""
    if not isinstance(value, str):
        return value
    try:
        return read_json(value) if value else {}
    except ValueError:
        return value


Listed = BeforeValidator(listed)
Parsed = BeforeValidator(parsed)
