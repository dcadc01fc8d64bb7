"""Environment variables, read once into typed settings."""

from __future__ import annotations

import os
from dataclasses import MISSING, fields
from typing import TYPE_CHECKING, Any, TypeVar, get_type_hints

if TYPE_CHECKING:
    from collections.abc import Mapping

Settings = TypeVar("Settings")


class MissingSettingError(RuntimeError):
    """The function was deployed without a variable it needs."""


def read_settings(kind: type[Settings], environment: Mapping[str, str] = os.environ) -> Settings:
    """Fill the dataclass `kind` from variables named as its fields in upper case.

    Fields are `str`, `int` or `float`. Raises MissingSettingError when one without a default is absent.
    """
    types = get_type_hints(kind)
    values: dict[str, Any] = {}
    for field in fields(kind):  # type: ignore[arg-type]
        text = environment.get(field.name.upper())
        if text is not None:
            values[field.name] = types[field.name](text)
        elif field.default is MISSING:
            message = f"set the environment variable {field.name.upper()}"
            raise MissingSettingError(message)
    return kind(**values)
