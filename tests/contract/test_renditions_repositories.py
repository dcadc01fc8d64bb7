"""The repositories of renditions keep their contracts on AWS's services and in memory."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, NamedTuple

import pytest

from tests.memory.renditions import FilesInMemory, HoldingsInMemory, OriginalsInMemory, PicturesInMemory
from vitrine.platform.aws import client
from vitrine.renditions.dynamodb import DynamoDBHoldings, DynamoDBOriginals, DynamoDBPictures
from vitrine.renditions.model import PRODUCTS, Holder, Original, Picture, Rendition, Withdrawal
from vitrine.renditions.ports import PictureBusy
from vitrine.renditions.s3 import S3Files

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.contract.conftest import Tables

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
ONE, TWO = Holder("shop", "summer", "one"), Holder("shop", "summer", "two")
WIDE, TALL = Picture(300, 200, b"wide"), Picture(200, 300, b"tall", animated=True)
SMALL, LARGE = Rendition("digest", 160, "avif"), Rendition("digest", 240, "avif")


class Stored(NamedTuple):
    """One kind of each repository."""

    pictures: DynamoDBPictures | PicturesInMemory
    holdings: DynamoDBHoldings | HoldingsInMemory
    originals: DynamoDBOriginals | OriginalsInMemory
    files: S3Files | FilesInMemory


@pytest.fixture(params=["moto", "memory"])
def stored(request: pytest.FixtureRequest, tables_on_moto: Tables, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stored]:
    if request.param == "memory":
        yield Stored(PicturesInMemory(), HoldingsInMemory(), OriginalsInMemory(), FilesInMemory())
        return
    monkeypatch.setattr("vitrine.renditions.dynamodb._WAITS_SECONDS", (0.0,))
    table = "RenditionsTable"
    with tables_on_moto(table) as dynamodb:
        client("s3").create_bucket(Bucket="pictures", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
        yield Stored(
            DynamoDBPictures(dynamodb, table),
            DynamoDBHoldings(dynamodb, table),
            DynamoDBOriginals(dynamodb, table),
            S3Files(client("s3"), "pictures"),
        )


class TestPictures:
    def test_are_found_while_somebody_holds_them(self, stored: Stored) -> None:
        pictures = stored.pictures
        assert pictures.find("digest") is None
        for holder in (ONE, TWO, ONE):
            pictures.hold("digest", holder, TALL)
        assert pictures.find("digest") == TALL
        assert pictures.let_go("digest", ONE) is None
        assert pictures.find("digest") == TALL
        assert pictures.let_go("digest", TWO) == TALL
        assert pictures.find("digest") is None

    def test_are_closed_from_the_last_release_until_they_are_removed(self, stored: Stored) -> None:
        pictures = stored.pictures
        pictures.hold("digest", ONE, WIDE)
        assert pictures.let_go("digest", ONE) == WIDE
        assert pictures.let_go("digest", ONE) == WIDE
        with pytest.raises(PictureBusy):
            pictures.hold("digest", TWO, WIDE)
        assert not pictures.begin(SMALL)
        pictures.remove("digest")
        assert pictures.let_go("digest", ONE) is None
        pictures.hold("digest", TWO, WIDE)
        assert pictures.begin(SMALL)

    def test_are_made_by_one_at_a_time(self, stored: Stored) -> None:
        pictures = stored.pictures
        assert not pictures.begin(SMALL)
        pictures.hold("digest", ONE, WIDE)
        assert not pictures.is_being_made("digest")
        assert pictures.begin(SMALL)
        assert not pictures.begin(SMALL)
        assert pictures.begin(LARGE)
        pictures.end(SMALL)
        assert pictures.is_being_made("digest")
        pictures.end(LARGE)
        assert not pictures.is_being_made("digest")
        assert pictures.begin(SMALL)


class TestHoldings:
    def test_are_leased_to_one_at_a_time(self, stored: Stored) -> None:
        holdings = stored.holdings
        with holdings.alone(ONE) as held, holdings.alone(TWO):
            assert held == set()
            holdings.add(ONE, "old")
            holdings.add(ONE, "new")
            with pytest.raises(PictureBusy), holdings.alone(ONE):
                pass
            holdings.drop(ONE, "old")
        with holdings.alone(ONE) as held:
            assert held == {"new"}
            holdings.drop(ONE, "new")
        with holdings.alone(ONE) as held:
            assert held == set()

    def test_list_withdrawn_pictures_newest_first(self, stored: Stored) -> None:
        holdings = stored.holdings
        later = NOON + timedelta(seconds=1)
        holdings.note_withdrawal(ONE, "first", NOON)
        for _ in range(2):
            holdings.note_withdrawal(TWO, "second", later)
        holdings.note_withdrawal(Holder("shop", "winter", "one"), "third", NOON)
        assert holdings.list_withdrawals("shop", "summer") == [
            Withdrawal("two", "second", later),
            Withdrawal("one", "first", NOON),
        ]
        assert holdings.list_withdrawals("other", "summer") == []


def test_originals_are_removed_unless_they_were_replaced(stored: Stored) -> None:
    originals = stored.originals
    product, unknown = Holder("shop", PRODUCTS, "hat"), Holder("shop", PRODUCTS, "shoe")
    old, new = Original("old", "https://a.example/1", WIDE), Original("new", "https://a.example/2", TALL)
    originals.put(product, old)
    assert originals.find([product, unknown]) == {product: old}
    originals.put(product, new)
    originals.remove(product, "old")
    assert originals.find([product]) == {product: new}
    originals.remove(product, "new")
    originals.remove(product, "new")
    assert originals.find([product]) == {}


def test_files_are_read_until_they_are_deleted(stored: Stored) -> None:
    files = stored.files
    assert files.read("a") is None
    files.write("a", b"one", "image/jpeg")
    files.write("b", b"two", "image/jpeg")
    assert files.read("a") == b"one"
    files.delete(["a", "unknown"])
    assert (files.read("a"), files.read("b")) == (None, b"two")
