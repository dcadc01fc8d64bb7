"""Entries in Redis or Valkey."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, TypeVar

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from vitrine.platform.telemetry import logger
from vitrine.recommendations.dynamodb import ENTRY_SECONDS

if TYPE_CHECKING:
    from collections.abc import Callable

    from vitrine.catalog.model import UserKey
    from vitrine.recommendations.ports import Shelf

Result = TypeVar("Result")

_TIMEOUT_SECONDS = 0.2
_PAUSE_SECONDS = 1.0


class RedisEntries:
    """Entries by `{merchant_id}/recommendations:user:{user_id}`. A cache that is down is a miss.

    One that does not answer is left alone for a second, so that few requests wait for it. An entry that could not be
    dropped shows nothing wrong later: its stamp is no longer the shelf's.
    """

    def __init__(self, url: str) -> None:
        self._client = redis.Redis.from_url(
            url,
            socket_timeout=_TIMEOUT_SECONDS,
            socket_connect_timeout=_TIMEOUT_SECONDS,
            retry=Retry(NoBackoff(), 0),
        )
        self._resumes = 0.0

    def get(self, user: UserKey, shelf: Shelf) -> bytes | None:
        del shelf
        found = self._ask(lambda: self._client.get(_key(user)))
        return found if isinstance(found, bytes) else None

    def put(self, user: UserKey, entry: bytes) -> None:
        self._ask(lambda: self._client.set(_key(user), entry, ex=ENTRY_SECONDS))

    def drop(self, user: UserKey) -> None:
        self._ask(lambda: self._client.delete(_key(user)))

    def _ask(self, question: Callable[[], Result]) -> Result | None:
        if time.monotonic() < self._resumes:
            return None
        try:
            return question()
        except redis.RedisError:
            self._resumes = time.monotonic() + _PAUSE_SECONDS
            logger.warning("the cache does not answer")
            return None


def _key(user: UserKey) -> str:
    """Ids hold no slash, so no merchant's key is another's."""
    return f"{user.merchant_id}/recommendations:user:{user.user_id}"
