"""Each key has so many requests a minute."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vitrine.access.model import lease_size, seconds_left, window_of
from vitrine.platform.problems import TooManyRequests

if TYPE_CHECKING:
    from datetime import datetime

    from vitrine.access.ports import QuotaStore


_SPENT = -1


class Quota:
    """Spends quotas by leases: a process takes a hundredth of a window at once and counts it down itself.

    Once a window is spent the process refuses by itself until the next, so that a flood costs no writes.
    """

    def __init__(self, store: QuotaStore) -> None:
        self._store = store
        self._leased: dict[str, tuple[int, int]] = {}

    def spend(self, key_id: str, requests_per_minute: int, now: datetime) -> None:
        """Take one request from the key's window. Raises TooManyRequests when it is spent."""
        window = window_of(now)
        leased_window, left = self._leased.get(key_id, (window, 0))
        if leased_window != window:
            left = 0
        if left == 0:
            left = self._lease(key_id, window, requests_per_minute)
        if left == _SPENT:
            self._leased[key_id] = (window, _SPENT)
            raise TooManyRequests(
                f"This key has {requests_per_minute} requests a minute; they are spent.", seconds_left(now)
            )
        self._leased[key_id] = (window, left - 1)

    def _lease(self, key_id: str, window: int, requests_per_minute: int) -> int:
        """Take a lease, or a single request of what is left when less than a lease is."""
        for amount in sorted({lease_size(requests_per_minute), 1}, reverse=True):
            if self._store.spend(key_id, window, amount, requests_per_minute):
                return amount
        return _SPENT
