"""A cache of galleries, so that a page of images rarely costs a read of its gallery."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from vitrine.galleries.read_gallery import gallery_not_found

if TYPE_CHECKING:
    from collections.abc import Collection
    from datetime import datetime

    from vitrine.galleries.model import Gallery, GalleryKey
    from vitrine.galleries.ports import GalleryRepository

REMEMBERED_FOR = timedelta(seconds=2)
_MOST_REMEMBERED = 10_000


class RecentGalleries:
    """Caches galleries for `REMEMBERED_FOR`; does not cache that a gallery is missing."""

    def __init__(self, repository: GalleryRepository) -> None:
        self._repository = repository
        self._known: dict[GalleryKey, tuple[datetime, Gallery]] = {}

    def find(self, key: GalleryKey, now: datetime) -> Gallery:
        """Return the gallery. Raises NotFound, also while it is being deleted."""
        gallery = self.find_all([key], now).get(key)
        if gallery is None or gallery.deleting:
            raise gallery_not_found(key)
        return gallery

    def telling_counts(self, keys: Collection[GalleryKey], now: datetime) -> set[GalleryKey]:
        """Return those of the galleries that have public counts."""
        return {key for key, gallery in self.find_all(keys, now).items() if gallery.public_counts}

    def find_all(self, keys: Collection[GalleryKey], now: datetime) -> dict[GalleryKey, Gallery]:
        """Return those of the galleries that exist."""
        known = {
            key: cached[1] for key in keys if (cached := self._known.get(key)) and now - cached[0] < REMEMBERED_FOR
        }
        unknown = {key for key in keys if key not in known}
        if unknown:
            found = self._repository.find_galleries(unknown)
            if len(self._known) + len(found) > _MOST_REMEMBERED:
                self._known.clear()
            self._known.update({key: (now, gallery) for key, gallery in found.items()})
            known.update(found)
        return known

    def forget(self, key: GalleryKey) -> None:
        """Drop a gallery that this process has changed from the cache."""
        self._known.pop(key, None)
