"""A shop's newest touches count before the first model and beside the last one, exactly once."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import boto3
import pytest

from functions.interactions_api.handler import lambda_handler as interactions
from functions.recommendations_api.handler import lambda_handler as recommendations
from functions.shortlists.handler import lambda_handler as shortlists
from tests.aws import Context, api_event, send, serve
from tests.faults.fault import hooked, throttle
from tests.recommendations import build, follow, ids, post, put_product, queued, recommended
from tests.streams import stream_records
from vitrine.catalog.model import UserKey
from vitrine.catalog.wiring import interaction_repository
from vitrine.recommendations.recent import MOST_LEARNED, MOST_TOUCHES, RecentTouch, counts_since, keep_recent, replaced
from vitrine.recommendations.wiring import recent_repository

pytestmark = pytest.mark.usefixtures("cloud")

NOW = datetime(2024, 6, 1, tzinfo=UTC)
PHONES = {"phone-a": "Acme", "phone-b": "Acme", "phone-c": "Other"}


@pytest.fixture
def shop(cloud: None) -> None:
    for sofa in ("a-sofa", "b-sofa"):
        put_product(sofa, category="furniture", brand="Comfy")
    for phone, brand in PHONES.items():
        put_product(phone, category="phones", brand=brand)


def kept() -> dict[str, float]:
    counts = counts_since(recent_repository().find("shop")[1], 0)
    return {product_id: round(count, 2) for product_id, count in counts.items()}


def similar(product_id: str) -> dict[str, Any]:
    status, response, _ = serve(recommendations, "GET", "/products/{product_id}/similar", product_id=product_id)
    assert status == 200
    return response


def test_before_the_first_model_what_was_touched_most_comes_first(shop: None) -> None:
    assert ids(recommended("nobody"))[0] == "a-sofa"
    post(("ann", "b-sofa", "purchase"), ("bob", "b-sofa", "purchase"), ("cid", "phone-c", "click"))
    follow()
    response = recommended("nobody")
    assert response["model_id"] is None
    assert ids(response) == ["b-sofa", "phone-c", "a-sofa", "phone-a", "phone-b"]
    scores = [item["score"] for item in response["items"]]
    assert scores == sorted(scores, reverse=True)
    assert ids(recommended("nobody", category="Phones"))[0] == "phone-c"


def test_before_the_first_model_the_buyer_of_a_phone_gets_phones_of_the_brand(shop: None) -> None:
    post(("ann", "phone-a", "purchase"))
    follow()
    items = recommended("ann")["items"]
    assert [item["product_id"] for item in items] == ["phone-b", "phone-c", "a-sofa", "b-sofa"]
    assert items[0]["reason"] == {"strategy": "content", "because": ["phone-a"]}
    assert items[-1]["reason"]["strategy"] == "popular"
    assert {item["reason"]["strategy"] for item in recommended("ann", strategy="popular")["items"]} == {"popular"}


def test_before_the_first_model_similar_products_and_baskets_share_features(shop: None) -> None:
    response = similar("phone-a")
    assert (response["model_id"], ids(response)[:2]) == (None, ["phone-b", "phone-c"])
    assert "phone-a" not in ids(response)
    event = api_event("POST", "/recommendations/for-basket", body={"product_ids": ["a-sofa"]}, kind="publishable")
    basket = send(recommendations, event)[1]
    assert (basket["model_id"], ids(basket)[0]) == (None, "b-sofa")


def test_what_came_after_the_model_counts_beside_it(shop: None) -> None:
    post(("ann", "a-sofa", "purchase"))
    follow()
    build()
    assert ids(recommended("nobody"))[0] == "a-sofa"
    put_product("new-phone", category="phones", brand="Acme")
    post(("bob", "new-phone", "purchase"), ("cid", "new-phone", "purchase"))
    follow()
    response = recommended("nobody")
    assert response["model_id"] is not None
    assert ids(response)[0] == "new-phone"
    build()
    again = {item["product_id"]: item["score"] for item in recommended("nobody")["items"]}
    assert again["new-phone"] == response["items"][0]["score"]


def test_touches_delivered_again_count_once(shop: None) -> None:
    post(("ann", "a-sofa", "purchase"), ("bob", "phone-a", "view"))
    for _ in range(3):
        follow()
    assert kept() == {"a-sofa": 1.0, "phone-a": 0.25}
    assert recent_repository().find("shop")[0] == 1


def test_what_is_taken_back_or_erased_no_longer_counts(shop: None) -> None:
    post(("ann", "a-sofa", "purchase"), ("ann", "phone-a", "view"), ("bob", "a-sofa", "view"))
    follow()
    path = "/users/{user_id}/interactions/{interaction_id}"
    serve(interactions, "DELETE", path, user_id="ann", interaction_id="ann:a-sofa:purchase")
    follow()
    assert kept() == {"a-sofa": 0.25, "phone-a": 0.25}
    serve(interactions, "DELETE", "/users/{user_id}", user_id="ann")
    for event in queued("ShortlistsQueue"):
        shortlists(event, Context())
    follow()
    assert kept() == {"a-sofa": 0.25}


def test_of_two_writers_at_once_both_count(shop: None) -> None:
    post(("ann", "a-sofa", "purchase"), ("bob", "phone-a", "purchase"))
    others = [UserKey("shop", "bob")]

    def meanwhile(model: Any, params: Any, **_: Any) -> None:
        if model.name == "PutItem" and others:
            keep_recent(interaction_repository(), recent_repository(), [others.pop()], NOW)

    with hooked(meanwhile):
        keep_recent(interaction_repository(), recent_repository(), [UserKey("shop", "ann")], NOW)
    assert not others
    assert kept() == {"a-sofa": 1.0, "phone-a": 1.0}


def test_a_batch_whose_touches_could_not_be_kept_is_delivered_again(shop: None) -> None:
    post(("ann", "a-sofa", "purchase"))
    records = stream_records("InteractionsTable")

    def fail(model: Any, params: Any, **_: Any) -> None:
        if model.name == "PutItem" and '"recent"' in str(params["body"]):
            throttle(model.name)

    with pytest.raises(Exception, match="newest touches"), hooked(fail):
        shortlists({"Records": records}, Context())
    assert kept() == {}
    shortlists({"Records": records}, Context())
    assert kept() == {"a-sofa": 1.0}


def test_beside_a_large_model_nothing_is_kept(shop: None) -> None:
    post(("ann", "a-sofa", "purchase"))
    follow()
    build()
    table = boto3.resource("dynamodb").Table("RecommendationsTable")
    table.update_item(
        Key={"pk": "shop", "sk": "state"},
        UpdateExpression="SET model_sources.#part = :source",
        ExpressionAttributeNames={"#part": "00"},
        ExpressionAttributeValues={":source": [MOST_LEARNED + 1, "digest"]},
    )
    follow()
    assert recent_repository().find("shop") == (0, [])


def touch(user: int, product_id: str, at: int, seen: int = 0, weight: float = 1.0) -> RecentTouch:
    return RecentTouch(user, product_id, weight, at, seen)


def test_the_newest_are_kept_and_keep_when_they_were_first_seen() -> None:
    before = [touch(1, "a", 9, seen=1), touch(2, "b", 8, seen=1)]
    after = replaced(before, {1: [touch(1, "c", 10, seen=5), touch(1, "a", 9, seen=5)], 3: []})
    assert after == [touch(1, "c", 10, seen=5), touch(1, "a", 9, seen=1), touch(2, "b", 8, seen=1)]
    assert [product_id for product_id, count in counts_since(after, 1).items() if count >= 1] == ["c"]
    many = replaced(before, {user: [touch(user, "d", user)] for user in range(3, 3 + 2 * MOST_TOUCHES)})
    assert len(many) == MOST_TOUCHES
    assert many[0].at == 2 * MOST_TOUCHES + 2


def test_touches_count_less_the_older_they_are() -> None:
    counts = counts_since([touch(1, "new", 180 * 86_400, seen=1), touch(2, "old", 0, seen=1)], 0)
    assert counts == pytest.approx({"new": 1.0, "old": 0.5}, abs=1e-3)


def test_of_equal_counts_those_of_users_who_choose_few_come_first() -> None:
    many = [touch(1, f"many-{number}", 9, seen=9) for number in range(30)]
    counts = counts_since([*many, touch(2, "one", 9, seen=9)], 0)
    assert max(counts, key=counts.__getitem__) == "one"
    assert counts["one"] - counts["many-0"] < 1e-3
