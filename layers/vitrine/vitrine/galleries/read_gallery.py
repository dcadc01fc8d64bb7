"""Find galleries and read their images in order."""

from __future__ import annotations

from itertools import takewhile
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

from vitrine.galleries.model import PINNED_START, RANKED_START, place_pinned
from vitrine.galleries.ports import ImageRange
from vitrine.platform.problems import MalformedRequest, NotFound

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from vitrine.galleries.model import Gallery, GalleryKey, Image, Placed
    from vitrine.galleries.ports import GalleryRepository
    from vitrine.ranking.model import Version


_PAGE = 100
_READ_TOGETHER = 200
_MOST_READ = 1000


class Position(NamedTuple):
    """A reader's place in the order of a version: the next position, and the last rank keys read.

    `after_pinned` is None once all pinned images were read. In an interleaved order, `after_other` is the last rank key
    read of the other version, and `picked` the number of images that both have picked.
    """

    version: int
    next_position: int
    after_ranked: str
    after_pinned: str | None
    after_other: str | None = None
    picked: int = 0


class OrderedPage(NamedTuple):
    """Images in order, and where the next page starts (None at the end).

    `arms` has, by image id, the experiment's arms that placed images of an interleaved page.
    """

    placed: Sequence[Placed]
    next: Position | None
    arms: Mapping[str, str] = MappingProxyType({})


class HiddenPage(NamedTuple):
    """Hidden images by id, and the id after which the next page starts (None at the end)."""

    images: Sequence[Image]
    next: str | None


def find_gallery(repository: GalleryRepository, key: GalleryKey) -> Gallery:
    """Return the gallery. Raises NotFound, also while it is being deleted."""
    gallery = repository.find_gallery(key)
    if gallery is None or gallery.deleting:
        raise gallery_not_found(key)
    return gallery


def gallery_not_found(key: GalleryKey) -> NotFound:
    """Return the error for a gallery that does not exist."""
    return NotFound(f"There is no gallery {key.gallery_id}.")


def order_expired() -> MalformedRequest:
    """Return the error for a cursor into an order that was deleted."""
    return MalformedRequest("The gallery was reordered after this cursor was made. Start again without a cursor.")


def read_hidden(repository: GalleryRepository, key: GalleryKey, limit: int, after: str | None) -> HiddenPage:
    """Return up to `limit` hidden images of a gallery, by id.

    No index has them, so one page looks through at most `_MOST_READ` images: it may be short, even empty, with a next.
    Raises NotFound.
    """
    find_gallery(repository, key)
    hidden: list[Image] = []
    for _ in range(_MOST_READ // _READ_TOGETHER):
        images = repository.stored_images(key, _READ_TOGETHER, after)
        for image in images:
            after = image.image_id
            hidden += [image] if image.hidden else []
            if len(hidden) == limit:
                return HiddenPage(hidden, after)
        if len(images) < _READ_TOGETHER:
            return HiddenPage(hidden, None)
    return HiddenPage(hidden, after)


def image_pages(repository: GalleryRepository, key: GalleryKey) -> Iterator[Sequence[Image]]:
    """Iterate over all images of a gallery, including hidden ones, by id, a hundred at a time; at least one page."""
    after = None
    while True:
        images = repository.stored_images(key, _PAGE, after)
        yield images
        if len(images) < _PAGE:
            return
        after = images[-1].image_id


def find_image(repository: GalleryRepository, key: GalleryKey, image_id: str) -> Image:
    """Return the image. Raises NotFound."""
    image = repository.get_images(key, [image_id]).get(image_id)
    if image is None:
        raise _image_not_found(key, image_id)
    return image


def _image_not_found(key: GalleryKey, image_id: str) -> NotFound:
    return NotFound(f"Gallery {key.gallery_id} has no image {image_id}.")


def find_shown_image(repository: GalleryRepository, key: GalleryKey, image_id: str) -> Image:
    """Return the image. Raises NotFound, also if it is hidden."""
    image = find_image(repository, key, image_id)
    if image.hidden:
        raise _image_not_found(key, image_id)
    return image


def read_order(
    repository: GalleryRepository, gallery: Gallery, limit: int, start: Position | None, read: Version | None = None
) -> OrderedPage:
    """Return a page of the live version's order, or of the version to `read`.

    It takes one query, and a second one only if pinned images reach beyond the page's end. A page ends early if a
    query reached its limit of a megabyte. Raises MalformedRequest if the reader's order was deleted.
    """
    here = start or Position((read or gallery.live).number, 1, RANKED_START, PINNED_START)
    version = gallery.holds(here.version)
    if version is None:
        raise order_expired()
    reader = Reader(repository, gallery.key, version, limit)
    pinned, ranked = reader.from_the_start() if start is None else reader.from_(start)
    merged = reader.merge(pinned, ranked, here, limit)
    ranks = merged.ranks
    if not (merged.pins_left or ranked.cut or len(ranks) < len(ranked.images)):
        return OrderedPage(merged.placed, None)
    following = Position(
        version=here.version,
        next_position=here.next_position + len(merged.placed),
        after_ranked=reader.rank(ranks[-1]) if ranks else here.after_ranked,
        after_pinned=merged.after_pinned,
    )
    return OrderedPage(merged.placed, following)


class Merged(NamedTuple):
    """A page of pinned and ranked images. `after_pinned` is the last pinned one's rank key, None if none is left."""

    placed: Sequence[Placed]
    ranks: Sequence[Image]
    after_pinned: str | None
    pins_left: bool


class Reader(NamedTuple):
    """Queries the order of a version, up to one image more than `limit`."""

    repository: GalleryRepository
    key: GalleryKey
    version: Version
    limit: int

    def rank(self, image: Image) -> str:
        """Return the rank key of an image in this order."""
        score = image.score(self.version)
        return (image.rank(score) if score else None) or ""

    def from_the_start(self) -> tuple[ImageRange, ImageRange]:
        """Query the pinned and ranked images of the first page."""
        images, cut = self._ranked(PINNED_START)
        pinned = [image for image in images if image.pinned_position is not None]
        ranked = ImageRange(images[len(pinned) :], cut)
        due = 0
        for position in range(1, self.limit + 1):
            due += due < len(pinned) and (pinned[due].pinned_position or 0) <= position
        if cut and len(ranked.images) + due < self.limit:
            more = self._ranked(max(self.rank(images[-1]), RANKED_START))
            return ImageRange(pinned, cut and not ranked.images), ImageRange(ranked.images + more.images, more.cut)
        return ImageRange(pinned, cut and not ranked.images), ranked

    def from_(self, here: Position) -> tuple[ImageRange, ImageRange]:
        """Query the pinned and ranked images of a later page."""
        pinned = ImageRange([], cut=False)
        if here.after_pinned is not None:
            pinned = self.repository.pinned_images(self.key, self.version, self.limit + 1, here.after_pinned)
        return pinned, self._ranked(here.after_ranked)

    def merge(self, pinned: ImageRange, ranked: ImageRange, here: Position, limit: int) -> Merged:
        """Merge pinned images at their positions into ranked ones."""
        placed = place_pinned(ranked.images, pinned.images, here.next_position, limit)
        if ranked.cut:  # images before a pinned image's position are not read yet
            placed = list(takewhile(lambda one: (one.image.pinned_position or 0) <= one.position, placed))
        pin_indexes = [at for at, one in enumerate(placed) if one.image.pinned_position is not None]
        if pinned.cut and len(pin_indexes) == len(pinned.images):
            del placed[pin_indexes[-1] + 1 :]
        ranks = [one.image for one in placed if one.image.pinned_position is None]
        pins = [one.image for one in placed if one.image.pinned_position is not None]
        pins_left = pinned.cut or len(pins) < len(pinned.images)
        after_pinned = (self.rank(pins[-1]) if pins else here.after_pinned) if pins_left else None
        return Merged(placed, ranks, after_pinned, pins_left)

    def _ranked(self, after: str) -> ImageRange:
        return self.repository.ranked_images(self.key, self.version, self.limit + 1, after)
