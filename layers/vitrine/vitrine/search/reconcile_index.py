"""A merchant's index is compared with its images and repaired, over as many invocations as it takes.

Changes reach the index by messages. This is for the change whose message was lost, or whose indexing went wrong
unseen: whatever the cause, the index is right again after one comparison.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

from vitrine.galleries.model import GalleryKey
from vitrine.search.images import read_pictures, to_picture
from vitrine.search.model import ImageKey, Search, Sort

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from vitrine.galleries.ports import GalleryRepository
    from vitrine.search.model import IndexedImage
    from vitrine.search.ports import ImageFinder, ImageIndex

PAGE = 100
SUSPECTS = 5000
"""How many differing keys are looked at again and repaired together."""

SETTLE_SECONDS = 5.0
"""How long a change that is on its way may take before its key counts as wrong."""


class Comparison(NamedTuple):
    """How far a comparison is.

    First every image is looked up in the index, from `gallery_id` and behind `image_id` on; `images` counts those
    that are to be found. Where the index then holds more than that, every document's image is looked up, behind
    `document`.
    """

    merchant_id: str
    gallery_id: str | None = None
    image_id: str | None = None
    images: int = 0
    images_done: bool = False
    document: Mapping[str, Any] | None = None
    done: bool = False


@dataclass(frozen=True)
class Reconciler:
    """What a comparison works with."""

    repository: GalleryRepository
    finder: ImageFinder
    index: ImageIndex
    pause: Callable[[float], None] = time.sleep

    def go_on(self, comparison: Comparison, time_is_left: Callable[[], bool]) -> tuple[Comparison, int]:
        """Compare while time is left, at least one page; answers how far it is and how many documents it repaired.

        Safe to repeat and beside other writers: what differs is read and written as any change is.
        """
        merchant_id = comparison.merchant_id
        suspects: list[ImageKey] = []
        repaired = 0
        at = comparison
        for at, wrong in self._pages(comparison):
            suspects += wrong
            # The documents are counted once all images are in.
            documents_are_counted_next = at.images_done and at.document is None
            if len(suspects) >= SUSPECTS or documents_are_counted_next:
                repaired += self._repair(merchant_id, suspects)
                suspects = []
            if not time_is_left():
                break
        return at, repaired + self._repair(merchant_id, suspects)

    def _pages(self, at: Comparison) -> Iterator[tuple[Comparison, list[ImageKey]]]:
        """The comparison after each page, and the keys on it that differ."""
        if not at.images_done:
            for following, images in self._images(at):
                at = following
                yield at, self._differing(at.merchant_id, images)
        while not at.done:
            page = self.finder.search(at.merchant_id, Search(sort=Sort.OLDEST, limit=PAGE), at.document)
            if at.document is None and page.total.value <= at.images:
                yield at._replace(done=True), []
                return
            keys = [hit.picture.key for hit in page.hits]
            there = read_pictures(self.repository, at.merchant_id, keys)
            at = at._replace(document=page.after, done=page.after is None)
            yield at, [key for key in keys if key not in there]

    def _images(self, at: Comparison) -> Iterator[tuple[Comparison, Mapping[ImageKey, IndexedImage | None]]]:
        """The images page by page; None stands for a hidden one."""
        for gallery_id in self._galleries(at):
            image_after = at.image_id if gallery_id == at.gallery_id else None
            while images := self.repository.stored_images(GalleryKey(at.merchant_id, gallery_id), PAGE, image_after):
                image_after = images[-1].image_id
                pictures = {
                    ImageKey(gallery_id, image.image_id): None if image.hidden else to_picture(image)
                    for image in images
                }
                found = sum(picture is not None for picture in pictures.values())
                at = at._replace(gallery_id=gallery_id, image_id=image_after, images=at.images + found)
                yield at, pictures
        yield at._replace(images_done=True), {}

    def _galleries(self, at: Comparison) -> Iterator[str]:
        if at.gallery_id is not None:
            yield at.gallery_id
        after = at.gallery_id
        while galleries := self.repository.list_galleries(at.merchant_id, PAGE, after):
            for gallery in galleries:
                yield gallery.key.gallery_id
            after = galleries[-1].key.gallery_id

    def _differing(self, merchant_id: str, images: Mapping[ImageKey, IndexedImage | None]) -> list[ImageKey]:
        held = self.finder.held(merchant_id, list(images)) if images else {}
        return [key for key, picture in images.items() if held.get(key) != picture]

    def _repair(self, merchant_id: str, suspects: Sequence[ImageKey]) -> int:
        """Repair what still differs once changes that are on their way have come; answers how many did."""
        if not suspects:
            return 0
        self.pause(SETTLE_SECONDS)
        read = partial(read_pictures, self.repository, merchant_id)
        wrong: list[ImageKey] = []
        for start in range(0, len(suspects), PAGE):
            keys = suspects[start : start + PAGE]
            there = read(keys)
            wrong += self._differing(merchant_id, {key: there.get(key) for key in keys})
        if wrong:
            self.index.update(merchant_id, wrong, read)
            self.pause(SETTLE_SECONDS)  # until searches see it
        return len(wrong)
