"""Recommendations are cached in DynamoDB, or in a real Redis."""

from __future__ import annotations

import json
import socket
import time
from typing import TYPE_CHECKING, Any

import boto3
import pytest

from functions.interactions_api.handler import lambda_handler as interactions
from functions.shortlists.handler import lambda_handler as shortlists
from tests.aws import Context, serve
from tests.faults.fault import Killed, hooked, kill
from tests.recommendations import build, ids, open_shop, post, put_product, queued, recommended
from tests.redis_server import RedisServer
from vitrine.catalog.mirroring import ProductHolders
from vitrine.catalog.wiring import product_repository
from vitrine.recommendations.wiring import withdrawals
from vitrine.renditions.model import PRODUCTS, Holder, Original, Picture
from vitrine.renditions.wiring import originals

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.usefixtures("cloud")


@pytest.fixture(scope="module")
def server() -> Iterator[RedisServer]:
    made = RedisServer()
    made.start()
    yield made
    made.close()


@pytest.fixture
def redis(cloud: None, server: RedisServer, monkeypatch: pytest.MonkeyPatch) -> RedisServer:
    server.client.flushall()
    monkeypatch.setenv("REDIS_URL", server.url)
    return server


@pytest.fixture(params=["DynamoDB", "Redis"])
def shop(request: pytest.FixtureRequest, cloud: None) -> None:
    if request.param == "Redis":
        request.getfixturevalue("redis")
    open_shop()


@pytest.fixture
def outcomes(capfd: pytest.CaptureFixture[str]) -> Any:
    """The cache's metrics since they were last asked for."""

    def read() -> list[str]:
        lines = [json.loads(line) for line in capfd.readouterr().out.splitlines() if '"_aws"' in line]
        names = [name for line in lines for name in line if name.startswith("RecommendationsCache")]
        return [name.removeprefix("RecommendationsCache").lower() for name in names]

    return read


def test_an_entry_is_a_hit_until_something_makes_it_stale(shop: None, outcomes: Any) -> None:
    assert recommended("hal")["cached"] is False
    assert recommended("hal")["cached"] is True
    assert outcomes() == ["miss", "hit"]
    put_product("mug", available=False)
    assert recommended("hal")["cached"] is False
    assert outcomes() == ["stale"]


def test_a_purchase_drops_the_entry(shop: None, outcomes: Any) -> None:
    first = ids(recommended("hal"))[0]
    post(("hal", first, "purchase"))
    after = recommended("hal")
    assert (after["cached"], first in ids(after)) == (False, False)
    assert outcomes() == ["miss", "miss"]


def test_a_purchase_that_is_sent_again_drops_the_entry_that_a_killed_sender_left(shop: None, outcomes: Any) -> None:
    def kill_once_stored(model: Any, **_: Any) -> None:
        if model.name == "TransactWriteItems":
            kill(model.name)

    first = ids(recommended("hal"))[0]
    with pytest.raises(Killed), hooked(kill_once_stored, "after-call"):
        post(("hal", first, "purchase"))
    assert post(("hal", first, "purchase")) == ["unchanged"]
    assert recommended("hal")["cached"] is False
    assert outcomes() == ["miss", "miss"]


def test_merchants_share_no_entry(shop: None) -> None:
    for merchant in ("other", "shop:recommendations:user:a"):
        put_product("only", merchant=merchant)
    mine = recommended("a:recommendations:user:b")
    assert ids(recommended("b", merchant="shop:recommendations:user:a")) == ["only"]
    assert ids(recommended("a:recommendations:user:b", merchant="other")) == ["only"]
    again = recommended("a:recommendations:user:b")
    assert (again["cached"], again["items"]) == (True, mine["items"])


def test_an_erased_users_entry_is_gone(shop: None) -> None:
    post(("eve-4711", "tea", "view"))
    recommended("eve-4711")
    serve(interactions, "DELETE", "/users/{user_id}", user_id="eve-4711")
    for event in queued("ShortlistsQueue"):
        assert shortlists(event, Context()) == {"batchItemFailures": []}
    assert recommended("eve-4711")["cached"] is False


def test_entries_expire_after_an_hour_in_dynamodb() -> None:
    open_shop()
    recommended("hal")
    key = {"pk": "shop/u/hal", "sk": "recommendations:user:hal"}
    entry: Any = boto3.resource("dynamodb").Table("RecommendationsTable").get_item(Key=key)["Item"]
    assert 3500 < int(entry["expires_at"]) - time.time() <= 3600


def test_entries_expire_after_an_hour_in_redis(redis: RedisServer) -> None:
    open_shop()
    recommended("hal")
    assert redis.client.keys() == [b"shop/recommendations:user:hal"]
    assert 3500 < redis.client.ttl("shop/recommendations:user:hal") <= 3600


def test_a_cache_that_is_down_is_a_miss(redis: RedisServer, outcomes: Any) -> None:
    open_shop()
    first = recommended("hal")
    redis.stop()
    assert [recommended("hal")["cached"] for _ in range(3)] == [False] * 3
    assert ids(recommended("hal")) == ids(first)
    assert outcomes() == ["miss"] * 5
    redis.start()
    time.sleep(1)
    assert [recommended("hal")["cached"] for _ in range(2)] == [False, True]


def test_a_purchase_that_the_cache_did_not_hear_of_is_shown_nowhere(redis: RedisServer, outcomes: Any) -> None:
    open_shop()
    build()
    first = ids(recommended("hal"))[0]
    cached = redis.client.get("shop/recommendations:user:hal")
    assert cached
    redis.stop()
    post(("hal", first, "purchase"))
    redis.start()
    redis.client.set("shop/recommendations:user:hal", cached)
    time.sleep(1)
    outcomes()
    assert first not in ids(recommended("hal"))
    assert outcomes() == ["stale"]


def test_a_cache_that_never_responses_holds_up_few_requests(cloud: None, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        monkeypatch.setenv("REDIS_URL", f"redis://127.0.0.1:{silent.getsockname()[1]}/0")
        open_shop()
        time.sleep(1)
        started = time.monotonic()
        assert recommended("hal")["cached"] is False
        assert time.monotonic() - started < 2


@pytest.fixture
def locked(redis: RedisServer) -> Iterator[RedisServer]:
    """A Redis that asks for the password `first`, and for the user `vitrine` with `named`."""
    redis.client.acl_setuser("vitrine", enabled=True, passwords=["+named"], keys=["*"], commands=["+@all"])
    redis.client.config_set("requirepass", "first")
    yield redis
    redis.client.config_set("requirepass", "")
    redis.client.acl_deluser("vitrine")


def _secret(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    made = boto3.client("secretsmanager").create_secret(Name="redis", SecretString=text)
    monkeypatch.setenv("REDIS_SECRET_ARN", made["ARN"])


@pytest.mark.parametrize(
    "secret", ["first", '{"username": "vitrine", "password": "named"}', '{"username": "default", "password": "first"}']
)
def test_the_password_of_the_redis_comes_from_a_secret(
    locked: RedisServer, secret: str, monkeypatch: pytest.MonkeyPatch, outcomes: Any
) -> None:
    _secret(secret, monkeypatch)
    open_shop()
    outcomes()
    recommended("hal")
    recommended("hal")
    assert outcomes() == ["miss", "hit"]


@pytest.mark.parametrize("arn", ["", "arn:aws:secretsmanager:eu-west-1:123456789012:secret:unknown"])
def test_without_its_password_the_cache_is_done_without(
    locked: RedisServer, arn: str, monkeypatch: pytest.MonkeyPatch, outcomes: Any
) -> None:
    monkeypatch.setenv("REDIS_SECRET_ARN", arn)
    open_shop()
    outcomes()
    recommended("hal")
    recommended("hal")
    assert outcomes() == ["miss", "miss"]


URL = "https://pictures.example/mug.jpg"
MUG = Holder("shop", PRODUCTS, "mug")


def shown_renditions(user: str) -> Any:
    [mug] = [item for item in recommended(user)["items"] if item["product_id"] == "mug"]
    return mug["product"]["renditions"]


def test_a_cached_list_shows_pictures_that_were_copied_since(shop: None) -> None:
    put_product("mug", image_url=URL)
    assert shown_renditions("hal") is None
    originals().put(MUG, Original("0" * 64, URL, Picture(640, 480, bytes(24))))
    assert shown_renditions("hal")["aspect_ratio"] == 1.3333
    assert recommended("hal")["cached"] is True


def test_a_withdrawn_picture_is_in_no_cached_list(shop: None) -> None:
    put_product("mug", image_url=URL)
    holders = ProductHolders(product_repository(), originals(), withdrawals())
    holders.refer(MUG, Original("0" * 64, URL, Picture(640, 480, bytes(24))))
    assert shown_renditions("hal") is not None
    assert (recommended("hal")["cached"], shown_renditions("hal") is None) == (True, False)
    holders.forget(MUG, "0" * 64)
    assert shown_renditions("hal") is None


def test_just_after_a_withdrawal_pictures_are_read_consistently(shop: None) -> None:
    consistent = []

    def note(params: Any, model: Any, **_: Any) -> None:
        if model.name == "BatchGetItem" and "RenditionsTable" in str(params["body"]):
            consistent.append(json.loads(params["body"])["RequestItems"]["RenditionsTable"]["ConsistentRead"])

    with hooked(note, "before-call"):
        recommended("ida")
        put_product("mug", available=False)
        recommended("ida")
    assert consistent[-1] is True
