"""Whose key is this?"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, NamedTuple

from vitrine.access.model import USE_INTERVAL, could_be_key, holding, key_digest
from vitrine.platform.problems import ServiceError

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from vitrine.access.model import ApiKey
    from vitrine.access.ports import KeyRepository

REVOKED_WITHIN = timedelta(seconds=5)
_MOST_REMEMBERED = 10_000


class Grant(NamedTuple):
    """A key that holds, and the secrets that sign whom it may name (none for a key that may name everyone)."""

    key: ApiKey
    identity_secrets: tuple[str, ...]


class KeyAuthorizer:
    """Finds keys, and remembers those that hold.

    What a publishable key reads may follow from a key found `remember_for` ago; writes, and everything with another
    key, from one found `REVOKED_WITHIN` ago at most. Unknown keys are not remembered: a key works as soon as it is
    made.
    """

    def __init__(
        self,
        repository: KeyRepository,
        remember_for: timedelta,
        on_failure: Callable[[Exception], None] = lambda _: None,
    ) -> None:
        """`on_failure` is told when the time of a use could not be noted."""
        self._repository = repository
        self._remember_for = remember_for
        self._on_failure = on_failure
        self._remembered: dict[str, tuple[datetime, Grant]] = {}

    def authorize(self, text: str, now: datetime, *, reads: bool = False) -> Grant | None:
        """The key, or None when it is unknown or revoked. `reads` says that the request changes nothing."""
        if not could_be_key(text):
            return None
        digest = key_digest(text)
        found_at, grant = self._remembered.get(digest, (now, None))
        if grant is None or now - found_at >= self._age_limit(grant, reads=reads) or not grant.key.holds(now):
            grant = self._find(digest, now)
            self._remember(digest, now, grant)
        return grant

    def _age_limit(self, grant: Grant, *, reads: bool) -> timedelta:
        if reads and grant.key.kind == "publishable":
            return self._remember_for
        return min(self._remember_for, REVOKED_WITHIN)

    def _find(self, digest: str, now: datetime) -> Grant | None:
        key = self._repository.find_key(digest)
        if key is None or not key.holds(now):
            return None
        self._note_use(key, now)
        if key.kind == "secret":
            return Grant(key, ())
        merchant = self._repository.find_merchant(key.merchant_id)
        return Grant(key, tuple(holding(merchant.identity_secrets, now)) if merchant else ())

    def _note_use(self, key: ApiKey, now: datetime) -> None:
        """Note when the key is used, at most once in `USE_INTERVAL`. A failure holds up no request."""
        noted_before = now - USE_INTERVAL
        if key.last_used_at is None or key.last_used_at <= noted_before:
            try:
                self._repository.note_use(key.digest, now, noted_before)
            except ServiceError as error:
                self._on_failure(error)

    def _remember(self, digest: str, now: datetime, grant: Grant | None) -> None:
        self._remembered.pop(digest, None)
        if grant is None:
            return
        if len(self._remembered) >= _MOST_REMEMBERED:
            self._remembered.clear()
        self._remembered[digest] = (now, grant)
