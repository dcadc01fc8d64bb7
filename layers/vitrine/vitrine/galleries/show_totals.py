"""What was counted becomes what is shown."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from vitrine.galleries.model import is_prior_off, settle
from vitrine.galleries.ports import StaleGallery
from vitrine.platform.problems import Unavailable

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from vitrine.galleries.model import Counted, Gallery, GalleryKey, Image
    from vitrine.galleries.ports import GalleryRepository

_ATTEMPTS = 10


def show_totals(repository: GalleryRepository, key: GalleryKey, counted: Sequence[Counted]) -> ShownTotals:
    """Bring at most 100 images and their gallery up to `counted`, absolute totals.

    Three steps, each conditional: the gallery's totals advance and name what is settling; the images show what
    settles for them; what settled is forgotten. Whoever repeats, interleaves or takes over after a crash at any
    point finds from the gallery and the images alone what is still to do. Raises Unavailable under contention.

    Scores follow with the totals, in the same write. Whoever takes over knows only totals; then scores that follow
    from more are marked, and come when `counted` comes again.
    """
    due = _advance_gallery(repository, key, counted)
    shown = _show(repository, key, due, {it.image_id: it for it in counted})
    if due.settling:
        repository.clear_settled(key, due.settling)
    return ShownTotals(shown, due.gallery is not None and is_prior_off(due.gallery))


class ShownTotals(NamedTuple):
    """How many images were written, and whether the gallery's prior should be fitted again."""

    images: int
    is_prior_off: bool


class _Due(NamedTuple):
    """What the gallery's totals hold and these images may not show yet."""

    gallery: Gallery | None
    images: Mapping[str, Image]
    settling: Sequence[Counted]


def _advance_gallery(repository: GalleryRepository, key: GalleryKey, counted: Sequence[Counted]) -> _Due:
    image_ids = {latest.image_id for latest in counted}
    for _ in range(_ATTEMPTS):
        gallery = repository.find_gallery(key)
        if gallery is None:
            return _Due(None, {}, [])
        images = repository.get_images(key, image_ids)
        settlement = settle(gallery, images, counted)
        if settlement.settling:
            try:
                repository.advance_totals(gallery, settlement)
            except StaleGallery:
                continue
        settling = {image_id: note for image_id, note in gallery.settling.items() if image_id in image_ids}
        settling |= {note.image_id: note for note in settlement.settling}
        advanced = replace(gallery, totals=gallery.totals.plus(settlement.increase))
        return _Due(advanced, images, list(settling.values()))
    raise Unavailable("The gallery's totals are contended.", 1)


def _show(repository: GalleryRepository, key: GalleryKey, due: _Due, counted: Mapping[str, Counted]) -> int:
    shown, images, gallery = 0, due.images, due.gallery
    for _ in range(_ATTEMPTS):
        if gallery and any(image.newest_version > gallery.last_version for image in images.values()):
            gallery = repository.find_gallery(key)
        if gallery is None:
            return shown
        late = list(_late(gallery, images, due.settling, counted))
        if not late:
            return shown
        stale = repository.save_images(late)
        shown += len(late) - len(stale)
        images = repository.get_images(key, stale) if stale else {}
    raise Unavailable("The images are contended.", 1)


def _late(
    gallery: Gallery, images: Mapping[str, Image], settling: Sequence[Counted], counted: Mapping[str, Counted]
) -> Iterator[Image]:
    """The images that do not show what settles for them, or are not scored as was counted, as they should be."""
    notes = {note.image_id: note for note in settling}
    for image in images.values():
        note, known = (_of_this(image, it.get(image.image_id)) for it in (notes, counted))
        if note and note.totals.events > image.totals.events:
            yield image.shown(known if known and known.totals == note.totals else note, gallery.versions)
        elif known and known.counts and known.totals == image.totals:
            after = image.shown(known, gallery.versions)
            if not image.is_scored_as(after):
                yield after


def _of_this(image: Image, counted: Counted | None) -> Counted | None:
    return counted if counted and counted.incarnation == image.incarnation else None
