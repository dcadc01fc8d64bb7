"""A cache of what a search reads from the store, so that it rarely does."""

from __future__ import annotations

from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime, timedelta

Value = TypeVar("Value")


class Recent(Generic[Value]):
    """Caches values for `remembered_for`, at most `most` of them."""

    def __init__(self, read: Callable[..., Value], remembered_for: timedelta, most: int) -> None:
        self._read = read
        self._remembered_for = remembered_for
        self._most = most
        self._known: dict[tuple[str, ...], tuple[datetime, Value]] = {}

    def find(self, now: datetime, *key: str) -> Value:
        """Return the value of a key. Raises what reading it raises."""
        known = self._known.get(key)
        if known and now - known[0] < self._remembered_for:
            return known[1]
        value = self._read(*key)
        if len(self._known) >= self._most:
            self._known.clear()
        self._known[key] = (now, value)
        return value

    def forget(self, *key: str) -> None:
        """Drop a value that this process has changed from the cache."""
        self._known.pop(key, None)
