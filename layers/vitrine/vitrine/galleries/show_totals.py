"""What was counted becomes what is shown."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from vitrine.galleries.model import settle
from vitrine.galleries.ports import StaleGallery
from vitrine.platform.problems import Unavailable

if TYPE_CHECKING:
    from collections.abc import Mapping

    from vitrine.galleries.model import Counted, GalleryKey, Image
    from vitrine.galleries.ports import GalleryStore

_ATTEMPTS = 10


def show_totals(store: GalleryStore, key: GalleryKey, counted: Mapping[str, Counted]) -> int:
    """Bring images and their gallery up to `counted`, absolute totals by image id; answers images written.

    Three steps, each conditional: the gallery's totals advance and name what is settling; each image shows its
    totals if they are later than what it shows; what settled is forgotten. Whoever repeats, interleaves or
    takes over after a crash at any point finds from the gallery and the images alone what is still to do.
    Raises Unavailable under contention.
    """
    advanced = _advance_gallery(store, key, counted)
    if advanced is None:
        return 0
    shown = _show(store, key, advanced.images, counted)
    if advanced.settling:
        store.clear_settled(key, advanced.settling)
    return shown


class _Advanced(NamedTuple):
    images: Mapping[str, Image]
    settling: Mapping[str, Counted]


def _advance_gallery(store: GalleryStore, key: GalleryKey, counted: Mapping[str, Counted]) -> _Advanced | None:
    for _ in range(_ATTEMPTS):
        gallery = store.find_gallery(key)
        if gallery is None:
            return None
        images = store.get_images(key, counted)
        settlement = settle(gallery, images, counted)
        left_over = {image_id: it for image_id, it in (gallery.settling or {}).items() if image_id in counted}
        if not settlement.settling:
            return _Advanced(images, left_over)
        try:
            store.advance_totals(gallery, settlement)
        except StaleGallery:
            continue
        return _Advanced(images, {**left_over, **settlement.settling})
    raise Unavailable("The gallery's totals are contended.", 1)


def _show(store: GalleryStore, key: GalleryKey, images: Mapping[str, Image], counted: Mapping[str, Counted]) -> int:
    shown = 0
    for _ in range(_ATTEMPTS):
        late = [
            image.with_totals(counted[image_id].totals)
            for image_id, image in images.items()
            if image.incarnation == counted[image_id].incarnation
            and image.totals.events < counted[image_id].totals.events
        ]
        if not late:
            return shown
        stale = store.save_images(late)
        shown += len(late) - len(stale)
        images = store.get_images(key, stale) if stale else {}
    raise Unavailable("The images are contended.", 1)
