"""Merchants and keys are made, listed and revoked."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from vitrine.access.model import ApiKey, Merchant, key_digest, key_text
from vitrine.platform.problems import Conflict, NotFound

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from vitrine.access.model import KeyKind
    from vitrine.access.ports import KeyStore


class NewKey(NamedTuple):
    """A key at its making: the only moment its text is known."""

    text: str
    key: ApiKey


def create_merchant(
    store: KeyStore, merchant_id: str, name: str, *, now: datetime, random_text: Callable[[], str]
) -> Merchant:
    """Make a merchant. Raises Conflict when the id is taken."""
    merchant = Merchant(merchant_id, name, random_text(), now)
    if not store.add_merchant(merchant):
        raise Conflict(f"There is a merchant {merchant_id} already.")
    return merchant


def create_key(  # noqa: PLR0913 - a key is what these five things say
    store: KeyStore,
    merchant_id: str,
    kind: KeyKind,
    requests_per_minute: int,
    *,
    now: datetime,
    random_text: Callable[[], str],
) -> NewKey:
    """Make a key. Raises NotFound for an unknown merchant."""
    merchant = store.find_merchant(merchant_id)
    if merchant is None:
        raise NotFound(f"There is no merchant {merchant_id}.")
    text = key_text(kind, random_text())
    digest = key_digest(text)
    key = ApiKey(digest, f"key_{digest[:12]}", merchant_id, merchant.secret, kind, requests_per_minute, now)
    store.add_key(key)
    return NewKey(text, key)


def revoke_key(store: KeyStore, merchant_id: str, key_id: str, *, now: datetime) -> None:
    """Revoke a key. It stops working once the authorizer's cache lets go of it."""
    for key in store.list_keys(merchant_id):
        if key.key_id == key_id:
            store.revoke_key(key.digest, now)
            return
    raise NotFound(f"Merchant {merchant_id} has no key {key_id}.")
