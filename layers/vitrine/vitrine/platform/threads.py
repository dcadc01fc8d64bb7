"""Work in threads that never outlives the request that started it."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor, wait
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Iterator
    from concurrent.futures import Executor

Result = TypeVar("Result")


def run_all(threads: Executor, act: Callable[..., Result], *arguments: Iterable[Any]) -> list[Result]:
    """Call `act` with each of `arguments`; return the results in order. Raises the first error once all have ended.

    `Executor.map` leaves calls running after an error. Lambda freezes a function that has responded, so those calls
    could go on hours later, with outdated times and conditions.
    """
    calls = [threads.submit(act, *these) for these in zip(*arguments, strict=True)]
    wait(calls)
    return [call.result() for call in calls]


def one_ahead(items: Iterator[Result]) -> Generator[Result, None, None]:
    """Yield the same items; while one is used, a thread prepares the next. Closing waits for that thread."""
    end: Any = object()
    with ThreadPoolExecutor(1) as thread:
        item = next(items, end)
        while item is not end:
            following = thread.submit(next, items, end)
            yield item
            item = following.result()
