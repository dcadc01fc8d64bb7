"""What shoppers get, on repositories in memory."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import count
from typing import TYPE_CHECKING

import pytest

from tests.memory.catalog import InteractionsInMemory, ProductsInMemory
from tests.memory.recommendations import InputsInMemory, ModelsInMemory, ResponsesInMemory
from vitrine.catalog.model import Interaction, Product, UserKey
from vitrine.platform.problems import Unavailable
from vitrine.recommendations.model import ChosenWeights, Neighbour, Neighbourhood, Popular
from vitrine.recommendations.model_files import category_key
from vitrine.recommendations.ports import Model, StaleShortlist
from vitrine.recommendations.recommend import (
    RecommendationQuery,
    Recommender,
    Stores,
    recommend_for_basket,
    recommend_similar,
)
from vitrine.recommendations.refresh_shortlists import refresh_shortlist

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vitrine.catalog.model import InteractionType
    from vitrine.recommendations.model import Repeat, Shortlist
    from vitrine.recommendations.recommend import Recommendations, Similar
    from vitrine.renditions.model import Original

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
ANN = UserKey("shop", "ann")
PRODUCTS = ["camera", "card", "lens", "phone"]


def no_copies(product_ids: Sequence[str], *, consistent: bool = False) -> dict[str, Original]:
    del product_ids, consistent
    return {}


class Shop:
    """A shop whose shoppers buy cards with cameras, and phones most of all."""

    def __init__(self) -> None:
        self.models = ModelsInMemory(lambda: 0.0)
        self.products, self.interactions = ProductsInMemory(), InteractionsInMemory()
        self.inputs = InputsInMemory(self.models, self.products, self.interactions)
        self.stores = Stores(self.models, self.inputs, self.products, no_copies)
        self.recommender = Recommender(self.inputs, ResponsesInMemory(), self.products)
        self._ids = count(1)
        self.products.put_products(
            "shop", [Product(each, each, "Photo" if each != "phone" else None) for each in PRODUCTS]
        )

    def learn(self) -> None:
        build = self.models.start("shop", 1)
        model = Model(build.number, build.slot)
        popular = [Popular("phone", 90.0, {}), Popular("camera", 9.0, {}), Popular("lens", 3.0, {})]
        self.models.put_popular("shop", model, "", popular)
        self.models.put_popular("shop", model, category_key("photo"), popular[1:])
        near = [Neighbour("card", 20.0, 5.0)]
        self.models.put_neighbourhoods("shop", model, [("camera", Neighbourhood(near))])
        self.models.publish("shop", model)

    def touch(self, kind: InteractionType, product_id: str) -> None:
        at = next(self._ids)
        touched = Interaction(str(at), "ann", product_id, kind, NOON + timedelta(minutes=at))
        self.interactions.replace_interactions(ANN, [(None, touched)])
        refresh_shortlist(self.interactions, self.models, self.inputs, ANN)

    def recommend(self, category: str | None = None, repeat: Repeat | None = None) -> Recommendations:
        query = RecommendationQuery("hybrid", category, repeat)
        return self.recommender.recommend(ANN, query, no_copies, now=NOON, new_id=lambda: str(next(self._ids)))


@pytest.fixture
def shop() -> Shop:
    shop = Shop()
    shop.learn()
    return shop


def products_of(recommended: Recommendations | Similar) -> list[str]:
    return [item["product_id"] for item in recommended.items]


def test_before_the_first_model_all_products_are_shown_by_id() -> None:
    shop = Shop()
    recommended = shop.recommend()
    assert (products_of(recommended), recommended.model) == (PRODUCTS, None)
    assert products_of(shop.recommend("PHOTO")) == ["camera", "card", "lens"]
    shop.touch("click", "camera")
    assert shop.inputs.shortlist_version(ANN) is None


def test_an_unknown_shopper_gets_what_is_popular(shop: Shop) -> None:
    assert products_of(shop.recommend()) == ["phone", "camera", "lens"]
    assert products_of(shop.recommend("Photo")) == ["camera", "lens"]


def test_what_goes_with_the_last_touch_comes_first_with_its_reason(shop: Shop) -> None:
    shop.touch("click", "camera")
    first = shop.recommend().items[0]
    assert (first["product_id"], first["reason"]) == ("card", {"strategy": "collaborative", "because": ["camera"]})


def test_a_response_is_kept_until_something_changes_it(shop: Shop) -> None:
    first, again = shop.recommend(), shop.recommend()
    assert (first.outcome, again.outcome) == ("miss", "hit")
    assert again[:3] == first[:3]
    assert shop.recommend("photo").outcome == "miss"
    assert shop.recommend().outcome == "hit"
    shop.models.note("shop")
    assert shop.recommend().outcome == "stale"


def test_what_was_bought_is_shown_only_where_it_is_asked_for(shop: Shop) -> None:
    shop.touch("purchase", "phone")
    assert "phone" not in products_of(shop.recommend())
    assert "phone" in products_of(shop.recommend(repeat="allow"))
    assert products_of(shop.recommend(repeat="first"))[0] == "phone"
    shop.models.set_weights("shop", ChosenWeights(repeat="first"))
    assert products_of(shop.recommend())[0] == "phone"


def test_similar_products_are_neighbours_or_else_popular_ones_that_share_features(shop: Shop) -> None:
    camera, lens = Product("camera", "camera", "Photo"), Product("lens", "lens", "Photo")
    assert products_of(recommend_similar(shop.stores, ANN, camera)) == ["card"]
    others = recommend_similar(shop.stores, ANN, lens)
    assert products_of(others) == ["phone", "camera"]
    assert others.items[1]["reason"] == {"strategy": "content", "because": ["lens"]}
    assert recommend_similar(shop.stores, UserKey("other", "ann"), lens) == ([], None)


def test_before_the_first_model_what_shares_features_comes_first() -> None:
    shop = Shop()
    lens = Product("lens", "lens", "Photo")
    assert products_of(recommend_similar(shop.stores, ANN, lens)) == ["camera", "card", "phone"]
    assert products_of(recommend_for_basket(shop.stores, ANN, ["lens", "unknown"])) == ["camera", "card", "phone"]


def test_a_basket_gets_what_goes_with_it_and_none_of_it(shop: Shop) -> None:
    assert products_of(recommend_for_basket(shop.stores, ANN, ["phone", "camera"])) == ["card", "lens"]
    assert recommend_for_basket(shop.stores, UserKey("other", "ann"), ["camera"]) == ([], None)


class TestRefresh:
    def test_reads_again_when_another_was_faster(self, shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
        stored, put = [], shop.inputs.put_shortlist

        def overtaken(user: UserKey, model: Model, shortlist: Shortlist, version: str | None) -> None:
            stored.append(version)
            if len(stored) == 1:
                put(user, model, shortlist, version)
            put(user, model, shortlist, version)

        monkeypatch.setattr(shop.inputs, "put_shortlist", overtaken)
        shop.touch("click", "camera")
        assert stored == [None, stored[1]]
        assert stored[1] is not None

    def test_gives_up_where_others_never_stop(self, shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
        def refuse(*_: object) -> None:
            raise StaleShortlist

        monkeypatch.setattr(shop.inputs, "put_shortlist", refuse)
        with pytest.raises(Unavailable):
            shop.touch("click", "camera")

    def test_drops_the_shortlist_of_a_shopper_without_interactions(self, shop: Shop) -> None:
        shop.touch("click", "camera")
        assert shop.inputs.shortlist_version(ANN) is not None
        shop.interactions.erase(ANN, lambda: True)
        refresh_shortlist(shop.interactions, shop.models, shop.inputs, ANN)
        assert shop.inputs.shortlist_version(ANN) is None
