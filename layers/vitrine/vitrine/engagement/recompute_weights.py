"""Counters changed: what galleries show follows."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from vitrine.galleries.model import Counted

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from vitrine.engagement.ports import CounterKey, CounterStore
    from vitrine.galleries.model import GalleryKey, Totals

_SHOWN_AT_ONCE = 100


class Change(NamedTuple):
    """An image's counters changed. `whole` are its totals when the change tells them all."""

    key: CounterKey
    whole: Totals | None


class Recomputed(NamedTuple):
    """How many images were written, and the changes that could not be followed."""

    written: int
    set_aside: Sequence[CounterKey]


def recompute_weights(
    store: CounterStore,
    show_totals: Callable[[GalleryKey, Sequence[Counted]], int],
    changes: Iterable[Change],
    on_failure: Callable[[Exception], None],
) -> Recomputed:
    """Follow many changes with one write an image, in any order and however often they come.

    Whatever fails is set aside, image by image, and the rest goes on.
    """
    written = 0
    set_aside: list[CounterKey] = []
    latest, unknown = _latest(changes)
    try:
        latest |= store.read(unknown)
    except Exception as error:  # noqa: BLE001 - those that need no reading go on
        on_failure(error)
        set_aside.extend(unknown)
    by_gallery: dict[GalleryKey, list[CounterKey]] = {}
    for key in latest:
        by_gallery.setdefault(key.gallery, []).append(key)

    def show(gallery: GalleryKey, keys: Sequence[CounterKey]) -> None:
        nonlocal written
        try:
            written += show_totals(gallery, [Counted(key.image_id, key.incarnation, latest[key]) for key in keys])
        except Exception as error:  # noqa: BLE001 - one poison image must not hold up the others
            on_failure(error)
            if len(keys) == 1:
                set_aside.extend(keys)
                return
            for key in keys:
                show(gallery, [key])

    for gallery, keys in by_gallery.items():
        for start in range(0, len(keys), _SHOWN_AT_ONCE):
            show(gallery, keys[start : start + _SHOWN_AT_ONCE])
    return Recomputed(written, set_aside)


def _latest(changes: Iterable[Change]) -> tuple[dict[CounterKey, Totals], list[CounterKey]]:
    """The latest totals that the changes tell, and the counters that must be read."""
    latest: dict[CounterKey, Totals] = {}
    unknown: dict[CounterKey, None] = {}
    for key, whole in changes:
        if whole is None:
            unknown[key] = None
        elif key not in latest or latest[key].events < whole.events:
            latest[key] = whole
    return latest, list(unknown)
