"""One comparison makes an index equal to the galleries, whatever it held, on both engines."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING

import pytest

from tests.contract.test_search_engines import cluster, engine  # noqa: F401 - fixtures
from tests.engines import image
from vitrine.galleries.change_image import change_image
from vitrine.galleries.model import Description, GalleryKey, new_gallery
from vitrine.galleries.put_images import ImageDraft, put_images
from vitrine.galleries.wiring import gallery_repository, new_incarnation
from vitrine.search.images import read_all_images, read_images
from vitrine.search.languages import Language
from vitrine.search.model import ImageKey
from vitrine.search.ports import no_language
from vitrine.search.reconcile_index import Comparison, Reconciler

if TYPE_CHECKING:
    from tests.engines import Engine
    from vitrine.search.model import IndexedImage

NOW = datetime(2024, 1, 1, tzinfo=UTC)
FULL = 120  # more than a page


@dataclass
class House:
    """A merchant's galleries, and an engine whose index should hold their images."""

    engine: Engine

    def put(self, gallery_id: str, *names: str) -> None:
        key = GalleryKey(self.engine.shop, gallery_id)
        gallery_repository().put_gallery(new_gallery(key, NOW))
        drafts = [
            ImageDraft(
                name, Description(name=f"Lamp {name}", url=f"https://x.test/{name}", created_at=NOW + timedelta(at))
            )
            for at, name in enumerate(names)
        ]
        for start in range(0, len(drafts), 99):
            put_images(gallery_repository(), key, drafts[start : start + 99], new_incarnation=new_incarnation)

    def images(self) -> dict[ImageKey, IndexedImage]:
        return {image.key: image for image in read_all_images(gallery_repository(), self.engine.shop)}

    def index_holds(self, images: dict[ImageKey, IndexedImage], keys: list[ImageKey]) -> None:
        """Index these keys as `images` has them, whatever the galleries hold."""
        self.engine.index.update(
            self.engine.shop, keys, lambda asked: {key: images[key] for key in asked if key in images}
        )
        self.engine.settle(self.engine.shop)

    def held(self) -> dict[ImageKey, IndexedImage]:
        found: dict[ImageKey, IndexedImage] = {}
        after = None
        while True:
            page = self.engine.page(sort="oldest", limit=100, after=after)
            found |= {hit.image.key: hit.image for hit in page.hits}
            after = page.after
            if after is None:
                return found

    def reconcile(self, *, page_by_page: bool = False) -> int:
        """Compare to the end; return how many documents were repaired."""
        reconciler = Reconciler(
            gallery_repository(),
            self.engine.finder,
            self.engine.index,
            self.engine.languages.get,
            lambda _: self.engine.settle(self.engine.shop),
        )
        comparison, repaired = Comparison(self.engine.shop), 0
        for _ in range(100):
            comparison, some = reconciler.go_on(comparison, lambda: not page_by_page)
            repaired += some
            if comparison.done:
                return repaired
        raise AssertionError(comparison)


@pytest.fixture
def house(engine: Engine) -> House:  # noqa: F811
    house = House(engine)
    house.put("a", *(f"{n}" for n in range(FULL)))
    house.put("a-b", "0", "1")
    images = house.images()
    house.index_holds(images, list(images))
    return house


def test_a_correct_index_stays_as_it_is(house: House) -> None:
    before = house.held()
    assert len(before) == FULL + 2
    assert house.reconcile() == 0
    assert house.held() == before == house.images()


@pytest.mark.parametrize("page_by_page", [False, True])
def test_missing_stale_and_extra_documents_are_repaired_and_counted_once(house: House, page_by_page: bool) -> None:
    right = house.images()
    missing = [ImageKey("a", "7"), ImageKey("a", "119"), ImageKey("a-b", "1")]
    house.index_holds({}, missing)
    stale = ImageKey("a", "50")
    house.index_holds({stale: replace(right[stale], name="As it was")}, [stale])
    extra = [image("gone", "Gone", gallery_id="a"), image("0", "Gone too", gallery_id="gone")]
    house.index_holds({image.key: image for image in extra}, [image.key for image in extra])
    assert house.held() != right

    assert house.reconcile(page_by_page=page_by_page) == len([*missing, stale, *extra])
    assert house.held() == right
    assert house.reconcile() == 0


def test_a_hidden_image_is_removed(house: House) -> None:
    key = GalleryKey(house.engine.shop, "a-b")
    change_image(gallery_repository(), key, "0", lambda image: image._replace(hidden=True))
    assert ImageKey("a-b", "0") in house.held()
    assert house.reconcile() == 1
    assert ImageKey("a-b", "0") not in house.held()


def test_a_merchant_without_galleries_or_index_is_done_at_once(engine: Engine) -> None:  # noqa: F811
    assert House(engine).reconcile() == 0


def test_an_index_that_was_never_written_is_filled(engine: Engine) -> None:  # noqa: F811
    house = House(engine)
    house.put("a", "1", "2")
    assert house.reconcile() == 2
    assert house.held() == house.images()


def test_a_change_on_its_way_is_not_repaired(house: House) -> None:
    """Its message arrives while the comparison waits before it checks again."""
    house.put("a", "new")
    read = partial(read_images, gallery_repository(), house.engine.shop)

    def message_comes(_: float) -> None:
        house.engine.index.update(house.engine.shop, [ImageKey("a", "new")], read)
        house.engine.settle(house.engine.shop)

    reconciler = Reconciler(gallery_repository(), house.engine.finder, house.engine.index, no_language, message_comes)
    comparison, repaired = reconciler.go_on(Comparison(house.engine.shop), lambda: True)
    assert (comparison.done, repaired) == (True, 0)
    assert house.held() == house.images()


def test_an_index_in_another_language_is_built_anew(house: House) -> None:
    house.put("g", "Häuser", "Haus")
    house.index_holds(house.images(), list(house.images()))
    assert len(house.engine.found("Haus")) == 1
    house.engine.languages[house.engine.shop] = Language.GERMAN
    assert house.engine.finder.language(house.engine.shop) is None
    assert house.reconcile() == 0
    assert house.engine.finder.language(house.engine.shop) is Language.GERMAN
    assert len(house.engine.found("Haus")) == 2
    assert house.held() == house.images()
    assert house.reconcile() == 0
