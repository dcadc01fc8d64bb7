"""The ports of access."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from vitrine.access.model import ApiKey, IdentitySecret, Log, LoggedRequest, Merchant


class KeyRepository(Protocol):
    """Merchants and keys."""

    def add_merchant(self, merchant: Merchant) -> bool:
        """Store a new merchant; False if the id is taken."""

    def find_merchant(self, merchant_id: str) -> Merchant | None:
        """The merchant, read consistently."""

    def replace_identity_secrets(
        self, merchant_id: str, before: Sequence[IdentitySecret], after: Sequence[IdentitySecret]
    ) -> bool:
        """Replace a merchant's identity secrets; False if they are not `before`."""

    def add_key(self, key: ApiKey) -> None:
        """Store a new key."""

    def find_key(self, digest: str) -> ApiKey | None:
        """The key with this digest, read consistently."""

    def list_keys(self, merchant_id: str) -> Sequence[ApiKey]:
        """All keys of a merchant, revoked ones too, oldest first."""

    def newest_keys(self, merchant_id: str, limit: int, after: ApiKey | None) -> Sequence[ApiKey]:
        """Up to `limit` keys of a merchant after `after`, newest first, revoked ones too."""

    def revoke_key(self, digest: str, revoked_at: datetime) -> None:
        """Revoke a key at `revoked_at`, unless it is revoked earlier."""

    def replace_key(self, digest: str, revoked_at: datetime, successor: ApiKey) -> bool:
        """Store a key's successor and revoke the key at `revoked_at`; False if it is already revoked."""

    def note_use(self, digest: str, used_at: datetime, unless_after: datetime) -> None:
        """Set the time of a key's last use, unless the stored one is after `unless_after`."""


class QuotaRepository(Protocol):
    """The requests that keys, and addresses that use them, have spent in each window."""

    def spend(self, spender: str, window: int, amount: int, limit: int) -> bool:
        """Add `amount` to the requests spent in a window; False, and nothing added, if that exceeds `limit`."""


class RequestLog(Protocol):
    """The failed requests and the changes of merchants. An entry is readable until `KEPT` is over."""

    def add(self, merchant_id: str, log: Log, entry: LoggedRequest) -> None:
        """Store an entry; storing it again changes nothing."""

    def newest(
        self, merchant_id: str, log: Log, limit: int, before: str | None, now: datetime
    ) -> Sequence[LoggedRequest]:
        """Up to `limit` entries before the position `before`, newest first."""

    def find_error(self, merchant_id: str, request_id: str, now: datetime) -> LoggedRequest | None:
        """The failed request with this id."""
