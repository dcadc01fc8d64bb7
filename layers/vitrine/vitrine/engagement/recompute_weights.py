"""Bring galleries up to date with changed counters."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from vitrine.galleries.model import Counted

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from collections.abc import Set as AbstractSet
    from datetime import datetime

    from vitrine.engagement.ports import CounterKey, CounterRepository
    from vitrine.galleries.model import Counts, GalleryKey
    from vitrine.galleries.show_totals import ShownTotals

_SHOWN_AT_ONCE = 100


class CounterChange(NamedTuple):
    """A change of an image's counters. `whole` holds all its counts, if the change contains them."""

    key: CounterKey
    whole: Counts | None


class Recomputed(NamedTuple):
    """The number of images written, the counts that images show now, those that failed, and galleries to refit."""

    written: int
    shown: Mapping[CounterKey, Counts]
    set_aside: Sequence[CounterKey]
    priors_off: AbstractSet[GalleryKey]


def recompute_weights(
    repository: CounterRepository,
    show_totals: Callable[[GalleryKey, Sequence[Counted]], ShownTotals],
    changes: Iterable[CounterChange],
    on_failure: Callable[[Exception], None],
    *,
    now: datetime,
) -> Recomputed:
    """Apply changes with one write per image. They may come in any order and repeatedly.

    Images that fail are returned as `set_aside`; the others continue.
    """
    showing = _Showing(show_totals, on_failure, int(now.timestamp()))
    latest, unknown = _latest(changes)
    try:
        latest |= repository.read(unknown)
    except Exception as error:  # noqa: BLE001 - changes that need no read continue
        on_failure(error)
        showing.set_aside.extend(unknown)
    by_gallery: dict[GalleryKey, list[CounterKey]] = {}
    for key in latest:
        by_gallery.setdefault(key.gallery, []).append(key)
    for gallery, keys in by_gallery.items():
        for start in range(0, len(keys), _SHOWN_AT_ONCE):
            showing.show(gallery, keys[start : start + _SHOWN_AT_ONCE], latest)
    shown = {key: counts for key, counts in latest.items() if key not in showing.set_aside}
    return Recomputed(showing.written, shown, showing.set_aside, showing.priors_off)


class _Showing:
    """Shows counts on images and collects the outcomes."""

    def __init__(
        self,
        show_totals: Callable[[GalleryKey, Sequence[Counted]], ShownTotals],
        on_failure: Callable[[Exception], None],
        at: int,
    ) -> None:
        self._show_totals = show_totals
        self._on_failure = on_failure
        self._at = at
        self.written = 0
        self.set_aside: list[CounterKey] = []
        self.priors_off: set[GalleryKey] = set()

    def show(self, gallery: GalleryKey, keys: Sequence[CounterKey], latest: Mapping[CounterKey, Counts]) -> None:
        try:
            shown = self._show_totals(gallery, [_counted(key, latest[key], self._at) for key in keys])
        except Exception as error:  # noqa: BLE001 - one failing image must not block the others
            self._on_failure(error)
            if len(keys) == 1:
                self.set_aside.extend(keys)
                return
            for key in keys:
                self.show(gallery, [key], latest)
            return
        self.written += shown.images
        if shown.is_prior_off:
            self.priors_off.add(gallery)


def _counted(key: CounterKey, counts: Counts, at: int) -> Counted:
    return Counted(key.image_id, key.incarnation, counts.totals, counts, at)


def _latest(changes: Iterable[CounterChange]) -> tuple[dict[CounterKey, Counts], list[CounterKey]]:
    """Return the latest counts that the changes contain, and the counters that must be read."""
    latest: dict[CounterKey, Counts] = {}
    unknown: dict[CounterKey, None] = {}
    for key, whole in changes:
        if whole is None:
            unknown[key] = None
        elif key not in latest or latest[key].totals.events < whole.totals.events:
            latest[key] = whole
    return latest, list(unknown)
