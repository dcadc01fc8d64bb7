"""Typed settings from environment variables."""

from __future__ import annotations

import os
from functools import cache
from typing import TYPE_CHECKING, Any, TypeVar, cast, get_type_hints

if TYPE_CHECKING:
    from collections.abc import Mapping

Settings = TypeVar("Settings")


class MissingSettingError(RuntimeError):
    """The function was deployed without a variable that it needs."""


def setting(name: str, default: str | None = None) -> str:
    """Return an environment variable. Raises MissingSettingError if it is absent and has no default."""
    text = os.environ.get(name, default)
    if text is None:
        message = f"set the environment variable {name}"
        raise MissingSettingError(message)
    return text


def read_settings(kind: type[Settings], environment: Mapping[str, str] = os.environ) -> Settings:
    """Fill the named tuple `kind` from variables named as its fields in upper case.

    Fields are `str`, `int` or `float`. Raises MissingSettingError if one without a default is absent.
    """
    values: dict[str, Any] = {}
    for name, convert in _converters(cast("type", kind)).items():
        text = environment.get(name.upper())
        if text is not None:
            values[name] = convert(text)
        elif name not in kind._field_defaults:  # type: ignore[attr-defined]
            message = f"set the environment variable {name.upper()}"
            raise MissingSettingError(message)
    return kind(**values)


@cache
def _converters(kind: type) -> Mapping[str, Any]:
    """Return the types of the fields; some settings are read with every request."""
    return get_type_hints(kind)
