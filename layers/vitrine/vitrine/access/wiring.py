"""Access on its engine."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, NamedTuple

from vitrine.access.dynamodb import DynamoDBAccess
from vitrine.access.spend_quota import Quota
from vitrine.platform.aws import client
from vitrine.platform.settings import read_settings

if TYPE_CHECKING:
    from datetime import datetime

    from vitrine.platform.http import Caller


class AccessSettings(NamedTuple):
    """Where merchants and keys are kept."""

    access_table: str


@cache
def access_store() -> DynamoDBAccess:
    """Merchants, keys and quotas."""
    return DynamoDBAccess(client("dynamodb"), read_settings(AccessSettings).access_table)


@cache
def _quota() -> Quota:
    return Quota(access_store())


def admit(caller: Caller, now: datetime) -> None:
    """Take one request from the caller's quota."""
    _quota().spend(caller.key_id, caller.requests_per_minute, now)
