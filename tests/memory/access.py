"""Merchants, keys and quotas in memory."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from threading import RLock
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from vitrine.access.model import ApiKey, IdentitySecret, Merchant


class AccessInMemory:
    """KeyRepository and QuotaRepository. `reads` counts the look-ups of keys."""

    def __init__(self) -> None:
        self.reads = 0
        self._lock = RLock()
        self._merchants: dict[str, Merchant] = {}
        self._keys: dict[str, ApiKey] = {}
        self._spent: Counter[tuple[str, int]] = Counter()

    def add_merchant(self, merchant: Merchant) -> bool:
        return self._merchants.setdefault(merchant.merchant_id, merchant) is merchant

    def find_merchant(self, merchant_id: str) -> Merchant | None:
        return self._merchants.get(merchant_id)

    def replace_identity_secrets(
        self, merchant_id: str, before: Sequence[IdentitySecret], after: Sequence[IdentitySecret]
    ) -> bool:
        with self._lock:
            merchant = self._merchants.get(merchant_id)
            if merchant is None or merchant.identity_secrets != tuple(before):
                return False
            self._merchants[merchant_id] = replace(merchant, identity_secrets=tuple(after))
            return True

    def add_key(self, key: ApiKey) -> None:
        self._keys[key.digest] = key

    def find_key(self, digest: str) -> ApiKey | None:
        self.reads += 1
        return self._keys.get(digest)

    def list_keys(self, merchant_id: str) -> Sequence[ApiKey]:
        keys = [key for key in self._keys.values() if key.merchant_id == merchant_id]
        return sorted(keys, key=lambda key: (key.created_at, key.digest))

    def newest_keys(self, merchant_id: str, limit: int, after: ApiKey | None) -> Sequence[ApiKey]:
        newest = [*reversed(self.list_keys(merchant_id))]
        start = newest.index(after) + 1 if after else 0
        return newest[start : start + limit]

    def revoke_key(self, digest: str, revoked_at: datetime) -> None:
        with self._lock:
            key = self._keys.get(digest)
            if key and (key.revoked_at is None or key.revoked_at > revoked_at):
                self._keys[digest] = replace(key, revoked_at=revoked_at)

    def replace_key(self, digest: str, revoked_at: datetime, successor: ApiKey) -> bool:
        with self._lock:
            key = self._keys.get(digest)
            if key is None or key.revoked_at is not None:
                return False
            self._keys[digest] = replace(key, revoked_at=revoked_at)
            self._keys[successor.digest] = successor
            return True

    def note_use(self, digest: str, used_at: datetime, unless_after: datetime) -> None:
        with self._lock:
            key = self._keys.get(digest)
            if key and (key.last_used_at is None or key.last_used_at <= unless_after):
                self._keys[digest] = replace(key, last_used_at=used_at)

    def spend(self, spender: str, window: int, amount: int, limit: int) -> bool:
        with self._lock:
            if self._spent[spender, window] + amount > limit:
                return False
            self._spent[spender, window] += amount
            return True
