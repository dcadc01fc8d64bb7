"""Entries in Redis or Valkey."""

from __future__ import annotations

from typing import TYPE_CHECKING

import redis

from vitrine.platform.telemetry import logger
from vitrine.recommendations.dynamodb import ENTRY_SECONDS

if TYPE_CHECKING:
    from vitrine.catalog.model import UserKey
    from vitrine.recommendations.ports import Shelf

_TIMEOUT_SECONDS = 0.2


class RedisEntries:
    """Entries by `{merchant_id}:recommendations:user:{user_id}`. A cache that is down is a miss.

    An entry that could not be dropped shows nothing wrong later: its stamp is no longer the shelf's.
    """

    def __init__(self, url: str) -> None:
        self._client = redis.Redis.from_url(
            url, socket_timeout=_TIMEOUT_SECONDS, socket_connect_timeout=_TIMEOUT_SECONDS
        )

    def get(self, user: UserKey, shelf: Shelf) -> bytes | None:
        del shelf
        try:
            found = self._client.get(_key(user))
        except redis.RedisError:
            logger.warning("the cache does not answer")
            return None
        return found if isinstance(found, bytes) else None

    def put(self, user: UserKey, entry: bytes) -> None:
        try:
            self._client.set(_key(user), entry, ex=ENTRY_SECONDS)
        except redis.RedisError:
            logger.warning("the cache does not answer")

    def drop(self, user: UserKey) -> None:
        try:
            self._client.delete(_key(user))
        except redis.RedisError:
            logger.warning("the cache does not answer")


def _key(user: UserKey) -> str:
    return f"{user.merchant_id}:recommendations:user:{user.user_id}"
