"""Several values in one cell."""

from __future__ import annotations

from typing import Any

from vitrine.platform.json_text import read_json

_SEPARATORS = "|;,"


def listed(value: Any) -> Any:
    """`["a","b"]` as JSON, or `a|b`, `a;b` or `a,b`; what is no text stays as it is."""
    if not isinstance(value, str):
        return value
    if value.startswith("["):
        try:
            return read_json(value)
        except ValueError:
            return value
    separator = next((each for each in _SEPARATORS if each in value), _SEPARATORS[0])
    return [part.strip() for part in value.split(separator) if part.strip()]
