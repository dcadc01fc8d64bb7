"""What was counted becomes what is shown."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from vitrine.galleries.model import settle
from vitrine.galleries.ports import StaleGallery
from vitrine.platform.problems import Unavailable

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from vitrine.galleries.model import Counted, GalleryKey, Image
    from vitrine.galleries.ports import GalleryStore

_ATTEMPTS = 10


def show_totals(store: GalleryStore, key: GalleryKey, counted: Sequence[Counted]) -> int:
    """Bring at most 100 images and their gallery up to `counted`, absolute totals; answers images written.

    Three steps, each conditional: the gallery's totals advance and name what is settling; the images show what
    settles for them; what settled is forgotten. Whoever repeats, interleaves or takes over after a crash at any
    point finds from the gallery and the images alone what is still to do. Raises Unavailable under contention.
    """
    due = _advance_gallery(store, key, counted)
    shown = _show(store, key, due)
    if due.settling:
        store.clear_settled(key, due.settling)
    return shown


class _Due(NamedTuple):
    """What the gallery's totals hold and these images may not show yet."""

    images: Mapping[str, Image]
    settling: Sequence[Counted]


def _advance_gallery(store: GalleryStore, key: GalleryKey, counted: Sequence[Counted]) -> _Due:
    image_ids = {latest.image_id for latest in counted}
    for _ in range(_ATTEMPTS):
        gallery = store.find_gallery(key)
        if gallery is None:
            return _Due({}, [])
        images = store.get_images(key, image_ids)
        settlement = settle(gallery, images, counted)
        if settlement.settling:
            try:
                store.advance_totals(gallery, settlement)
            except StaleGallery:
                continue
        settling = {image_id: note for image_id, note in gallery.settling.items() if image_id in image_ids}
        settling |= {note.image_id: note for note in settlement.settling}
        return _Due(images, list(settling.values()))
    raise Unavailable("The gallery's totals are contended.", 1)


def _show(store: GalleryStore, key: GalleryKey, due: _Due) -> int:
    shown, images = 0, due.images
    for _ in range(_ATTEMPTS):
        late = [
            image.with_totals(note.totals)
            for note in due.settling
            if (image := images.get(note.image_id))
            and image.incarnation == note.incarnation
            and image.totals.events < note.totals.events
        ]
        if not late:
            return shown
        stale = store.save_images(late)
        shown += len(late) - len(stale)
        images = store.get_images(key, stale) if stale else {}
    raise Unavailable("The images are contended.", 1)
