"""Show counted totals on images and their gallery."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from vitrine.galleries.model import is_prior_off, settle
from vitrine.platform.retries import Superseded, retry

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from vitrine.galleries.model import Counted, Gallery, GalleryKey, Image
    from vitrine.galleries.ports import GalleryRepository

_ATTEMPTS = 10


def show_totals(repository: GalleryRepository, key: GalleryKey, counted: Sequence[Counted]) -> ShownTotals:
    """Bring at most 100 images and their gallery up to `counted`, which holds absolute totals.

    There are three conditional steps: add the increase to the gallery's totals and store what is settling; show the
    settling totals on the images; remove what has settled. A caller that repeats this, interleaves with another or
    takes over after a crash finds what is left to do in the gallery and the images alone. Raises Unavailable under
    contention.

    Scores change in the same write as totals. A caller that takes over knows only totals: it marks the scores that
    depend on more, and they are corrected when `counted` arrives again.
    """
    due = _advance_gallery(repository, key, counted)
    shown = _show(repository, key, due, _by_incarnation(counted))
    if due.settling:
        repository.clear_settled(key, due.settling)
    return ShownTotals(shown, due.gallery is not None and is_prior_off(due.gallery))


class ShownTotals(NamedTuple):
    """The number of images written, and whether the gallery's prior should be refitted."""

    images: int
    is_prior_off: bool


class _Due(NamedTuple):
    """Totals that the gallery includes and these images may not show yet."""

    gallery: Gallery | None
    images: Mapping[str, Image]
    settling: Sequence[Counted]


def _advance_gallery(repository: GalleryRepository, key: GalleryKey, counted: Sequence[Counted]) -> _Due:
    image_ids = {latest.image_id for latest in counted}

    def attempt() -> _Due:
        gallery = repository.find_gallery(key)
        if gallery is None:
            return _Due(None, {}, [])
        images = repository.get_images(key, image_ids)
        settlement = settle(gallery, images, counted)
        if settlement.settling:
            repository.advance_totals(gallery, settlement)
        settling = {image_id: note for image_id, note in gallery.settling.items() if image_id in image_ids}
        settling |= {note.image_id: note for note in settlement.settling}
        advanced = replace(gallery, totals=gallery.totals.plus(settlement.increase))
        return _Due(advanced, images, list(settling.values()))

    return retry(attempt, attempts=_ATTEMPTS, refusal="Others are changing the gallery's totals. Try again.")


def _show(repository: GalleryRepository, key: GalleryKey, due: _Due, counted: Mapping[tuple[str, str], Counted]) -> int:
    images, gallery = due.images, due.gallery
    stale: set[str] = set()
    shown = 0

    def attempt() -> None:
        nonlocal images, gallery, stale, shown
        if stale:
            images = repository.get_images(key, stale)
        if gallery and gallery.is_older_than(images.values()):
            gallery = repository.find_gallery(key)
        outdated = list(_outdated(gallery, images, due.settling, counted)) if gallery else []
        stale = repository.save_images(outdated) if outdated else set()
        shown += len(outdated) - len(stale)
        if stale:
            raise Superseded

    retry(attempt, attempts=_ATTEMPTS, refusal="Others are changing these images. Try again.")
    return shown


def _outdated(
    gallery: Gallery,
    images: Mapping[str, Image],
    settling: Sequence[Counted],
    counted: Mapping[tuple[str, str], Counted],
) -> Iterator[Image]:
    """Yield, as they should be, the images that do not show their settling totals or have outdated scores."""
    notes = _by_incarnation(settling)
    for image in images.values():
        note, known = (source.get((image.image_id, image.incarnation)) for source in (notes, counted))
        if note and note.totals.events > image.totals.events:
            yield image.shown(known if known and known.totals == note.totals else note, gallery.versions)
        elif known and known.counts and known.totals == image.totals:
            after = image.shown(known, gallery.versions)
            if not image.is_scored_as(after):
                yield after


def _by_incarnation(counted: Sequence[Counted]) -> Mapping[tuple[str, str], Counted]:
    """Return totals by image id and incarnation: a batch may have those of a deleted image and of the present one."""
    return {(each.image_id, each.incarnation): each for each in counted}
