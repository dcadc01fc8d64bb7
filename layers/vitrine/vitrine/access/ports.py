"""What access needs from a store."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from vitrine.access.model import ApiKey, IdentitySecret, Merchant


class KeyRepository(Protocol):
    """Merchants and keys."""

    def add_merchant(self, merchant: Merchant) -> bool:
        """Store a new merchant; False when the id is taken."""
        ...

    def find_merchant(self, merchant_id: str) -> Merchant | None:
        """The merchant, read consistently."""
        ...

    def replace_identity_secrets(
        self, merchant_id: str, before: Sequence[IdentitySecret], after: Sequence[IdentitySecret]
    ) -> bool:
        """Replace a merchant's identity secrets; False when they are not `before`."""
        ...

    def add_key(self, key: ApiKey) -> None:
        """Store a new key."""
        ...

    def find_key(self, digest: str) -> ApiKey | None:
        """The key with this digest, read consistently."""
        ...

    def list_keys(self, merchant_id: str) -> Sequence[ApiKey]:
        """All keys of a merchant, revoked ones too, oldest first."""
        ...

    def newest_keys(self, merchant_id: str, limit: int, after: ApiKey | None) -> Sequence[ApiKey]:
        """Up to `limit` keys of a merchant, revoked ones too, newest first; those behind `after`."""
        ...

    def revoke_key(self, digest: str, revoked_at: datetime) -> None:
        """Let a key hold until `revoked_at`; an earlier revocation's time stays."""
        ...

    def replace_key(self, digest: str, revoked_at: datetime, successor: ApiKey) -> bool:
        """Store a key's successor and let the key hold until `revoked_at`; False when it is revoked already."""
        ...

    def note_use(self, digest: str, used_at: datetime, unless_after: datetime) -> None:
        """Set when a key was last used, unless a time after `unless_after` stands there."""
        ...


class QuotaRepository(Protocol):
    """What is spent of the windows of keys, and of addresses that use them."""

    def spend(self, spender: str, window: int, amount: int, limit: int) -> bool:
        """Add `amount` to the window's spending unless that would exceed `limit`; False when it would."""
        ...
