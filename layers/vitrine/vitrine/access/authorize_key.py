"""Whose key is this?"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from vitrine.access.model import could_be_key, holding, key_digest

if TYPE_CHECKING:
    from datetime import datetime, timedelta

    from vitrine.access.model import ApiKey
    from vitrine.access.ports import KeyStore

_MOST_REMEMBERED = 10_000


class Grant(NamedTuple):
    """A key that holds, and the secrets that sign whom it may name (none for a key that may name everyone)."""

    key: ApiKey
    identity_secrets: tuple[str, ...]


class KeyAuthorizer:
    """Finds keys, and remembers those that hold for `remember_for`.

    Unknown keys are not remembered: a key works as soon as it is made.
    """

    def __init__(self, store: KeyStore, remember_for: timedelta) -> None:
        self._store = store
        self._remember_for = remember_for
        self._remembered: dict[str, tuple[datetime, Grant]] = {}

    def authorize(self, text: str, now: datetime) -> Grant | None:
        """The key, or None when it is unknown or revoked."""
        if not could_be_key(text):
            return None
        digest = key_digest(text)
        found_at, grant = self._remembered.get(digest, (now, None))
        if grant is None or now - found_at >= self._remember_for:
            grant = self._find(digest, now)
            self._remember(digest, now, grant)
        return grant

    def _find(self, digest: str, now: datetime) -> Grant | None:
        key = self._store.find_key(digest)
        if key is None or key.revoked_at:
            return None
        if key.kind == "secret":
            return Grant(key, ())
        merchant = self._store.find_merchant(key.merchant_id)
        return Grant(key, tuple(holding(merchant.identity_secrets, now)) if merchant else ())

    def _remember(self, digest: str, now: datetime, grant: Grant | None) -> None:
        self._remembered.pop(digest, None)
        if grant is None:
            return
        if len(self._remembered) >= _MOST_REMEMBERED:
            self._remembered.clear()
        self._remembered[digest] = (now, grant)
