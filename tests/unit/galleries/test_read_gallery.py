"""Reading page by page gives the whole order, wherever a query ends."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.memory.galleries import GalleriesInMemory
from vitrine.galleries.model import Counted, Description, GalleryKey, Image, Totals, new_gallery, place_pinned
from vitrine.galleries.read_gallery import read_order

if TYPE_CHECKING:
    from vitrine.galleries.model import Placed
    from vitrine.galleries.ports import ImageRange
    from vitrine.ranking.model import Version

KEY = GalleryKey("shop", "summer")
DESCRIBED = Description("picture", "https://pictures.example/1.jpg", datetime(2024, 1, 1, tzinfo=UTC))
GALLERY = new_gallery(KEY, DESCRIBED.created_at)


class ShortQueries(GalleriesInMemory):
    """Ends each query after `most` images, as DynamoDB does at a megabyte."""

    def __init__(self, most: int) -> None:
        super().__init__()
        self._most = most

    def _query(self, key: GalleryKey, version: Version, limit: int, after: str, before: str) -> ImageRange:
        return super()._query(key, version, min(limit, self._most), after, before)


def image(number: int, pinned: int | None, views: int) -> Image:
    new = Image(KEY, f"image-{number}", DESCRIBED, "first", pinned_position=pinned)
    return new.shown(Counted(new.image_id, "first", Totals(views)), [GALLERY.live])


def rank(image: Image) -> str:
    [score] = image.scores
    return image.rank(score) or ""


IMAGES = st.lists(st.tuples(st.none() | st.none() | st.integers(1, 12), st.integers(0, 5)), min_size=1, max_size=14)


@settings(max_examples=300)
@given(drawn=IMAGES, limit=st.integers(1, 6), most=st.integers(1, 20))
def test_consecutive_pages_show_each_image_once_at_its_position(
    drawn: list[tuple[int | None, int]], limit: int, most: int
) -> None:
    repository = ShortQueries(most)
    repository.put_gallery(GALLERY)
    created = [image(number, pinned, views) for number, (pinned, views) in enumerate(drawn)]
    repository.commit_images(GALLERY, created, [])
    images = repository.stored_images(KEY, len(created), None)
    shown: list[Placed] = []
    position, pages = None, 0
    while pages <= len(images):
        page = read_order(repository, GALLERY, limit, position)
        assert len(page.placed) <= limit
        assert page.placed or page.next is None
        shown += page.placed
        position, pages = page.next, pages + 1
        if position is None:
            break
    in_order = sorted(images, key=rank)
    pinned = [image for image in in_order if image.pinned_position]
    ranked = [image for image in in_order if not image.pinned_position]
    assert shown == place_pinned(ranked, pinned, 1, len(images))
