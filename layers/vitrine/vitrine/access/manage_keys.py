"""Merchants, keys and identity secrets are made, listed, rolled and revoked."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from vitrine.access.model import ApiKey, IdentitySecret, Merchant, key_digest, key_text, rolled
from vitrine.platform.problems import Conflict, NotFound

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime, timedelta

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
    merchant = Merchant(merchant_id, name, random_text(), now, (IdentitySecret(random_text()),))
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


def roll_identity_secret(
    store: KeyStore, merchant_id: str, overlap: timedelta, *, now: datetime, random_text: Callable[[], str]
) -> str:
    """Give a merchant a new identity secret; earlier ones hold for `overlap` more.

    Raises NotFound for an unknown merchant, Conflict when the secret is rolled elsewhere at this moment.
    """
    merchant = store.find_merchant(merchant_id)
    if merchant is None:
        raise NotFound(f"There is no merchant {merchant_id}.")
    fresh = random_text()
    after = rolled(merchant.identity_secrets, fresh, now, overlap)
    if not store.replace_identity_secrets(merchant_id, merchant.identity_secrets, after):
        raise Conflict("The identity secret was rolled by somebody else at this moment. Try again.")
    return fresh


def revoke_key(store: KeyStore, merchant_id: str, key_id: str, *, now: datetime) -> None:
    """Revoke a key. It stops working once the authorizer's cache lets go of it."""
    for key in store.list_keys(merchant_id):
        if key.key_id == key_id:
            store.revoke_key(key.digest, now)
            return
    raise NotFound(f"Merchant {merchant_id} has no key {key_id}.")
