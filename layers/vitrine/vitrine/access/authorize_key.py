"""Whose key is this?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from vitrine.access.model import could_be_key, key_digest

if TYPE_CHECKING:
    from vitrine.access.model import ApiKey
    from vitrine.access.ports import KeyStore


def authorize_key(store: KeyStore, text: str) -> ApiKey | None:
    """The key, or None when it is unknown or revoked."""
    if not could_be_key(text):
        return None
    key = store.find_key(key_digest(text))
    return None if key is None or key.revoked_at else key
