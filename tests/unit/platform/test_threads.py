"""Work spread over threads."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest

from vitrine.platform.threads import one_ahead

if TYPE_CHECKING:
    from collections.abc import Iterator


def test_the_next_item_is_made_while_one_is_worked_on() -> None:
    second_is_made = threading.Event()

    def items() -> Iterator[int]:
        yield 1
        second_is_made.set()
        yield 2

    seen = []
    for item in one_ahead(items()):
        assert second_is_made.wait(5)
        seen.append(item)
    assert seen == [1, 2]


def test_no_more_than_one_item_is_made_ahead() -> None:
    made: list[int] = []

    def items() -> Iterator[int]:
        for number in range(5):
            made.append(number)
            yield number

    ahead = one_ahead(items())
    assert next(ahead) == 0
    ahead.close()
    assert made in ([0], [0, 1])


def test_a_failure_comes_behind_the_items_before_it() -> None:
    def items() -> Iterator[int]:
        yield 1
        raise ValueError

    ahead = one_ahead(items())
    assert next(ahead) == 1
    with pytest.raises(ValueError):
        next(ahead)
