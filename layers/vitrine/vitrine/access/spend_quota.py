"""Each key has so many requests a minute."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vitrine.access.model import lease_size, seconds_left, window_of
from vitrine.platform.problems import TooManyRequests

if TYPE_CHECKING:
    from datetime import datetime

    from vitrine.access.ports import QuotaStore


class Quota:
    """Spends quotas by leases: a process takes a hundredth of a window at once and counts it down itself."""

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
            left = lease_size(requests_per_minute)
            if not self._store.spend(key_id, window, left, requests_per_minute):
                raise TooManyRequests(
                    f"This key has {requests_per_minute} requests a minute; they are spent.", seconds_left(now)
                )
        self._leased[key_id] = (window, left - 1)
