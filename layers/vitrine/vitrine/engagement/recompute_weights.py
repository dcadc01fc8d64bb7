"""Counters changed: what galleries show follows."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from vitrine.engagement.ports import CounterKey, CounterStore
    from vitrine.galleries.model import Counted, GalleryKey


class Change(NamedTuple):
    """An image's counters changed. `whole` are its totals when the change tells them all."""

    key: CounterKey
    whole: Counted | None


class Recomputed(NamedTuple):
    """How many images were written, and the changes that could not be followed."""

    written: int
    set_aside: Sequence[CounterKey]


def recompute_weights(
    store: CounterStore,
    show_totals: Callable[[GalleryKey, Mapping[str, Counted]], int],
    changes: Iterable[Change],
    on_failure: Callable[[Exception], None],
) -> Recomputed:
    """Follow many changes with one write an image, in any order and however often they come.

    Whatever fails is set aside, image by image, and the rest goes on.
    """
    latest = _latest(store, changes)
    by_gallery: dict[GalleryKey, dict[str, Counted]] = {}
    for key, counted in latest.items():
        by_gallery.setdefault(key.gallery, {})[key.image_id] = counted
    written = 0
    set_aside: list[CounterKey] = []
    for gallery, images in by_gallery.items():
        try:
            written += show_totals(gallery, images)
            continue
        except Exception as error:  # noqa: BLE001 - one poison image must not hold up the others
            on_failure(error)
        for key in (key for key in latest if key.gallery == gallery):
            try:
                written += show_totals(gallery, {key.image_id: latest[key]})
            except Exception as error:  # noqa: BLE001 - as above
                on_failure(error)
                set_aside.append(key)
    return Recomputed(written, set_aside)


def _latest(store: CounterStore, changes: Iterable[Change]) -> dict[CounterKey, Counted]:
    latest: dict[CounterKey, Counted] = {}
    unknown: dict[CounterKey, None] = {}
    for key, whole in changes:
        if whole is None:
            unknown[key] = None
            continue
        before = latest.setdefault(key, whole)
        if before.incarnation != whole.incarnation:
            unknown[key] = None
        elif before.totals.events < whole.totals.events:
            latest[key] = whole
    if unknown:
        latest |= store.read(list(unknown))
    return latest
