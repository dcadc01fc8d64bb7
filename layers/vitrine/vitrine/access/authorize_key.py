"""Find the key that a request carries."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, NamedTuple

from vitrine.access.model import USE_INTERVAL, could_be_key, key_digest, valid_secrets
from vitrine.platform.problems import ServiceError

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from vitrine.access.model import ApiKey
    from vitrine.access.ports import KeyRepository

REVOKED_WITHIN = timedelta(seconds=5)
_MOST_REMEMBERED = 10_000


class Grant(NamedTuple):
    """A valid key, and the identity secrets for user tokens (none for a key that may name every user)."""

    key: ApiKey
    identity_secrets: tuple[str, ...]


class KeyAuthorizer:
    """Finds keys, and caches valid ones.

    Reads with a publishable key may use a key that was found up to `remember_for` ago; writes, and all requests with
    other keys, one found up to `REVOKED_WITHIN` ago. Unknown keys are not cached: a new key works at once.
    """

    def __init__(
        self,
        repository: KeyRepository,
        remember_for: timedelta,
        on_failure: Callable[[Exception], None] = lambda _: None,
    ) -> None:
        """`on_failure` is called if the time of a use could not be noted."""
        self._repository = repository
        self._remember_for = remember_for
        self._on_failure = on_failure
        self._remembered: dict[str, tuple[datetime, Grant]] = {}

    def authorize(self, text: str, now: datetime, *, reads: bool = False) -> Grant | None:
        """The key's grant, or None if it is unknown or revoked. `reads` means that the request changes nothing."""
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
        return Grant(key, tuple(valid_secrets(merchant.identity_secrets, now)) if merchant else ())

    def _note_use(self, key: ApiKey, now: datetime) -> None:
        """Note the time of use, at most once in `USE_INTERVAL`. A failure does not fail the request."""
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
