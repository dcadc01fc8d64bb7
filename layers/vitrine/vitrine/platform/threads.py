"""Work spread over threads ends with the request that began it."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor, wait
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Iterator
    from concurrent.futures import Executor

Result = TypeVar("Result")


def run_all(threads: Executor, act: Callable[..., Result], *arguments: Iterable[Any]) -> list[Result]:
    """Call `act` for each of `arguments`; the results in their order. Raises the first failure once all have ended.

    A function that answered is frozen and may be woken hours later. What `Executor.map` leaves running behind a
    failure would go on then, with a clock and conditions of long ago.
    """
    calls = [threads.submit(act, *these) for these in zip(*arguments, strict=True)]
    wait(calls)
    return [call.result() for call in calls]


def one_ahead(items: Iterator[Result]) -> Generator[Result, None, None]:
    """The same items; while one is worked on, a thread makes the next. Closing it waits for that thread."""
    end: Any = object()
    with ThreadPoolExecutor(1) as thread:
        item = next(items, end)
        while item is not end:
            following = thread.submit(next, items, end)
            yield item
            item = following.result()
