"""Counters changed: what galleries show follows."""

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
    """An image's counters changed. `whole` is all that was counted when the change tells it."""

    key: CounterKey
    whole: Counts | None


class Recomputed(NamedTuple):
    """How many images were written, the changes that could not be followed, and galleries whose prior is off."""

    written: int
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
    """Follow many changes with one write an image, in any order and however often they come.

    Whatever fails is set aside, image by image, and the rest goes on.
    """
    showing = _Showing(show_totals, on_failure, int(now.timestamp()))
    latest, unknown = _latest(changes)
    try:
        latest |= repository.read(unknown)
    except Exception as error:  # noqa: BLE001 - those that need no reading go on
        on_failure(error)
        showing.set_aside.extend(unknown)
    by_gallery: dict[GalleryKey, list[CounterKey]] = {}
    for key in latest:
        by_gallery.setdefault(key.gallery, []).append(key)
    for gallery, keys in by_gallery.items():
        for start in range(0, len(keys), _SHOWN_AT_ONCE):
            showing.show(gallery, keys[start : start + _SHOWN_AT_ONCE], latest)
    return Recomputed(showing.written, showing.set_aside, showing.priors_off)


class _Showing:
    """Shows counts and keeps what became of them."""

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
        except Exception as error:  # noqa: BLE001 - one poison image must not hold up the others
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
    """The latest counts that the changes tell, and the counters that must be read."""
    latest: dict[CounterKey, Counts] = {}
    unknown: dict[CounterKey, None] = {}
    for key, whole in changes:
        if whole is None:
            unknown[key] = None
        elif key not in latest or latest[key].totals.events < whole.totals.events:
            latest[key] = whole
    return latest, list(unknown)
