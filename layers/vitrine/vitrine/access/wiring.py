"""The engines of access."""

from __future__ import annotations

import secrets
from datetime import timedelta
from functools import cache
from typing import TYPE_CHECKING, cast

from vitrine.access.authorize_key import KeyAuthorizer
from vitrine.access.dynamodb import DynamoDBAccess, DynamoDBRequestLog
from vitrine.access.model import address_digest, trusted_user_id, window_of
from vitrine.access.spend_quota import AddressQuota, Quota
from vitrine.platform.aws import client, prompt_client
from vitrine.platform.http import PUBLISHABLE
from vitrine.platform.settings import setting
from vitrine.platform.telemetry import logger

if TYPE_CHECKING:
    from collections.abc import Callable

    from vitrine.access.model import KeyKind
    from vitrine.access.note_outcome import OutcomeNotes
    from vitrine.platform.http import Outcome, Request


_SECRET_BYTES = 24


@cache
def access_store() -> DynamoDBAccess:
    """Merchants, keys and quotas."""
    return DynamoDBAccess(client("dynamodb"), setting("ACCESS_TABLE"))


@cache
def key_authorizer() -> KeyAuthorizer:
    """The authorizer, with its cache of keys."""
    remember_for = timedelta(seconds=int(setting("KEY_CACHE_SECONDS")))
    return KeyAuthorizer(access_store(), remember_for, lambda error: logger.warning("use not noted", exc_info=error))


@cache
def request_log() -> DynamoDBRequestLog:
    """The failed requests and the changes of merchants."""
    table = setting("LOGS_TABLE")
    return DynamoDBRequestLog(client("dynamodb"), prompt_client("dynamodb"), table)


@cache
def _outcome_notes() -> OutcomeNotes:
    from vitrine.access.note_outcome import OutcomeNotes  # noqa: PLC0415 - most requests are not noted

    return OutcomeNotes(request_log())


def note_outcome(outcome: Outcome) -> None:
    """Write a failed request or a change to its merchant's log."""
    _outcome_notes().note(outcome)


@cache
def _quota() -> Quota:
    return Quota(access_store())


@cache
def _address_quota() -> AddressQuota:
    return AddressQuota(access_store())


def random_text() -> str:
    """A secret of 192 random bits."""
    return secrets.token_urlsafe(_SECRET_BYTES)


def check_quota(request: Request) -> Callable[[], None]:
    """Spend one request of the key's quota, and of the address's with a publishable key. Raises TooManyRequests.

    Returns a function that gives the request back to the key, for invalid requests; not to the address.
    """
    caller, now = request.caller, request.now
    if caller.kind == PUBLISHABLE:
        digest = address_digest(request.source_address, caller.merchant_secret, window_of(now))
        _address_quota().spend(caller.key_id, digest, caller.requests_per_minute, now)
    _quota().spend(caller.key_id, caller.requests_per_minute, now)
    return lambda: _quota().give_back(caller.key_id, now)


def trust_user(request: Request, user_id: str, token: str | None = None) -> str | None:
    """`user_id` if the request may speak for that user, otherwise None. Every route that takes a user id calls this.

    `token` is the one in the body; without it the header `X-User-Token` counts.
    """
    caller = request.caller
    token = token or request.headers.get("x-user-token")
    return trusted_user_id(cast("KeyKind", caller.kind), user_id, token, caller.identity_secrets, request.now)
