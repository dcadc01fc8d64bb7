"""Create, find, roll and revoke merchants' keys and identity secrets."""

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
    """A new key with its text, which is not stored."""

    text: str
    key: ApiKey


def create_merchant(
    repository: KeyRepository, merchant_id: str, name: str, *, now: datetime, random_text: Callable[[], str]
) -> Merchant:
    """Create a merchant. Raises Conflict if the id is taken."""
    merchant = Merchant(merchant_id, name, random_text(), now, (IdentitySecret(random_text()),))
    if not repository.add_merchant(merchant):
        raise Conflict(f"A merchant {merchant_id} already exists.")
    return merchant


def create_key(  # noqa: PLR0913 - each is a property of the key
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
    """Create a key. Raises NotFound for an unknown merchant, InvalidRequest for properties its role cannot have."""
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
    """Create a key's successor with the same properties; the old key stays valid for `overlap`.

    Raises Conflict for a key that is revoked or rolled.
    """
    made = _with_text(replace(key, created_at=now, revoked_at=None, last_used_at=None), random_text())
    if not repository.replace_key(key.digest, now + overlap, made.key):
        raise Conflict(f"The key {key.key_id} is already revoked or rolled. Create a new one.")
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
        errors.append(FieldError("/origins", "are for publishable keys only; leave them out"))
    if (role == "reviewer") != bool(reviewer):
        errors.append(FieldError("/reviewer", "must be given for the role reviewer, and for no other role"))
    if errors:
        raise InvalidRequest("A key with this role cannot have these properties; see errors.", errors)


def _with_text(key: ApiKey, random_part: str) -> NewKey:
    text = key_text(kind_of(key.role), random_part)
    digest = key_digest(text)
    return NewKey(text, replace(key, digest=digest, key_id=f"key_{digest[:12]}"))


def roll_identity_secret(
    repository: KeyRepository, merchant_id: str, overlap: timedelta, *, now: datetime, random_text: Callable[[], str]
) -> str:
    """Create a merchant's new identity secret; earlier ones stay valid for `overlap`.

    Raises NotFound for an unknown merchant, Conflict if another request rolls the secret at the same time.
    """
    merchant = repository.find_merchant(merchant_id)
    if merchant is None:
        raise NotFound(f"There is no merchant {merchant_id}.")
    fresh = random_text()
    after = rolled(merchant.identity_secrets, fresh, now, overlap)
    if not repository.replace_identity_secrets(merchant_id, merchant.identity_secrets, after):
        raise Conflict("Another request rolled the identity secret at the same time. Try again.")
    return fresh


def revoke_key(repository: KeyRepository, merchant_id: str, key_id: str, *, now: datetime) -> None:
    """Revoke a key. It stops working when it leaves the authorizer's cache. Raises NotFound."""
    repository.revoke_key(find_key(repository, merchant_id, key_id).digest, now)
