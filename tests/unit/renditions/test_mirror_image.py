"""An image refers to a copy of what it shows; what nobody shows any more is withdrawn."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from tests.memory.renditions import FilesInMemory, HoldersInMemory, HoldingsInMemory, PicturesInMemory
from vitrine.renditions.mirror_image import Mirror, Mirrored, mirror_image
from vitrine.renditions.model import Holder, Picture, Rendition, digest_of, original_path
from vitrine.renditions.ports import PictureBusy, RefusedPictureError, Unreachable

if TYPE_CHECKING:
    from collections.abc import Callable

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
ONE, TWO = Holder("shop", "summer", "one"), Holder("shop", "summer", "two")
OLD, NEW, LONG = "https://a.example/old", "https://a.example/new", "https://a.example/long"


class Sizes:
    """A codec for which all content is a picture, that of LONG a very long one."""

    def describe(self, content: bytes) -> Picture:
        return Picture(1, 10_000_000, b"hash") if content == LONG.encode() else Picture(300, 200, b"hash")

    def render(self, content: bytes, width: int, form: str) -> bytes:
        raise NotImplementedError


class Shop:
    """Images whose pictures contain their address."""

    def __init__(self) -> None:
        self.holders, self.holdings = HoldersInMemory(), HoldingsInMemory()
        self.pictures, self.files = PicturesInMemory(), FilesInMemory()
        self.invalidated: list[str] = []
        self.meanwhile: Callable[[], object] = lambda: None

    def invalidate(self, digest: str) -> None:
        self.invalidated.append(digest)

    def fetch(self, url: str) -> bytes:
        self.meanwhile()
        return url.encode()

    def mirror(self, holder: Holder = ONE) -> Mirrored:
        return mirror_image(
            Mirror(
                self.holders,
                self.holdings,
                self.pictures,
                self.files,
                self,
                Sizes(),
                self.fetch,
                lambda _: None,
                lambda: NOON,
                lambda _: None,
            ),
            holder,
        )


def digest(url: str, merchant_id: str = "shop") -> str:
    return digest_of(merchant_id, url.encode())


@pytest.fixture
def shop() -> Shop:
    shop = Shop()
    shop.holders.show(ONE, OLD)
    assert shop.mirror() == Mirrored(digest(OLD), None, [])
    return shop


def test_repeating_changes_nothing(shop: Shop) -> None:
    shop.meanwhile = lambda: pytest.fail("it was fetched again")
    assert shop.mirror() == Mirrored(digest(OLD), None, [])
    assert shop.files.stored == {original_path(digest(OLD)): OLD.encode()}


def test_a_new_address_replaces_and_withdraws_the_old_picture(shop: Shop) -> None:
    shop.holders.show(ONE, NEW)
    assert shop.mirror() == Mirrored(digest(NEW), None, [digest(OLD)])
    assert shop.invalidated == [digest(OLD)]
    assert list(shop.files.stored) == [original_path(digest(NEW))]
    [withdrawal] = shop.holdings.list_withdrawals("shop", "summer")
    assert withdrawal == ("one", digest(OLD), NOON)


def test_a_picture_stays_while_another_image_shows_it(shop: Shop) -> None:
    shop.holders.show(TWO, OLD)
    shop.mirror(TWO)
    del shop.holders.shown[ONE]
    assert shop.mirror() == Mirrored(None, None, [])
    del shop.holders.shown[TWO]
    assert shop.mirror(TWO) == Mirrored(None, None, [digest(OLD)])
    assert shop.files.stored == {}


def test_an_image_that_changes_meanwhile_refers_to_no_copy_of_what_it_showed(shop: Shop) -> None:
    shop.holders.show(ONE, NEW)
    shop.meanwhile = lambda: shop.holders.show(ONE, OLD)
    assert shop.mirror() == Mirrored(digest(OLD), None, [digest(NEW)])


def test_a_refused_picture_withdraws_the_one_before(shop: Shop) -> None:
    shop.holders.show(ONE, LONG)
    result = shop.mirror()
    assert isinstance(result.refused, RefusedPictureError)
    assert (result.digest, result.refused.code, result.withdrawn) == (None, "too_long", [digest(OLD)])


def test_one_worker_at_a_time_handles_an_image(shop: Shop) -> None:
    shop.holders.show(ONE, NEW)

    def second() -> None:
        with pytest.raises(PictureBusy):
            shop.mirror()

    shop.meanwhile = second
    assert shop.mirror().digest == digest(NEW)


def test_a_picture_is_withdrawn_only_when_no_rendition_of_it_is_being_made(shop: Shop) -> None:
    rendition = Rendition(digest(OLD), 160, "avif")
    assert shop.pictures.begin(rendition)
    del shop.holders.shown[ONE]
    with pytest.raises(PictureBusy):
        shop.mirror()
    assert shop.files.stored
    shop.pictures.end(rendition)
    assert shop.mirror() == Mirrored(None, None, [digest(OLD)])
    assert not shop.files.stored


def test_an_unreachable_host_leaves_the_old_picture(shop: Shop) -> None:
    def fail() -> None:
        raise Unreachable

    shop.meanwhile = fail
    shop.holders.show(ONE, NEW)
    with pytest.raises(Unreachable):
        shop.mirror()
    assert original_path(digest(OLD)) in shop.files.stored
