"""Read counts of views and clicks by time."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vitrine.galleries.model import NOTHING_COUNTED, CountedHour

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from datetime import datetime

    from vitrine.galleries.model import Gallery
    from vitrine.galleries.ports import GalleryRepository

_PAGE = 100


def read_hours(
    repository: GalleryRepository, galleries: Iterable[Gallery], first: datetime | None, end: datetime
) -> list[CountedHour]:
    """Return the hourly sums over these galleries, in order, from `first` (None: their creation) until `end`."""
    hours: dict[datetime, CountedHour] = {}
    for gallery in galleries:
        if gallery.totals == NOTHING_COUNTED:
            continue
        for hour in repository.list_hours(gallery, first or gallery.created_at, end):
            known = hours.get(hour.start)
            hours[hour.start] = CountedHour(hour.start, known.totals.plus(hour.totals)) if known else hour
    return [hours[start] for start in sorted(hours)]


def all_galleries(repository: GalleryRepository, merchant_id: str) -> Iterator[Gallery]:
    """Iterate over all galleries of a merchant, in the order of their ids."""
    found: Sequence[Gallery] = repository.list_galleries(merchant_id, _PAGE, None)
    while found:
        yield from found
        found = repository.list_galleries(merchant_id, _PAGE, found[-1].key.gallery_id)
