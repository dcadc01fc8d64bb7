"""Depth, text and numbers of JSON that clients send."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vitrine.platform.json_text import DEEPEST, check_value, is_storable, is_too_deep, read_json

VALUES = st.recursive(
    st.none() | st.booleans() | st.text(alphabet='[]{}"\\ax', max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text('[{"\\', max_size=3), inner, max_size=3),
)


def nested(levels: int, value: Any = 0) -> Any:
    for level in range(levels):
        value = [value] if level % 2 else {"a": value}
    return value


@given(VALUES)
def test_brackets_in_text_are_no_depth(value: Any) -> None:
    wide = json.dumps([value] * DEEPEST)
    assert not is_too_deep(wide.encode())
    assert read_json(wide) == [value] * DEEPEST


@pytest.mark.parametrize("beside", [[], ['"[[[['], [nested(30)] * 5])
def test_64_levels_are_taken_and_65_are_not(beside: list[Any]) -> None:
    assert not is_too_deep(json.dumps([*beside, nested(DEEPEST - 1)]).encode())
    assert is_too_deep(json.dumps([*beside, nested(DEEPEST)]).encode())
    check_value(nested(DEEPEST))
    with pytest.raises(ValueError, match="deeper"):
        check_value(nested(DEEPEST + 1))


@pytest.mark.parametrize(
    "text",
    [b"[" * 500_000, b"[" * 400_000 + b"]" * 400_000, b'"' * 800_000, b'"\\"' * 300_000, b'[{"' * 300_000],
    ids=["open", "deep", "quotes", "escapes", "keys"],
)
def test_hostile_text_takes_linear_time(text: bytes) -> None:
    started = time.process_time()
    is_too_deep(text)
    assert time.process_time() - started < 1


@pytest.mark.parametrize("text", [r'{"a":{"\ud800":1}}', r'["\uDFFF"]', r'"\ud83d"', r'"\ude00\ud83d"'])
def test_half_a_character_is_refused_at_every_depth(text: str) -> None:
    with pytest.raises(ValueError, match="half a character"):
        read_json(text)


def test_a_whole_character_is_taken_as_two_escapes() -> None:
    assert read_json(r'"\ud83e\udd8a"') == "🦊"


@pytest.mark.parametrize("number", [10**38, -(10**38), 1e-131, -1e-200, 1e126, float("inf"), float("nan")])
def test_a_number_that_cannot_be_stored_is_refused_at_every_depth(number: float) -> None:
    assert not is_storable(number)
    with pytest.raises(ValueError, match="38 digits"):
        check_value({"a": [{"b": number}]})


@pytest.mark.parametrize("number", [0, 0.0, -0.0, 10**38 - 1, 1e-130, -1e-130, 9.99e125, True])
def test_a_number_that_can_be_stored_is_taken(number: float) -> None:
    assert is_storable(number)
    check_value([number])
