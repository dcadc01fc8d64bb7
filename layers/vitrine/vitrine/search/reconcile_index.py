"""Compare a merchant's index with its images and repair it, over as many invocations as that takes.

Changes reach the index by messages. The comparison repairs the index after a message was lost, or after indexing went
wrong unnoticed. An index in another language than the merchant has set is replaced by a new one.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

from vitrine.galleries.model import GalleryKey
from vitrine.platform.telemetry import logger
from vitrine.search.images import read_all_images, read_images, to_indexed_image
from vitrine.search.model import ImageKey, Search, Sort

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from vitrine.galleries.ports import GalleryRepository
    from vitrine.search.model import IndexedImage
    from vitrine.search.ports import ImageFinder, ImageIndex, LanguageOf

PAGE = 100
SUSPECTS = 5000
"""How many differing keys are checked again and repaired together."""

SETTLE_SECONDS = 5.0
"""How long a change may take to reach the index before its key counts as wrong."""


class Comparison(NamedTuple):
    """The progress of a comparison.

    First every image is looked up in the index, starting after `image_id` of `gallery_id`; `images` counts those that
    searches should find. If the index holds more documents than that, the image of every document is looked up,
    starting after `document`.
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
    """Compares indexes with images."""

    repository: GalleryRepository
    finder: ImageFinder
    index: ImageIndex
    language_of: LanguageOf
    pause: Callable[[float], None] = time.sleep

    def go_on(self, comparison: Comparison, time_is_left: Callable[[], bool]) -> tuple[Comparison, int]:
        """Compare at least one page, and more while time is left; return the progress and the number of repairs.

        Safe to repeat, also beside other writers: differing keys are read and written like any change.
        """
        merchant_id = comparison.merchant_id
        if self.finder.language(merchant_id) is not self.language_of(merchant_id):
            self._rebuild(merchant_id)
            return comparison._replace(done=True), 0
        suspects: list[ImageKey] = []
        repaired = 0
        progress = comparison
        for progress, differing in self._pages(comparison):
            suspects += differing
            # The documents are counted once all images are in.
            documents_are_counted_next = progress.images_done and progress.document is None
            if len(suspects) >= SUSPECTS or documents_are_counted_next:
                repaired += self._repair(merchant_id, suspects)
                suspects = []
            if not time_is_left():
                break
        return progress, repaired + self._repair(merchant_id, suspects)

    def _rebuild(self, merchant_id: str) -> None:
        images = self.index.rebuild(
            merchant_id,
            partial(read_all_images, self.repository, merchant_id),
            partial(read_images, self.repository, merchant_id),
            lambda count: logger.info("rebuilding", extra={"merchant_id": merchant_id, "images": count}),
        )
        logger.info("rebuilt", extra={"merchant_id": merchant_id, "images": images})

    def _pages(self, progress: Comparison) -> Iterator[tuple[Comparison, list[ImageKey]]]:
        """Iterate over pages: the progress after each, and its differing keys."""
        if not progress.images_done:
            for after_page, images in self._images(progress):
                progress = after_page
                yield progress, self._differing(progress.merchant_id, images)
        while not progress.done:
            page = self.finder.search(progress.merchant_id, Search(sort=Sort.OLDEST, limit=PAGE), progress.document)
            if progress.document is None and page.total.value <= progress.images:
                yield progress._replace(done=True), []
                return
            keys = [hit.image.key for hit in page.hits]
            stored = read_images(self.repository, progress.merchant_id, keys)
            progress = progress._replace(document=page.after, done=page.after is None)
            yield progress, [key for key in keys if key not in stored]

    def _images(self, progress: Comparison) -> Iterator[tuple[Comparison, Mapping[ImageKey, IndexedImage | None]]]:
        """Iterate over pages of images; hidden images are None."""
        for gallery_id in self._galleries(progress):
            image_after = progress.image_id if gallery_id == progress.gallery_id else None
            gallery = GalleryKey(progress.merchant_id, gallery_id)
            while stored := self.repository.stored_images(gallery, PAGE, image_after):
                image_after = stored[-1].image_id
                images = {
                    ImageKey(gallery_id, image.image_id): None if image.hidden else to_indexed_image(image)
                    for image in stored
                }
                visible = sum(image is not None for image in images.values())
                progress = progress._replace(
                    gallery_id=gallery_id, image_id=image_after, images=progress.images + visible
                )
                yield progress, images
        yield progress._replace(images_done=True), {}

    def _galleries(self, progress: Comparison) -> Iterator[str]:
        if progress.gallery_id is not None:
            yield progress.gallery_id
        after = progress.gallery_id
        while galleries := self.repository.list_galleries(progress.merchant_id, PAGE, after):
            for gallery in galleries:
                yield gallery.key.gallery_id
            after = galleries[-1].key.gallery_id

    def _differing(self, merchant_id: str, images: Mapping[ImageKey, IndexedImage | None]) -> list[ImageKey]:
        held = self.finder.held(merchant_id, list(images)) if images else {}
        return [key for key, image in images.items() if held.get(key) != image]

    def _repair(self, merchant_id: str, suspects: Sequence[ImageKey]) -> int:
        """Wait for changes that are on their way, then repair what still differs; return the number of repairs."""
        if not suspects:
            return 0
        self.pause(SETTLE_SECONDS)
        read = partial(read_images, self.repository, merchant_id)
        differing: list[ImageKey] = []
        for start in range(0, len(suspects), PAGE):
            keys = suspects[start : start + PAGE]
            stored = read(keys)
            differing += self._differing(merchant_id, {key: stored.get(key) for key in keys})
        if differing:
            self.index.update(merchant_id, differing, read)
            self.pause(SETTLE_SECONDS)  # until searches see it
        return len(differing)
