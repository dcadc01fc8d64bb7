"""Merchants, keys and identity secrets are made, listed, rolled and revoked."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from vitrine.access.model import ApiKey, IdentitySecret, Merchant, key_digest, key_text, kind_of, rolled
from vitrine.platform.problems import Conflict, FieldError, InvalidRequest, NotFound

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime, timedelta

    from vitrine.access.model import KeyRole
    from vitrine.access.ports import KeyRepository


class NewKey(NamedTuple):
    """A key at its making: the only moment its text is known."""

    text: str
    key: ApiKey


def create_merchant(
    repository: KeyRepository, merchant_id: str, name: str, *, now: datetime, random_text: Callable[[], str]
) -> Merchant:
    """Make a merchant. Raises Conflict when the id is taken."""
    merchant = Merchant(merchant_id, name, random_text(), now, (IdentitySecret(random_text()),))
    if not repository.add_merchant(merchant):
        raise Conflict(f"There is a merchant {merchant_id} already.")
    return merchant


def create_key(  # noqa: PLR0913 - each says one thing of a key
    repository: KeyRepository,
    merchant_id: str,
    role: KeyRole,
    requests_per_minute: int,
    *,
    now: datetime,
    random_text: Callable[[], str],
    label: str = "",
    origins: Sequence[str] = (),
    reviewer: str | None = None,
) -> NewKey:
    """Make a key. Raises NotFound for an unknown merchant, InvalidRequest for what its role cannot have."""
    _check_key(role, origins, reviewer)
    merchant = repository.find_merchant(merchant_id)
    if merchant is None:
        raise NotFound(f"There is no merchant {merchant_id}.")
    key = ApiKey(
        digest="",
        key_id="",
        merchant_id=merchant_id,
        merchant_secret=merchant.secret,
        role=role,
        requests_per_minute=requests_per_minute,
        created_at=now,
        label=label,
        origins=tuple(dict.fromkeys(origin.lower() for origin in origins)),
        reviewer=reviewer,
    )
    made = _with_text(key, random_text())
    repository.add_key(made.key)
    return made


def roll_key(
    repository: KeyRepository, key: ApiKey, overlap: timedelta, *, now: datetime, random_text: Callable[[], str]
) -> NewKey:
    """Give a key a successor that may do the same; the key itself holds for `overlap` more.

    Raises Conflict for a key that is revoked or rolled.
    """
    made = _with_text(replace(key, created_at=now, revoked_at=None, last_used_at=None), random_text())
    if not repository.replace_key(key.digest, now + overlap, made.key):
        raise Conflict(f"The key {key.key_id} is revoked or rolled already. Make a new one.")
    return made


def find_key(repository: KeyRepository, merchant_id: str, key_id: str) -> ApiKey:
    """A merchant's key. Raises NotFound."""
    for key in repository.list_keys(merchant_id):
        if key.key_id == key_id:
            return key
    raise NotFound(f"Merchant {merchant_id} has no key {key_id}.")


def _check_key(role: KeyRole, origins: Sequence[str], reviewer: str | None) -> None:
    errors = []
    if origins and role != "publishable":
        errors.append(FieldError("/origins", "are for publishable keys only"))
    if (role == "reviewer") != bool(reviewer):
        errors.append(FieldError("/reviewer", "is the name of a reviewer: reviewers' keys need one, others have none"))
    if errors:
        raise InvalidRequest("A key of this role cannot be so; see errors.", errors)


def _with_text(key: ApiKey, random_part: str) -> NewKey:
    text = key_text(kind_of(key.role), random_part)
    digest = key_digest(text)
    return NewKey(text, replace(key, digest=digest, key_id=f"key_{digest[:12]}"))


def roll_identity_secret(
    repository: KeyRepository, merchant_id: str, overlap: timedelta, *, now: datetime, random_text: Callable[[], str]
) -> str:
    """Give a merchant a new identity secret; earlier ones hold for `overlap` more.

    Raises NotFound for an unknown merchant, Conflict when the secret is rolled elsewhere at this moment.
    """
    merchant = repository.find_merchant(merchant_id)
    if merchant is None:
        raise NotFound(f"There is no merchant {merchant_id}.")
    fresh = random_text()
    after = rolled(merchant.identity_secrets, fresh, now, overlap)
    if not repository.replace_identity_secrets(merchant_id, merchant.identity_secrets, after):
        raise Conflict("The identity secret was rolled by somebody else at this moment. Try again.")
    return fresh


def revoke_key(repository: KeyRepository, merchant_id: str, key_id: str, *, now: datetime) -> None:
    """Revoke a key. It stops working once the authorizer's cache lets go of it. Raises NotFound."""
    repository.revoke_key(find_key(repository, merchant_id, key_id).digest, now)
