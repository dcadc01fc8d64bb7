"""A rendition is made once, of a picture that somebody holds."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.memory.renditions import FilesInMemory, PicturesInMemory
from vitrine.platform.problems import NotFound, Unavailable
from vitrine.renditions.make_rendition import PAUSES_SECONDS, make_rendition
from vitrine.renditions.model import Holder, Picture, Rendition, original_path
from vitrine.renditions.ports import RefusedPictureError

if TYPE_CHECKING:
    from collections.abc import Callable

HOLDER = Holder("shop", "summer", "one")
SMALL = Rendition("digest", 160, "avif")


class Codec:
    """Makes `made` of any content but `broken`, and counts."""

    def __init__(self) -> None:
        self.made = 0

    def describe(self, content: bytes) -> Picture:
        raise NotImplementedError

    def render(self, content: bytes, width: int, form: str) -> bytes:
        if content == b"broken":
            raise RefusedPictureError("broken", "The file is broken")
        self.made += 1
        return b"made"


class Shop:
    """A shop that shows one picture of 300 x 200 pixels."""

    def __init__(self, content: bytes = b"original") -> None:
        self.pictures, self.files, self.codec = PicturesInMemory(), FilesInMemory(), Codec()
        self.pictures.hold("digest", HOLDER, Picture(300, 200, b"hash"))
        self.files.write(original_path("digest"), content, "")
        self.slept: list[float] = []

    def ask(self, rendition: Rendition = SMALL, meanwhile: Callable[[], object] = lambda: None) -> bytes:
        def sleep(seconds: float) -> None:
            self.slept.append(seconds)
            if seconds:
                meanwhile()

        return make_rendition(self.pictures, self.files, self.codec, rendition, sleep)


def test_it_is_made_at_the_first_request() -> None:
    shop = Shop()
    assert [shop.ask(), shop.ask()] == [b"made", b"made"]
    assert shop.codec.made == 1
    assert not shop.pictures.is_being_made("digest")


def test_others_wait_for_the_one_who_makes_it() -> None:
    shop = Shop()
    assert shop.pictures.begin(SMALL)
    assert shop.ask(meanwhile=lambda: shop.files.write(SMALL.key, b"theirs", "")) == b"theirs"
    assert shop.codec.made == 0


def test_it_is_made_by_another_when_its_maker_gave_up() -> None:
    shop = Shop()
    assert shop.pictures.begin(SMALL)
    assert shop.ask(meanwhile=lambda: shop.pictures.end(SMALL)) == b"made"


def test_nobody_waits_for_ever() -> None:
    shop = Shop()
    assert shop.pictures.begin(SMALL)
    with pytest.raises(Unavailable):
        shop.ask()
    assert shop.slept == [0.0, *PAUSES_SECONDS]


@pytest.mark.parametrize("rendition", [SMALL._replace(digest="other"), SMALL._replace(width=640)])
def test_there_is_none_of_an_unknown_picture_or_width(rendition: Rendition) -> None:
    with pytest.raises(NotFound):
        Shop().ask(rendition)


@pytest.mark.parametrize("content", [b"broken", None])
def test_a_file_that_is_broken_or_gone_is_not_found_and_gives_the_lease_back(content: bytes | None) -> None:
    shop = Shop(content or b"")
    if content is None:
        shop.files.delete([original_path("digest")])
    with pytest.raises(NotFound):
        shop.ask()
    assert shop.pictures.begin(SMALL)


def test_there_is_none_once_nobody_holds_the_picture() -> None:
    shop = Shop()
    shop.pictures.let_go("digest", HOLDER)
    with pytest.raises(NotFound):
        shop.ask()
