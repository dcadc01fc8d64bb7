"""A cache of merchants' settings, so that a search rarely reads them."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime

    from vitrine.search.model import MerchantSettings
    from vitrine.search.ports import SettingsRepository

REMEMBERED_FOR = timedelta(seconds=5)
_MOST_REMEMBERED = 100


class RecentSettings:
    """Caches settings for `REMEMBERED_FOR`."""

    def __init__(self, repository: SettingsRepository) -> None:
        self._repository = repository
        self._known: dict[str, tuple[datetime, MerchantSettings]] = {}

    def find(self, merchant_id: str, now: datetime) -> MerchantSettings:
        """Return the settings."""
        read_at, settings = self._known.get(merchant_id, (None, None))
        if read_at is None or settings is None or now - read_at >= REMEMBERED_FOR:
            settings = self._repository.find(merchant_id)
            if len(self._known) >= _MOST_REMEMBERED:
                self._known.clear()
            self._known[merchant_id] = (now, settings)
        return settings

    def forget(self, merchant_id: str) -> None:
        """Drop settings that this process has changed from the cache."""
        self._known.pop(merchant_id, None)
