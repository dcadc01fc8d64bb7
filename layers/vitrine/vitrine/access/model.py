"""Merchants, their keys and what a key may spend."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from datetime import datetime

KeyKind = Literal["publishable", "secret"]
PREFIXES: dict[KeyKind, str] = {"publishable": "pk_", "secret": "sk_"}
WINDOW_SECONDS = 60
_KEY_FORM = re.compile(r"[ps]k_[A-Za-z0-9_-]{8,128}")
_LEASES_PER_WINDOW = 100


@dataclass(frozen=True)
class Merchant:
    """A shop. `secret` seals its cursors and hashes its event ids; it never leaves the backend."""

    merchant_id: str
    name: str
    secret: str
    created_at: datetime


@dataclass(frozen=True)
class ApiKey:
    """A key as it is stored: by its digest, never in clear."""

    digest: str
    key_id: str
    merchant_id: str
    merchant_secret: str
    kind: KeyKind
    requests_per_minute: int
    created_at: datetime
    revoked_at: datetime | None = None


def key_text(kind: KeyKind, random_part: str) -> str:
    """The key as its owner sees it, once."""
    return PREFIXES[kind] + random_part


def could_be_key(text: str) -> bool:
    """Whether a text has the form of keys, so that nonsense costs no look-up."""
    return _KEY_FORM.fullmatch(text) is not None


def key_digest(text: str) -> str:
    """How a key is stored. Keys carry 192 random bits, so one SHA-256 is beyond guessing."""
    return hashlib.sha256(text.encode()).hexdigest()


def window_of(now: datetime) -> int:
    """Number of the quota window that `now` lies in."""
    return int(now.timestamp()) // WINDOW_SECONDS


def seconds_left(now: datetime) -> int:
    """Whole seconds until the next quota window begins, at least 1."""
    return WINDOW_SECONDS - int(now.timestamp()) % WINDOW_SECONDS


def lease_size(requests_per_minute: int) -> int:
    """How many requests a process takes from the window at once.

    One per cent of the quota: the quota is never exceeded, costs a write per hundredth of it, and a process
    that ends early wastes at most that hundredth.
    """
    return max(1, requests_per_minute // _LEASES_PER_WINDOW)
