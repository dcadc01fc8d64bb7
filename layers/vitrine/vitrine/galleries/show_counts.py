"""Whom is told what was counted?"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection
    from datetime import datetime

    from vitrine.galleries.model import GalleryKey
    from vitrine.galleries.ports import GalleryStore

REMEMBERED_FOR = timedelta(seconds=2)
_MOST_REMEMBERED = 10_000


class PublicCounts:
    """Knows which galleries tell web pages what was counted.

    A page of a gallery reads no more than before: what a gallery says is remembered for `REMEMBERED_FOR`.
    """

    def __init__(self, store: GalleryStore) -> None:
        self._store = store
        self._known: dict[GalleryKey, tuple[datetime, bool]] = {}

    def among(self, keys: Collection[GalleryKey], now: datetime) -> set[GalleryKey]:
        """Those of the galleries that tell."""
        unknown = {key for key in keys if key not in self._known or now - self._known[key][0] >= REMEMBERED_FOR}
        if unknown:
            if len(self._known) + len(unknown) > _MOST_REMEMBERED:
                self._known.clear()
                unknown = set(keys)
            found = self._store.find_galleries(unknown)
            for key in unknown:
                self._known[key] = (now, key in found and found[key].public_counts)
        return {key for key in keys if self._known[key][1]}

    def forget(self, key: GalleryKey) -> None:
        """Ask anew at the next occasion, because the gallery was changed here."""
        self._known.pop(key, None)
