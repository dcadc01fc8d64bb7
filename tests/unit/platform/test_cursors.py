"""A cursor's state has the form that its list reads, at every depth."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from vitrine.platform.cursors import read_state
from vitrine.platform.problems import MalformedRequest

if TYPE_CHECKING:
    from vitrine.platform.cursors import Form

FORM: Form = {"after": (str, int), "shown": [int], "last": bool}
STATE = {"after": ["a", 1], "shown": [1, 2], "last": True}


@pytest.mark.parametrize("change", [{}, {"shown": []}, {"after": ["", 0]}, {"last": False}])
def test_a_state_of_the_form_is_returned(change: dict[str, Any]) -> None:
    assert read_state({**STATE, **change}, FORM) == {**STATE, **change}


@pytest.mark.parametrize(
    "change",
    [
        {"after": ["a"]},
        {"after": ["a", 1, 2]},
        {"after": [1, "a"]},
        {"after": "a"},
        {"shown": ["a"]},
        {"shown": [1, True]},
        {"shown": {"0": 1}},
        {"last": 1},
        {"more": 1},
    ],
)
def test_a_state_of_another_form_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(MalformedRequest):
        read_state({**STATE, **change}, FORM)


def test_a_state_without_a_part_is_refused() -> None:
    with pytest.raises(MalformedRequest):
        read_state({"after": ["a", 1]}, FORM)
