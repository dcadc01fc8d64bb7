"""Quotas per minute: of each key, and of each address that uses a publishable key."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vitrine.access.model import address_limit, address_share, lease_size, seconds_left, window_of
from vitrine.platform.problems import TooManyRequests

if TYPE_CHECKING:
    from datetime import datetime

    from vitrine.access.ports import QuotaRepository


MOST_ADDRESSES = 10_000
_SPENT = -1


class Quota:
    """Spends quotas by leases: a process leases a hundredth of a window at once and counts it down in memory.

    Once a window is spent, the process refuses requests without asking the store until the next window, so that a
    flood costs no writes.
    """

    def __init__(self, repository: QuotaRepository) -> None:
        self._repository = repository
        self._window = 0
        self._left: dict[str, int] = {}

    def spend(self, key_id: str, requests_per_minute: int, now: datetime) -> None:
        """Spend one request of the key's window. Raises TooManyRequests if it is spent."""
        window = window_of(now)
        if window != self._window:
            self._window = window
            self._left.clear()
        left = self._left.get(key_id, 0)
        if left == 0:
            left = self._lease(key_id, window, requests_per_minute)
        if left == _SPENT:
            self._left[key_id] = _SPENT
            raise TooManyRequests(
                f"This key's {requests_per_minute} requests of this minute are spent. Wait for the next minute.",
                seconds_left(now),
            )
        self._left[key_id] = left - 1

    def give_back(self, key_id: str, now: datetime) -> None:
        """Undo a `spend` of the same window."""
        if window_of(now) == self._window:
            self._left[key_id] = max(self._left.get(key_id, 0), 0) + 1

    def _lease(self, key_id: str, window: int, requests_per_minute: int) -> int:
        """Take a lease; a single request if less than a lease is left."""
        for amount in sorted({lease_size(requests_per_minute), 1}, reverse=True):
            if self._repository.spend(key_id, window, amount, requests_per_minute):
                return amount
        return _SPENT


class AddressQuota:
    """Limits each address to its part of a key's quota.

    A process allows each address a first share of its part without a write, so that ordinary visitors cost none, and
    leases further shares from the store. All processes together exceed the part by at most their first shares.
    Addresses are counted separately for each key.
    """

    def __init__(self, repository: QuotaRepository) -> None:
        self._repository = repository
        self._window = 0
        self._left: dict[str, dict[str, int]] = {}

    def spend(self, key_id: str, address: str, requests_per_minute: int, now: datetime) -> None:
        """Spend one request of an address's window; `address` is a digest. Raises TooManyRequests if it is spent."""
        window = window_of(now)
        if window != self._window:
            self._window = window
            self._left.clear()
        limit = address_limit(requests_per_minute)
        addresses = self._left.setdefault(key_id, {})
        if address not in addresses and len(addresses) >= MOST_ADDRESSES:
            addresses.clear()
        share = address_share(limit)
        left = addresses.get(address, share)
        if left == 0:
            is_leased = self._repository.spend(f"{key_id}/{address}", window, share, limit - share)
            left = share if is_leased else _SPENT
        if left == _SPENT:
            addresses[address] = _SPENT
            raise TooManyRequests(
                f"This address's {limit} requests of this minute are spent. Wait for the next minute.",
                seconds_left(now),
            )
        addresses[address] = left - 1
