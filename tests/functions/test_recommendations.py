"""Products and interactions become recommendations."""

from __future__ import annotations

import json
import time
from collections import deque
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import boto3
import pytest

from functions.events_api.handler import lambda_handler as events
from functions.galleries_api.handler import lambda_handler as galleries
from functions.interactions_api.handler import lambda_handler as interactions
from functions.models.handler import lambda_handler as models
from functions.products_api.handler import lambda_handler as products
from functions.recommendations_api.handler import lambda_handler as recommendations
from functions.shortlists.handler import lambda_handler as shortlists
from tests.aws import Context, api_event, send, serve
from tests.recommendations import (
    NAMES,
    as_event,
    build,
    follow,
    ids,
    open_shop,
    post,
    put_product,
    queued,
    queued_bodies,
    recommended,
)
from tests.streams import stream_records
from tests.uploads import add_merchant, deliver, put_object
from vitrine.catalog.dynamodb import DynamoDBProducts
from vitrine.catalog.model import Product, UserKey
from vitrine.platform.aws import client
from vitrine.recommendations.model import Measured, Profile, Repeat, Repeats, RepeatsIn, Weights, bought_again
from vitrine.recommendations.model_files import category_key
from vitrine.recommendations.ports import Model
from vitrine.recommendations.wiring import model_repository, shortlist_tasks

pytestmark = pytest.mark.usefixtures("cloud")


@pytest.fixture
def shop(cloud: None) -> None:
    open_shop()


def test_who_bought_the_same_gets_what_the_others_bought(shop: None) -> None:
    build()
    found = recommended("hal", strategy="collaborative")
    rake = next(item for item in found["items"] if item["product_id"] == "rake")
    assert rake["reason"] == {"strategy": "collaborative", "because": ["spade"]}
    assert rake["product"]["category"] == "garden"
    by_popularity = {item["product_id"]: item["score"] for item in recommended("hal", strategy="popular")["items"]}
    assert rake["score"] > by_popularity["rake"]


def test_in_a_shop_whose_few_shoppers_all_click_the_same_the_clicks_of_the_others_count(cloud: None) -> None:
    for product in ("pear", "apple", "plum"):
        put_product(product, category="fruit")
    for user in ("ann", "bob", "cid", "dan", "eve", "fay"):
        post(*[(user, product, "click") for product in ("pear", "apple")])
    post(("newcomer", "pear", "click"))
    build()
    reasons = {item["product_id"]: item["reason"] for item in recommended("newcomer")["items"]}
    assert reasons["apple"] == {"strategy": "collaborative", "because": ["pear"]}


def test_what_suits_the_shopper_best_comes_first_however_popular_the_rest(shop: None) -> None:
    build()
    scores = [item["score"] for item in recommended("hal")["items"]]
    assert scores == sorted(scores, reverse=True)
    assert ids(recommended("hal"))[0] == "rake"


def test_a_product_that_nobody_touched_is_found_by_its_features(shop: None) -> None:
    build()
    found = {item["product_id"]: item for item in recommended("ida", strategy="content")["items"]}
    assert found["green-tea"]["reason"] == {"strategy": "content", "because": ["tea"]}


@pytest.mark.parametrize("strategy", ["hybrid", "collaborative", "content", "popular"])
def test_an_unknown_user_gets_what_is_popular(shop: None, strategy: str) -> None:
    build()
    response = recommended("nobody", strategy=strategy)
    assert ids(response)[0] == "tea"
    assert {item["reason"]["strategy"] for item in response["items"]} == {"popular"}


@pytest.mark.parametrize("strategy", ["hybrid", "collaborative", "content", "popular"])
def test_nothing_is_shown_that_was_bought_withdrawn_or_deleted(shop: None, strategy: str) -> None:
    build()
    assert "spade" not in ids(recommended("hal", strategy=strategy))
    assert {"rake", "coffee"} <= set(ids(recommended("hal", strategy=strategy)))
    put_product("rake", category="garden", available=False)
    serve(products, "DELETE", "/products/{product_id}", product_id="coffee")
    response = recommended("hal", strategy=strategy)
    assert not {"spade", "rake", "coffee"} & set(ids(response))
    assert response["cached"] is False


def test_what_was_asked_is_kept_until_a_purchase(shop: None) -> None:
    build()
    first = recommended("hal")
    again = recommended("hal")
    assert (first["cached"], again["cached"]) == (False, True)
    assert (again["recommendation_id"], again["items"]) == (first["recommendation_id"], first["items"])
    assert recommended("hal", strategy="popular")["cached"] is False
    assert recommended("hal")["cached"] is True
    post(("hal", "rake", "purchase"))
    after = recommended("hal")
    assert (after["cached"], "rake" in ids(after)) == (False, False)


def test_an_entry_that_was_not_dropped_shows_nothing_bought(shop: None) -> None:
    build()
    recommended("hal")
    table = boto3.resource("dynamodb").Table("RecommendationsTable")
    entry = table.get_item(Key={"pk": "shop/u/hal", "sk": "recommendations:user:hal"})["Item"]
    post(("hal", "rake", "purchase"))
    table.put_item(Item=entry)
    assert "rake" not in ids(recommended("hal"))


def test_new_interactions_are_followed(shop: None) -> None:
    build()
    assert recommended("new")["items"][0]["reason"]["strategy"] == "popular"
    post(("new", "spade", "click"))
    follow()
    rake = next(item for item in recommended("new")["items"] if item["product_id"] == "rake")
    assert rake["reason"]["because"] == ["spade"]


def test_a_purchase_taken_back_can_be_shown_again(shop: None) -> None:
    build()
    serve(
        interactions,
        "DELETE",
        "/users/{user_id}/interactions/{interaction_id}",
        user_id="hal",
        interaction_id="hal:spade:purchase",
    )
    follow()
    assert "spade" in ids(recommended("hal"))


def test_pages_follow_each_other(shop: None) -> None:
    build()
    whole = ids(recommended("nobody"))
    first = recommended("nobody", limit="2")
    second = recommended("nobody", limit="100", cursor=first["next_cursor"])
    assert (ids(first) + ids(second), second["next_cursor"]) == (whole, None)


def test_pages_repeat_and_leave_out_nothing_while_the_list_changes(shop: None) -> None:
    build()
    first = recommended("nobody", strategy="popular", limit="3")
    *_, last = ids(recommended("nobody", strategy="popular"))
    for user in "klmnopqrst":
        post((user, last, "purchase"))
    build()
    assert ids(recommended("nobody", strategy="popular"))[0] == last
    second = recommended("nobody", strategy="popular", limit="2", cursor=first["next_cursor"])
    post(("nobody", ids(first)[0], "purchase"))
    rest = recommended("nobody", strategy="popular", limit="100", cursor=second["next_cursor"])
    assert sorted([*ids(first), *ids(second), *ids(rest)]) == sorted(NAMES.values())


@pytest.mark.parametrize("category", ["garden", "Garden"])
def test_a_category_holds_only_its_products_whatever_its_case(shop: None, category: str) -> None:
    assert set(ids(recommended("nobody", category=category))) == {"spade", "rake"}
    build()
    assert set(ids(recommended("nobody", category=category))) == {"spade", "rake"}


def test_similar_products_go_together(shop: None) -> None:
    build()

    def similar(product_id: str) -> list[str]:
        _, response, _ = serve(recommendations, "GET", "/products/{product_id}/similar", product_id=product_id)
        return ids(response)

    assert similar("spade")[0] == "rake"
    assert "green-tea" in similar("tea")
    path = "/products/{product_id}/similar"
    assert serve(recommendations, "GET", path, product_id="unknown")[0] == 404


def for_basket(*product_ids: str, **query: str) -> dict[str, Any]:
    path, body = "/recommendations/for-basket", {"product_ids": product_ids}
    status, response, _ = serve(recommendations, "POST", path, query=query, body=body, kind="publishable")
    assert status == 200, response
    return response


def test_a_basket_gets_what_is_bought_with_its_products_and_none_of_them(shop: None) -> None:
    build()
    first = for_basket("spade")["items"][0]
    assert (first["product_id"], first["reason"]) == ("rake", {"strategy": "collaborative", "because": ["spade"]})
    both = ids(for_basket("tea", "spade"))
    assert {"rake", "mug"} <= set(both)
    assert not {"tea", "spade"} & set(both)
    assert both.index("rake") < both.index("coffee")
    put_product("rake", category="garden", available=False)
    assert "rake" not in ids(for_basket("spade"))


def test_the_products_that_came_last_into_a_basket_count_most(shop: None) -> None:
    build()
    tea_first, tea_last = (
        {item["product_id"]: item["score"] for item in for_basket(*order)["items"]}
        for order in (("tea", "spade"), ("spade", "tea"))
    )
    assert tea_first["rake"] > tea_last["rake"]
    assert tea_first["mug"] < tea_last["mug"]


def test_a_basket_of_unknown_products_gets_what_is_popular(shop: None) -> None:
    assert set(ids(for_basket("unknown"))) == set(NAMES.values())
    build()
    assert ids(for_basket("unknown"))[0] == "tea"


@pytest.mark.parametrize("product_ids", [[], ["a/b"], ["tea"] * 51, "tea"])
def test_a_basket_that_makes_no_sense_is_refused(cloud: None, product_ids: Any) -> None:
    status, response, _ = serve(
        recommendations, "POST", "/recommendations/for-basket", body={"product_ids": product_ids}
    )
    assert (status, response["errors"][0]["pointer"].split("/")[1]) == (422, "product_ids")


def test_excluded_products_are_on_no_page(shop: None) -> None:
    build()
    whole = ids(recommended("nobody"))
    rest = [product_id for product_id in whole if product_id not in {"tea", "rake"}]
    assert ids(recommended("nobody", exclude="tea,rake,unknown")) == rest
    first = recommended("nobody", exclude="tea,rake", limit="2")
    second = recommended("nobody", exclude="tea,rake", limit="100", cursor=first["next_cursor"])
    assert ids(first) + ids(second) == rest
    assert ids(recommended("nobody"))[0] == "tea"
    assert "rake" not in ids(for_basket("spade", exclude="rake"))


@pytest.mark.parametrize("exclude", ["", "a,", "a/b", ",".join(["a"] * 51)])
def test_ids_to_exclude_that_make_no_sense_are_refused(cloud: None, exclude: str) -> None:
    path = "/users/{user_id}/recommendations"
    status, response, _ = serve(recommendations, "GET", path, user_id="a", query={"exclude": exclude})
    assert (status, response["errors"][0]["pointer"]) == (422, "/query/exclude")


def test_before_the_first_model_there_are_products(shop: None) -> None:
    assert set(ids(recommended("nobody"))) == set(NAMES.values())
    assert "spade" not in ids(recommended("hal"))


def test_readers_keep_the_old_model_until_the_new_one_is_whole(shop: None) -> None:
    build()
    before = ids(recommended("nobody"))
    for user in map(str, range(20)):
        post((user, "coffee", "purchase"))
    models({"merchant_id": "shop"}, Context())
    pending = deque(queued_bodies("ModelsQueue"))
    seen = []
    while pending:
        models(as_event(pending.popleft()), Context())
        seen.append(ids(recommended("nobody")))
        pending += queued_bodies("ModelsQueue")
    changes = [now for now, earlier in zip(seen[1:], seen, strict=False) if now != earlier]
    assert seen[0] == before
    assert [found[0] for found in changes] == ["coffee"]


def test_the_weights_that_a_merchant_chose_count(shop: None) -> None:
    build()
    nothing: dict[str, Any] = {"collaborative": None, "content": None, "repeat": None, "repeat_by_category": {}}
    assert weights() == {"collaborative": 0.4, "content": 0.4, "repeat": "exclude", "chosen": nothing}
    before = scores_of("hal")
    assert weights({"collaborative": 2})["collaborative"] == 2.0
    build()
    after = scores_of("hal")
    assert after["rake"] > before["rake"]
    assert after["tea"] == before["tea"]
    assert weights()["chosen"] == {**nothing, "collaborative": 2.0}
    weights({})
    build()
    assert scores_of("hal") == before


def test_what_was_measured_counts_with_its_model_alone(shop: None) -> None:
    build()
    model = model_repository().model("shop")
    assert model is not None
    profile = Profile(20, 100)
    model_repository().put_measured("shop", model, Measured(Weights(0.1, 0.2), profile, None, 7))
    model_repository().put_measured("shop", Model(model.number - 1, model.slot), Measured(Weights(0.9, 0.9)))
    assert model_repository().model("shop") == (model.number, model.slot, Weights(0.1, 0.2), profile)
    weights({"content": 0})
    assert model_repository().model("shop") == (model.number, model.slot, Weights(0.1, 0.0), profile)
    assert asked("GET")["model"]["profile"] == {"half_life": 20, "length": 100}
    assert asked("GET")["model"]["popularity_half_life_days"] == 7
    weights({})
    build()
    assert weights()["collaborative"] == Weights().collaborative
    assert asked("GET")["model"]["profile"] == {"half_life": 5, "length": 30}
    assert asked("GET")["model"]["popularity_half_life_days"] == 180


@pytest.mark.parametrize(
    "body",
    [
        {"content": -1},
        {"content": 11},
        {"content": "much"},
        {"repeat": "often"},
        {"repeat_by_category": {"": "allow"}},
        {"popular": 1},
    ],
)
def test_weights_that_make_no_sense_are_refused(cloud: None, body: dict[str, Any]) -> None:
    status, response, _ = serve(recommendations, "PUT", "/recommendations/weights", body=body)
    assert (status, response["errors"][0]["pointer"].split("/")[1]) == (422, next(iter(body)))


def weights(body: dict[str, Any] | None = None) -> dict[str, Any]:
    method = "GET" if body is None else "PUT"
    status, response, _ = serve(recommendations, method, "/recommendations/weights", body=body)
    assert status == 200, response
    return response


def scores_of(user: str) -> dict[str, float]:
    return {item["product_id"]: item["score"] for item in recommended(user, strategy="collaborative")["items"]}


def test_merchants_see_nothing_of_each_other(shop: None) -> None:
    put_product("spade", merchant="other")
    put_product("seeds", merchant="other")
    post(("hal", "spade", "purchase"), ("hal", "seeds", "view"), merchant="other")
    build()
    build("other")
    assert ids(recommended("hal", merchant="other")) == ["seeds"]
    assert "seeds" not in ids(recommended("hal"))
    assert recommended("hal", merchant="other")["cached"] is True
    path = "/products/{product_id}/similar"
    _, response, _ = serve(recommendations, "GET", path, product_id="spade", merchant="other")
    assert set(ids(response)) <= {"spade", "seeds"}
    status, _, _ = serve(recommendations, "GET", path, product_id="rake", merchant="other")
    assert status == 404
    assert "rake" in ids(recommended("hal"))


def test_an_erased_user_leaves_no_trace(shop: None, capfd: pytest.CaptureFixture[str]) -> None:
    canary = "canary-4711"
    add_merchant()
    post((canary, "tea", "purchase"), (canary, "spade", "view"))
    file = f"interaction_id,user_id,product_id,type\n1,{canary},mug,purchase\n2,{canary},,view\n".encode()
    assert deliver(put_object("imports/shop/interactions/history.csv", file))
    body = {"product_id": "rake", "type": "view"}
    put: dict[str, Any] = {
        "user_id": canary,
        "interaction_id": "x",
        "body": body,
        "headers": {"Idempotency-Key": "once"},
    }
    path = "/users/{user_id}/interactions/{interaction_id}"
    assert [serve(interactions, "PUT", path, **put)[0] for _ in range(2)] == [201, 201]
    serve(galleries, "PUT", "/galleries/{gallery_id}", gallery_id="g", body={})
    image = {"id": "i", "name": "i", "url": "https://pictures.example/i.jpg", "product_ids": ["spade"]}
    serve(galleries, "POST", "/galleries/{gallery_id}/images", gallery_id="g", body={"images": [image]})
    event = {"event_id": "1", "type": "click", "image_id": "i", "user_id": canary}
    serve(events, "POST", "/galleries/{gallery_id}/events", gallery_id="g", body={"events": [event]})
    models({"merchant_id": "shop"}, Context())
    for _ in range(9):
        models(next(iter(queued("ModelsQueue"))), Context())
    assert canary not in _everything()["buckets"]
    build()
    recommended(canary)
    assert canary in _everything()["tables"]
    status, _, _ = serve(interactions, "DELETE", "/users/{user_id}", user_id=canary)
    assert status == 202
    for message in queued("ShortlistsQueue"):
        shortlists(message, Context())
    follow()
    found = _everything()
    assert {place: canary in text for place, text in found.items()} == {
        "tables": False,
        "buckets": False,
        "queues": False,
    }
    output = capfd.readouterr()
    assert "request" in output.out
    assert canary not in output.out + output.err
    assert recommended(canary)["items"][0]["reason"]["strategy"] == "popular"


def test_what_was_being_made_of_a_user_while_it_was_erased_is_swept_away(shop: None) -> None:
    build()
    post(("gone", "tea", "click"))
    shortlist_tasks().refresh([UserKey("shop", "gone")])
    [refresh] = queued_bodies("ShortlistsQueue")
    serve(interactions, "DELETE", "/users/{user_id}", user_id="gone")

    def erase(model: Any, **_: Any) -> None:
        if model.name == "PutItem" and waiting:
            shortlists(as_event(waiting.pop()), Context())

    waiting = queued_bodies("ShortlistsQueue")
    client("dynamodb").meta.events.register("before-call.dynamodb", erase)
    shortlists(as_event(refresh), Context())
    client("dynamodb").meta.events.unregister("before-call.dynamodb", erase)
    recommended("gone")
    assert "shop/u/gone" in _everything()["tables"]
    shortlists(as_event(json.dumps({"task": "sweep", "users": [["shop", "gone"]]})), Context())
    assert "shop/u/gone" not in _everything()["tables"]


def test_gallery_events_of_a_known_user_count_for_the_products_of_their_image(shop: None) -> None:
    serve(galleries, "PUT", "/galleries/{gallery_id}", gallery_id="g", body={})
    image = {"id": "i", "name": "i", "url": "https://pictures.example/i.jpg", "product_ids": ["spade", "mug"]}
    serve(galleries, "POST", "/galleries/{gallery_id}/images", gallery_id="g", body={"images": [image]})
    sent = [
        {"event_id": "1", "type": "click", "image_id": "i", "user_id": "zoe"},
        {"event_id": "2", "type": "view", "image_id": "i"},
    ]
    for _ in range(2):
        serve(events, "POST", "/galleries/{gallery_id}/events", gallery_id="g", body={"events": sent})
    _, listed, _ = serve(interactions, "GET", "/users/{user_id}/interactions", user_id="zoe")
    assert sorted((item["product_id"], item["type"]) for item in listed["items"]) == [
        ("mug", "click"),
        ("spade", "click"),
    ]


def _everything() -> dict[str, str]:
    dynamodb, s3 = boto3.client("dynamodb"), client("s3")
    tables = [str(dynamodb.scan(TableName=name)["Items"]) for name in dynamodb.list_tables()["TableNames"]]
    files = []
    for bucket in s3.list_buckets()["Buckets"]:
        for found in s3.list_objects_v2(Bucket=bucket["Name"]).get("Contents", []):
            body = s3.get_object(Bucket=bucket["Name"], Key=found["Key"])["Body"].read()
            files.append(found["Key"] + _plain(body))
    queues = [
        message["Body"]
        for url in client("sqs").list_queues()["QueueUrls"]
        for message in client("sqs").receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", [])
    ]
    return {"tables": "".join(tables), "buckets": "".join(files), "queues": "".join(queues)}


def _plain(body: bytes) -> str:
    import gzip

    return gzip.decompress(body).decode() if body[:2] == b"\x1f\x8b" else body.decode(errors="replace")


def test_what_is_sent_again_changes_nothing(shop: None) -> None:
    assert post(("hal", "spade", "purchase"), ("hal", "mug", "view")) == ["unchanged", "created"]
    assert post(("hal", "spade", "purchase"), ("hal", "mug", "view")) == ["unchanged", "unchanged"]
    body = {"product_id": "mug", "type": "view"}
    put = api_event(
        "PUT", "/users/{user_id}/interactions/{interaction_id}", user_id="hal", interaction_id="x", body=body
    )
    first, again = (send(interactions, put) for _ in range(2))
    assert (first[0], again[0]) == (201, 200)
    assert again[1] == first[1]
    _, listed, _ = serve(interactions, "GET", "/users/{user_id}/interactions", user_id="hal")
    assert [item["interaction_id"] for item in listed["items"]] == ["x", "hal:mug:view", "hal:spade:purchase"]
    assert json.dumps(listed).count("hal") == 2


def test_products_are_listed_read_and_deleted(shop: None) -> None:
    _, page, _ = serve(products, "GET", "/products", query={"limit": "3"})
    _, rest, _ = serve(products, "GET", "/products", query={"cursor": page["next_cursor"]})
    assert sorted(ids(page) + ids(rest)) == sorted(NAMES.values())
    assert serve(products, "DELETE", "/products/{product_id}", product_id="mug")[0] == 204
    assert serve(products, "GET", "/products/{product_id}", product_id="mug")[0] == 404
    assert serve(products, "DELETE", "/products/{product_id}", product_id="mug")[0] == 404


def test_products_beyond_what_one_query_reads_are_on_the_page() -> None:
    store = DynamoDBProducts(client("dynamodb"), "ProductsTable")
    store.put_products("shop", [Product(f"p{at:03}", "p", attributes={"text": "x" * 20_000}) for at in range(80)])
    assert len(store.list_products("shop", 70, None)) == 70


def test_a_merchant_asks_for_a_model_and_sees_how_far_it_is_and_what_it_was_learned_from(shop: None) -> None:
    assert asked("GET") == {"model": None, "run": None}
    begun = asked("POST")
    assert (begun["status"], begun["steps"][0]) == ("running", {"step": "export", "done": 0, "parts": 9})
    assert asked("POST")["model_id"] == begun["model_id"]
    [first, *_] = queued_bodies("ModelsQueue")
    models(as_event(first), Context())
    assert asked("GET")["run"]["steps"][0]["done"] == 1
    assert asked("GET")["model"] is None
    asked("POST")
    do_models()
    state = asked("GET")
    assert state["run"]["status"] == "completed"
    assert all(step["done"] == step["parts"] for step in state["run"]["steps"])
    assert (state["model"]["model_id"], state["model"]["interactions"], state["model"]["products"]) == (
        begun["model_id"],
        20,
        len(NAMES),
    )
    assert state["model"]["began_at"] <= state["model"]["published_at"] <= state["run"]["updated_at"]
    assert asked("POST")["model_id"] > begun["model_id"]


def test_a_run_that_stands_still_for_an_hour_gives_way_to_another(shop: None) -> None:
    stuck = asked("POST")
    state = boto3.resource("dynamodb").Table("RecommendationsTable")
    moved = f"{time.time() - 3601:.3f}"
    state.update_item(
        Key={"pk": "shop", "sk": "state"},
        UpdateExpression="SET run_moved_at = :moved",
        ExpressionAttributeValues={":moved": Decimal(moved)},
    )
    assert asked("POST")["model_id"] > stuck["model_id"]


def test_responses_say_which_model_they_come_from(shop: None) -> None:
    path = "/products/{product_id}/similar"

    def model_ids() -> list[str | None]:
        _, similar, _ = serve(recommendations, "GET", path, product_id="spade")
        return [similar["model_id"], *(recommended("hal")["model_id"] for _ in range(2))]

    assert model_ids() == [None] * 3
    build()
    assert model_ids() == [asked("GET")["model"]["model_id"]] * 3


def test_the_schedule_learns_again_only_where_something_changed(shop: None) -> None:
    add_merchant()
    nightly()
    first = asked("GET")["model"]["model_id"]
    nightly()
    state = asked("GET")
    assert (state["model"]["model_id"], state["run"]["status"]) == (first, "unchanged")
    assert not client("s3").list_objects_v2(Bucket="modelsbucket").get("Contents")
    post(("ida", "mug", "click"))
    nightly()
    second = asked("GET")["model"]["model_id"]
    assert second > first
    put_product("mug", category="garden")
    nightly()
    third = asked("GET")["model"]["model_id"]
    assert third > second
    serve(
        interactions,
        "DELETE",
        "/users/{user_id}/interactions/{interaction_id}",
        user_id="ida",
        interaction_id="ida:mug:click",
    )
    nightly()
    assert asked("GET")["model"]["model_id"] > third


@pytest.fixture
def early(monkeypatch: pytest.MonkeyPatch) -> None:
    """Interactions alone begin models."""
    monkeypatch.setenv("EARLY_MODELS_QUEUE", client("sqs").get_queue_url(QueueName="ModelsQueue")["QueueUrl"])


def test_from_the_first_purchase_on_the_buyer_of_a_phone_gets_phones_first(early: None) -> None:
    for name in ("arm chair", "bed", "sofa"):
        put_product(name.replace(" ", "-"), category="furniture", brand="Oak", price=500, currency="EUR")
    for name in ("x1", "x2", "x3"):
        put_product(name, category="phones", brand="Bell", price=300, currency="EUR")
    send_stream(("ann", "x2", "purchase"))
    do_models()
    found = recommended("ann")["items"]
    assert [item["product_id"] for item in found[:2]] == ["x1", "x3"]
    assert found[0]["reason"] == {"strategy": "content", "because": ["x2"]}


def test_in_a_new_shop_models_follow_as_its_interactions_double(early: None) -> None:
    for name in NAMES.values():
        put_product(name)
    learned = []
    for at in range(9):
        send_stream((f"shopper-{at}", "tea", "click"))
        do_models()
        learned.append(asked("GET")["model"]["interactions"])
    assert learned == [1, 2, 2, 4, 4, 4, 4, 8, 8]


def test_what_arrives_while_a_model_is_built_begins_the_next_when_it_is_done(early: None) -> None:
    put_product("tea")
    send_stream(("ann", "tea", "click"))
    for body in queued_bodies("ModelsQueue"):
        models(as_event(body), Context())
    send_stream(("bob", "tea", "click"), ("cid", "tea", "click"))
    do_models()
    assert asked("GET")["model"]["interactions"] == 3


def test_without_a_schedule_interactions_begin_no_model(shop: None) -> None:
    follow()
    assert queued_bodies("ModelsQueue") == []
    assert asked("GET")["run"] is None


def asked(method: str) -> dict[str, Any]:
    status, response, _ = serve(recommendations, method, "/recommendations/models")
    assert status == {"GET": 200, "POST": 202}[method], response
    return response


def nightly() -> None:
    models({}, Context())
    do_models()


def do_models() -> None:
    for event in queued("ModelsQueue"):
        assert models(event, Context()) == {"batchItemFailures": []}
    for event in queued("ShortlistsQueue"):
        assert shortlists(event, Context()) == {"batchItemFailures": []}


def send_stream(*sent: tuple[str, str, str]) -> None:
    """Interactions with their records of the stream, each once."""
    before = len(stream_records("InteractionsTable"))
    post(*sent)
    shortlists({"Records": stream_records("InteractionsTable")[before:]}, Context())


def test_what_was_bought_comes_again_only_where_it_is_asked_for(shop: None) -> None:
    post(("ida", "mug", "purchase"), ("ida", "tea", "view"))
    build()

    def shown(repeat: str) -> list[str]:
        return ids(recommended("ida", repeat=repeat))

    assert not {"tea", "mug"} & set(shown("exclude"))
    assert ids(recommended("ida")) == shown("exclude")
    assert [product_id for product_id in shown("allow") if product_id not in {"tea", "mug"}] == shown("exclude")
    assert {"tea", "mug"} <= set(shown("allow"))
    assert shown("first")[:2] == ["mug", "tea"]
    assert sorted(shown("first")) == sorted(shown("allow"))
    first = recommended("ida", repeat="first")["items"][0]
    assert first["reason"] == {"strategy": "repeat", "because": ["mug"]}
    weights({"repeat": "first"})
    assert ids(recommended("ida")) == shown("first")
    weights({})
    assert ids(recommended("ida")) == shown("exclude")
    put_product("mug", available=False)
    assert "mug" not in shown("first")
    assert "mug" not in shown("allow")


def test_what_was_measured_of_repeats_is_the_default_and_shown(shop: None) -> None:
    post(("ida", "mug", "purchase"), ("ida", "tea", "view"))
    build()
    assert asked("GET")["model"]["repeats"] is None
    model = model_repository().model("shop")
    assert model is not None
    often: dict[Repeat, float] = {"exclude": 0.1, "allow": 0.2, "first": 0.3}
    garden = {category_key("garden"): RepeatsIn(150, 0.25, often, "exclude", "spade")}
    repeats = Repeats(RepeatsIn(200, 0.5, often, "first"), garden, 0.06, time.time())
    model_repository().put_measured("shop", model, Measured(repeats=repeats))
    assert asked("GET")["model"]["repeats"] == {
        "repeat": "first",
        "shoppers": 200,
        "share": 0.5,
        "ndcg": often,
        "when_due": True,
        "categories": [{"category": "garden", "repeat": "exclude", "shoppers": 150, "share": 0.25, "ndcg": often}],
    }
    assert weights()["repeat"] == "first"
    assert ids(recommended("ida"))[:2] == ["mug", "tea"]
    assert ids(recommended("ida", category="kitchen"))[0] == "mug"
    assert "spade" not in ids(recommended("hal", category="Garden"))
    assert "mug" not in ids(recommended("ida", repeat="exclude"))


def test_a_merchant_chooses_how_repeats_are_treated_by_category(shop: None) -> None:
    build()
    chosen = weights({"repeat_by_category": {"Garden": "allow"}})
    assert (chosen["repeat"], chosen["chosen"]["repeat_by_category"]) == ("exclude", {"garden": "allow"})
    assert "spade" in ids(recommended("hal", category="garden"))
    assert "spade" not in ids(recommended("hal"))
    weights({"repeat": "allow", "repeat_by_category": {"garden": "exclude"}})
    assert "spade" not in ids(recommended("hal", category="garden"))
    assert "spade" in ids(recommended("hal"))


def test_what_was_bought_most_and_latest_comes_first() -> None:
    now = datetime(2024, 5, 1, tzinfo=UTC)
    years = [timedelta(days=365 * count) for count in range(4)]
    often_long_ago = [("soap", now - years[3])] * 3
    bought = [*often_long_ago, ("salt", now), ("rice", now - years[1]), ("rice", now - years[0])]
    found = bought_again((product_id, at.timestamp()) for product_id, at in bought)
    assert [product.product_id for product in found] == ["rice", "salt", "soap"]
