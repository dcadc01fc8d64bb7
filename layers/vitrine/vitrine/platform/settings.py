"""Typed settings from environment variables."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, TypeVar, get_type_hints

if TYPE_CHECKING:
    from collections.abc import Mapping

Settings = TypeVar("Settings")


class MissingSettingError(RuntimeError):
    """The function was deployed without a variable that it needs."""


def read_settings(kind: type[Settings], environment: Mapping[str, str] = os.environ) -> Settings:
    """Fill the named tuple `kind` from variables named as its fields in upper case.

    Fields are `str`, `int` or `float`. Raises MissingSettingError if one without a default is absent.
    """
    values: dict[str, Any] = {}
    for name, convert in get_type_hints(kind).items():
        text = environment.get(name.upper())
        if text is not None:
            values[name] = convert(text)
        elif name not in kind._field_defaults:  # type: ignore[attr-defined]
            message = f"set the environment variable {name.upper()}"
            raise MissingSettingError(message)
    return kind(**values)
