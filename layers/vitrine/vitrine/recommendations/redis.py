"""The response cache in Redis or Valkey."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, TypeVar

import redis
from botocore.exceptions import BotoCoreError, ClientError
from redis.backoff import NoBackoff
from redis.retry import Retry

from vitrine.platform.telemetry import logger
from vitrine.recommendations.ports import RESPONSE_SECONDS

if TYPE_CHECKING:
    from collections.abc import Callable

    from vitrine.catalog.model import UserKey
    from vitrine.recommendations.ports import RecommendationInputs

Result = TypeVar("Result")

_TIMEOUT_SECONDS = 0.2
_PAUSE_SECONDS = 1.0
_SECRET_SECONDS = 300.0


class SecretCredentials(redis.CredentialProvider):
    """Credentials from a secret: the password, or JSON with `username` and `password`.

    New connections read the secret again after five minutes, so it can be rotated.
    """

    def __init__(self, read_secret: Callable[[], str]) -> None:
        self._read_secret = read_secret
        self._known: tuple[str] | tuple[str, str] | None = None
        self._read_at = 0.0

    def get_credentials(self) -> tuple[str] | tuple[str, str]:
        """Return user name and password, or the password alone. Raises redis.AuthenticationError."""
        if self._known is None or time.monotonic() - self._read_at > _SECRET_SECONDS:
            try:
                self._known = _credentials(self._read_secret())
            except (BotoCoreError, ClientError) as error:
                raise redis.AuthenticationError("the secret of the Redis cannot be read") from error
            self._read_at = time.monotonic()
        return self._known


def _credentials(secret: str) -> tuple[str] | tuple[str, str]:
    try:
        fields = json.loads(secret)
        return fields["username"], fields["password"]
    except (ValueError, TypeError, KeyError):
        return (secret,)


class RedisCache:
    """Responses by `{merchant_id}/recommendations:user:{user_id}`. A cache that is down is a miss.

    After an error it is not asked for a second, so few requests wait for it. A response that could not be dropped is
    not shown later: its stamp differs from the inputs'.
    """

    def __init__(self, url: str, credentials: SecretCredentials | None = None) -> None:
        self._client = redis.Redis.from_url(
            url,
            credential_provider=credentials,
            socket_timeout=_TIMEOUT_SECONDS,
            socket_connect_timeout=_TIMEOUT_SECONDS,
            retry=Retry(NoBackoff(), 0),
        )
        self._resumes = 0.0

    def get(self, user: UserKey, inputs: RecommendationInputs) -> bytes | None:
        del inputs
        response = self._try(lambda: self._client.get(_key(user)))
        return response if isinstance(response, bytes) else None

    def put(self, user: UserKey, response: bytes) -> None:
        self._try(lambda: self._client.set(_key(user), response, ex=RESPONSE_SECONDS))

    def drop(self, user: UserKey) -> None:
        self._try(lambda: self._client.delete(_key(user)))

    def _try(self, call: Callable[[], Result]) -> Result | None:
        if time.monotonic() < self._resumes:
            return None
        try:
            return call()
        except redis.RedisError:
            self._resumes = time.monotonic() + _PAUSE_SECONDS
            logger.warning("the response cache does not respond")
            return None


def _key(user: UserKey) -> str:
    """Return the key. Ids contain no slash, so merchants' keys never collide."""
    return f"{user.merchant_id}/recommendations:user:{user.user_id}"
