"""The repositories of products and interactions keep their contracts on DynamoDB and in memory."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, NamedTuple

import pytest

from tests.memory.catalog import InteractionsInMemory, ProductsInMemory
from vitrine.catalog.dynamodb import DynamoDBInteractions, DynamoDBProducts
from vitrine.catalog.model import PARTS, Earnings, Interaction, Product, UserKey
from vitrine.catalog.ports import StaleInteractions

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.contract.conftest import Tables

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
TODAY = date(2026, 1, 1)
ANN = UserKey("shop", "ann")
HAT = Product("hat", "A hat", "Clothes", "Acme", 9.5, "EUR", ("red",), "https://a.example/1.jpg", {"size": "M"})
SHOE = Product("shoe", "A shoe", available=False)
CLICK = Interaction("1", "ann", "hat", "click", NOON, recommendation_id="list")
PURCHASE = Interaction("2", "ann", "hat", "purchase", NOON + timedelta(minutes=1), 9.5, "list")


class Stored(NamedTuple):
    """One kind of both repositories."""

    products: DynamoDBProducts | ProductsInMemory
    interactions: DynamoDBInteractions | InteractionsInMemory


@pytest.fixture(params=["moto", "memory"])
def stored(request: pytest.FixtureRequest, tables_on_moto: Tables) -> Iterator[Stored]:
    if request.param == "memory":
        yield Stored(ProductsInMemory(), InteractionsInMemory())
        return
    with tables_on_moto("ProductsTable", "InteractionsTable") as dynamodb:
        yield Stored(DynamoDBProducts(dynamodb, "ProductsTable"), DynamoDBInteractions(dynamodb, "InteractionsTable"))


class TestProducts:
    def test_are_replaced_by_the_last_one_with_their_id(self, stored: Stored) -> None:
        products = stored.products
        products.put_products("shop", [SHOE, replace(HAT, name="Old"), HAT])
        assert products.find_product("shop", "hat") == HAT
        assert products.find_products("shop", ["shoe", "hat", "shoe", "glove"]) == {"hat": HAT, "shoe": SHOE}
        products.put_products("shop", [replace(HAT, price=None)])
        assert products.find_product("shop", "hat") == replace(HAT, price=None)
        assert products.find_product("other", "hat") is None

    def test_are_listed_by_id_and_deleted_once(self, stored: Stored) -> None:
        products = stored.products
        products.put_products("shop", [replace(HAT, product_id=name) for name in ("c", "a", "b")])
        assert [product.product_id for product in products.list_products("shop", 2, None)] == ["a", "b"]
        assert [product.product_id for product in products.list_products("shop", 2, "b")] == ["c"]
        assert products.delete_product("shop", "a")
        assert not products.delete_product("shop", "a")
        assert products.list_products("shop", 1, None)[0].product_id == "b"


class TestInteractions:
    def test_replace_only_what_was_read(self, stored: Stored) -> None:
        interactions = stored.interactions
        interactions.replace_interactions(ANN, [(None, CLICK), (None, PURCHASE)])
        assert interactions.find_interactions(ANN, ["1", "2", "3"]) == {"1": CLICK, "2": PURCHASE}
        later = replace(CLICK, occurred_at=NOON + timedelta(hours=1))
        for before, after in ((None, CLICK), (later, None), (later, CLICK)):
            with pytest.raises(StaleInteractions):
                interactions.replace_interactions(ANN, [(before, after)])
        interactions.replace_interactions(ANN, [(CLICK, later)])
        assert interactions.find_interactions(ANN, ["1"]) == {"1": later}
        interactions.replace_interactions(ANN, [(later, None)])
        assert interactions.find_interactions(ANN, ["1", "2"]) == {"2": PURCHASE}
        assert interactions.find_interactions(UserKey("shop", "bob"), ["2"]) == {}

    def test_are_read_newest_first_page_by_page(self, stored: Stored) -> None:
        interactions = stored.interactions
        sent = [
            replace(CLICK, interaction_id=str(at), occurred_at=NOON + timedelta(seconds=at // 2)) for at in range(5)
        ]
        interactions.replace_interactions(ANN, [(None, each) for each in sent])
        first, after = interactions.newest_interactions(ANN, 2, None)
        second, after = interactions.newest_interactions(ANN, 3, after)
        rest, end = interactions.newest_interactions(ANN, 3, after)
        assert [each.interaction_id for each in (*first, *second, *rest)] == ["4", "3", "2", "1", "0"]
        assert end is None

    def test_of_recommendations_add_to_what_they_earned(self, stored: Stored) -> None:
        interactions = stored.interactions
        own = replace(PURCHASE, interaction_id="3", recommendation_id=None)
        interactions.replace_interactions(ANN, [(None, CLICK), (None, PURCHASE), (None, own)])
        bob = UserKey("shop", "bob")
        interactions.replace_interactions(bob, [(None, replace(PURCHASE, user_id="bob", value=0.1))])
        tomorrow = replace(CLICK, interaction_id="4", occurred_at=NOON + timedelta(days=1))
        interactions.replace_interactions(ANN, [(None, tomorrow)])
        assert interactions.earnings("shop", TODAY, TODAY) == {TODAY: Earnings(1, 2, Decimal("9.6"))}
        interactions.replace_interactions(ANN, [(PURCHASE, None)])
        assert interactions.earnings("shop", TODAY, TODAY + timedelta(days=9)) == {
            TODAY: Earnings(1, 1, Decimal("0.1")),
            TODAY + timedelta(days=1): Earnings(clicks=1),
        }
        assert interactions.earnings("other", TODAY, TODAY) == {}

    def test_are_all_in_the_parts_until_their_user_is_erased(self, stored: Stored) -> None:
        interactions = stored.interactions
        bob = UserKey("shop", "bob")
        interactions.replace_interactions(ANN, [(None, CLICK), (None, PURCHASE)])
        interactions.replace_interactions(bob, [(None, replace(CLICK, user_id="bob"))])

        def everything() -> list[tuple[str, str]]:
            found = [each for part in range(PARTS) for each in interactions.part("shop", part)]
            return sorted((each.user_id, each.interaction_id) for each in found)

        assert everything() == [("ann", "1"), ("ann", "2"), ("bob", "1")]
        assert interactions.erase(ANN, lambda: True)
        assert everything() == [("bob", "1")]
        assert interactions.newest_interactions(ANN, 9, None) == ([], None)
