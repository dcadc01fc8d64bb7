"""Limits of JSON from clients: nesting, Unicode text, and numbers that can be stored."""

from __future__ import annotations

import json
import math
import re
from typing import Any

DEEPEST = 64
MOST_DIGITS = 38
SMALLEST_NUMBER = 1e-130
NUMBERS_END = 1e126
INTEGERS_END: int = 10**MOST_DIGITS

TOO_DEEP = f"must not nest deeper than {DEEPEST}"
HALF_A_CHARACTER = "must not contain half a character (a lone surrogate such as \\ud800)"
NOT_STORABLE = f"must be 0 or have a magnitude from 1e-130 to 9.99e125 and at most {MOST_DIGITS} digits"

_STRING = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"?', re.DOTALL)
_SURROGATE_ESCAPE = re.compile(r"\\u[dD][89a-fA-F]")
_ONE_KIND = bytes.maketrans(b"{}", b"[]")
_NO_BRACKETS = bytes(set(range(256)) - set(b"[]"))
_LONGEST_INTEGER = 18


def _number(digits: str) -> int | float:
    return int(digits) if len(digits) <= _LONGEST_INTEGER else float(digits)


# NaN, which exports write for a missing value, is None; a number of any length is cheap to parse.
DECODER = json.JSONDecoder(parse_int=_number, parse_constant=lambda _: None)


def is_too_deep(text: bytes) -> bool:
    """Whether the JSON text nests deeper than `DEEPEST`. Takes linear time, without recursion.

    Each round removes the innermost level: all pairs of brackets with nothing between them.
    """
    if text.count(b"[") + text.count(b"{") <= DEEPEST:
        return False
    brackets = _STRING.sub(b"", text).translate(_ONE_KIND).translate(None, _NO_BRACKETS)
    for _ in range(DEEPEST):
        shorter = brackets.replace(b"[]", b"")
        if len(shorter) == len(brackets):
            break
        brackets = shorter
    return b"[]" in brackets or brackets.count(b"[") > DEEPEST


def read_json(text: str) -> Any:
    """The value of a JSON text from a file. Raises ValueError, also for strings that are not Unicode text."""
    if text.count("[") + text.count("{") > DEEPEST and is_too_deep(text.encode()):
        raise ValueError(TOO_DEEP)
    value = DECODER.decode(text)
    if _SURROGATE_ESCAPE.search(text):
        check_text(value)
    return value


def check_text(value: Any) -> None:
    """Raises ValueError when a string of the JSON value, or one of its keys, is not Unicode text."""
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError as error:
        raise ValueError(HALF_A_CHARACTER) from error


def check_value(value: Any, deepest: int = DEEPEST) -> None:
    """Raises ValueError when the JSON value nests too deeply or holds a number that cannot be stored."""
    if isinstance(value, dict | list):
        if not deepest:
            raise ValueError(TOO_DEEP)
        for item in value.values() if isinstance(value, dict) else value:
            check_value(item, deepest - 1)
    elif isinstance(value, int | float) and not is_storable(value):
        raise ValueError(NOT_STORABLE)


def is_storable(number: float) -> bool:
    """Whether DynamoDB can hold the number."""
    if isinstance(number, int):
        return abs(number) < INTEGERS_END
    return number == 0 or (math.isfinite(number) and SMALLEST_NUMBER <= abs(number) < NUMBERS_END)
