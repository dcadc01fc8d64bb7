"""Merchants, keys, quotas, and the users that a key may name."""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime

KeyKind = Literal["publishable", "secret"]
KeyRole = Literal["publishable", "reviewer", "editor", "secret"]
ROLES: tuple[KeyRole, ...] = ("publishable", "reviewer", "editor", "secret")
PREFIXES: dict[KeyKind, str] = {"publishable": "pk_", "secret": "sk_"}
LONGEST_OVERLAP = timedelta(days=7)
USE_INTERVAL = timedelta(hours=1)
WINDOW_SECONDS = 60
_KEY_FORM = re.compile(r"[ps]k_[A-Za-z0-9_-]{8,128}")
_LEASES_PER_WINDOW = 100
_ADDRESSES_PER_KEY = 10
_LEAST_ADDRESS_LIMIT = 60
_SHARES_PER_ADDRESS = 20

Log = Literal["errors", "changes"]
KEPT: dict[Log, timedelta] = {"errors": timedelta(days=7), "changes": timedelta(days=90)}
MOST_ERRORS_PER_MINUTE = 20
_PEOPLE = frozenset({"user_id", "visitor"})
_LONGEST_ID = 128
LONGEST_DETAIL = 300

LONGEST_TOKEN_LIFE = timedelta(hours=24)
_VISITOR = re.compile(r"visitor:[A-Za-z0-9_-]{22,120}")
_TOKEN = re.compile(r"v1\.([1-9][0-9]{0,11})\.([A-Za-z0-9_-]{43})=?")


class IdentitySecret(NamedTuple):
    """A secret that a shop's server signs user tokens with. `ends_at` is None until it is rolled."""

    text: str
    ends_at: datetime | None = None


@dataclass(frozen=True)
class Merchant:
    """A shop. `secret` seals its cursors and hashes its event ids; it never leaves the backend.

    `identity_secrets` are shared with the shop's server, the newest first.
    """

    merchant_id: str
    name: str
    secret: str
    created_at: datetime
    identity_secrets: tuple[IdentitySecret, ...] = ()


@dataclass(frozen=True)
class ApiKey:
    """A key as it is stored: by its digest, never in clear.

    It is valid until `revoked_at`, which is in the future while a rolled key overlaps its successor. `origins` are the
    web origins that may use a publishable key; empty means any. `reviewer` is the name under which a reviewer's key
    acts.
    `last_used_at` is at most `USE_INTERVAL` old while the key is in use.
    """

    digest: str
    key_id: str
    merchant_id: str
    merchant_secret: str
    role: KeyRole
    requests_per_minute: int
    created_at: datetime
    revoked_at: datetime | None = None
    label: str = ""
    origins: tuple[str, ...] = ()
    reviewer: str | None = None
    last_used_at: datetime | None = None

    @property
    def kind(self) -> KeyKind:
        """Whether the key may be in a public page."""
        return kind_of(self.role)

    def holds(self, now: datetime) -> bool:
        """Whether the key is not revoked."""
        return self.revoked_at is None or now < self.revoked_at

    def is_for(self, origin: str | None) -> bool:
        """Whether a page of this origin may use the key. A request without an origin comes from no page."""
        return not origin or not self.origins or origin.lower() in self.origins


@dataclass(frozen=True)
class LoggedRequest:
    """A failed request or a change, as its merchant can read it. It holds no body, no query and no ids of people.

    `ids` are those in the path, and those of what the request created. `code` and `detail` are those of the error.
    """

    request_id: str
    at: datetime
    method: str
    route: str
    ids: Mapping[str, str]
    status: int
    key_id: str
    key_label: str
    role: KeyRole
    reviewer: str | None = None
    code: str | None = None
    detail: str | None = None

    @property
    def position(self) -> str:
        """Sorts requests by time."""
        return f"{self.at.isoformat(timespec='milliseconds')}#{self.request_id}"


def logged_ids(path_parameters: Mapping[str, str], content: Any) -> dict[str, str]:
    """The ids that a log keeps: those of the path and of what was created, without ids of people."""
    created = content if isinstance(content, dict) else {}
    named = {name: value for name, value in created.items() if name.endswith("_id") and isinstance(value, str)}
    ids = {**path_parameters, **named}
    return {name: value[:_LONGEST_ID] for name, value in ids.items() if name not in _PEOPLE}


def kind_of(role: KeyRole) -> KeyKind:
    """The kind of keys with this role."""
    return "publishable" if role == "publishable" else "secret"


def key_text(kind: KeyKind, random_part: str) -> str:
    """The key as its owner sees it, once."""
    return PREFIXES[kind] + random_part


def could_be_key(text: str) -> bool:
    """Whether a text has the form of keys; others need no look-up."""
    return _KEY_FORM.fullmatch(text) is not None


def key_digest(text: str) -> str:
    """The form in which a key is stored. Keys have 192 random bits, so nobody can find one by guessing digests."""
    return hashlib.sha256(text.encode()).hexdigest()


def window_of(now: datetime) -> int:
    """The number of the quota window that contains `now`."""
    return int(now.timestamp()) // WINDOW_SECONDS


def seconds_left(now: datetime) -> int:
    """Whole seconds until the next quota window begins, at least 1."""
    return WINDOW_SECONDS - int(now.timestamp()) % WINDOW_SECONDS


def lease_size(requests_per_minute: int) -> int:
    """How many requests a process leases from the window at once.

    One per cent: the quota is never exceeded, each hundredth of it costs one write, and a process that ends early
    wastes at most one hundredth.
    """
    return max(1, requests_per_minute // _LEASES_PER_WINDOW)


def sent_key(header: str, in_query: Sequence[str]) -> str:
    """The key of a request; empty if the header and the query, or several parameters, differ.

    Caches store responses by URL. If a header could override the key in the URL, a response of one shop could be
    cached under the URL of another.
    """
    sent = {header, *in_query} if header else set(in_query)
    return sent.pop() if len(sent) == 1 else ""


def rolled(
    secrets: Iterable[IdentitySecret], fresh: str, now: datetime, overlap: timedelta
) -> tuple[IdentitySecret, ...]:
    """The identity secrets with `fresh` first; the earlier ones stay valid for at most `overlap`."""
    end = now + overlap
    earlier = [(secret.text, min(secret.ends_at or end, end)) for secret in secrets]
    return (IdentitySecret(fresh), *(IdentitySecret(text, ends) for text, ends in earlier if ends > now))


def valid_secrets(secrets: Iterable[IdentitySecret], now: datetime) -> list[str]:
    """The identity secrets that user tokens may be signed with at this time."""
    return [secret.text for secret in secrets if secret.ends_at is None or secret.ends_at > now]


def sign_user_token(identity_secret: str, user_id: str, expiry: int) -> str:
    """`v1.{expiry}.{signature}`: proves that its holder may speak for the user until `expiry`, in Unix seconds."""
    signed = hmac.new(identity_secret.encode(), f"{user_id}.{expiry}".encode(), hashlib.sha256).digest()
    return f"v1.{expiry}.{base64.urlsafe_b64encode(signed).decode().rstrip('=')}"


def trusted_user_id(
    kind: KeyKind, user_id: str | None, token: str | None, identity_secrets: Sequence[str], now: datetime
) -> str | None:
    """`user_id` if the sender may speak for that user, otherwise None.

    A secret key may speak for every user. A publishable key is public, so its sender may speak only for a visitor
    whose id nobody can guess, or for the user that `token` was signed for.
    """
    if user_id is None or kind == "secret" or _VISITOR.fullmatch(user_id):
        return user_id
    parts = _TOKEN.fullmatch(token) if token else None
    if parts is None:
        return None
    expiry = int(parts[1])
    left_seconds = expiry - now.timestamp()
    if not 0 < left_seconds <= LONGEST_TOKEN_LIFE.total_seconds():
        return None
    sent = f"v1.{expiry}.{parts[2]}".encode()
    matches = [
        hmac.compare_digest(sent, sign_user_token(secret, user_id, expiry).encode()) for secret in identity_secrets
    ]
    return user_id if any(matches) else None


def address_limit(requests_per_minute: int) -> int:
    """How many of a key's requests one address may spend in a minute: a tenth, but at least 60.

    One sender cannot use up more than a tenth, and an office behind one address has enough.
    """
    return min(requests_per_minute, max(_LEAST_ADDRESS_LIMIT, requests_per_minute // _ADDRESSES_PER_KEY))


def address_share(limit: int) -> int:
    """How much of an address's limit a process allows or leases at once."""
    return max(1, limit // _SHARES_PER_ADDRESS)


def address_digest(address: str, merchant_secret: str, window: int) -> str:
    """A keyed digest of an address for one window, so that nobody finds the address by trying all of them."""
    text = f"{window}/{address}".encode("utf-8", "surrogatepass")
    return hashlib.blake2b(text, key=merchant_secret.encode()[:64], digest_size=8).hexdigest()
