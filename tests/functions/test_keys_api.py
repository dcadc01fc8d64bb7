"""Keys are made, listed, rolled and revoked over HTTP, and do what their roles say."""

from __future__ import annotations

import json
from typing import Any

import pytest

from functions.keys_api.handler import lambda_handler as api
from functions.review_followups.handler import lambda_handler as followups
from tests.aws import Context, api_event, send
from tests.gateway import Gateway, Response, Shop, open_shop
from tests.samples import samples
from tests.streams import stream_records
from vitrine.access import wiring
from vitrine.access.wiring import access_store
from vitrine.platform.aws import client

pytestmark = pytest.mark.usefixtures("cloud")


@pytest.fixture
def shop(cloud: None) -> Shop:
    return open_shop("keys-shop", requests_per_minute=900)


def call(key: str, method: str, path: str, body: Any = None, **more: Any) -> Response:
    wiring.key_authorizer.cache_clear()  # another process, which remembers nothing
    return Gateway().call(method, path, key, body, **more)


def make(shop: Shop, role: str, **more: Any) -> Any:
    response = call(shop.secret_key, "POST", "/keys", {"role": role, "label": f"a {role}", **more})
    assert response.status == 201, response.body
    return response.json


def listed(shop: Shop) -> list[dict[str, Any]]:
    return call(shop.secret_key, "GET", "/keys", query="limit=100").json["items"]


class TestMaking:
    def test_shows_the_key_once_and_it_works(self, shop: Shop) -> None:
        made = make(shop, "secret")
        assert made["key"].startswith("sk_")
        assert (made["role"], made["label"], made["requests_per_minute"]) == ("secret", "a secret", 900)
        assert call(made["key"], "GET", "/imports").status == 200
        [key] = [key for key in listed(shop) if key["key_id"] == made["key_id"]]
        assert "key" not in key
        assert key["last_used_at"]
        assert made["key"] not in json.dumps(client("dynamodb").scan(TableName="AccessTable")["Items"])

    def test_only_publishable_keys_begin_with_pk(self, shop: Shop) -> None:
        made = {
            role: make(shop, role, **({"reviewer": "ann"} if role == "reviewer" else {}))["key"][:3]
            for role in ("publishable", "reviewer", "editor", "secret")
        }
        assert made == {"publishable": "pk_", "reviewer": "sk_", "editor": "sk_", "secret": "sk_"}

    @pytest.mark.parametrize(
        ("body", "pointer"),
        [
            ({"role": "root", "label": "x"}, "/role"),
            ({"role": "secret"}, "/label"),
            ({"role": "secret", "label": " "}, "/label"),
            ({"role": "reviewer", "label": "x"}, "/reviewer"),
            ({"role": "editor", "label": "x", "reviewer": "ann"}, "/reviewer"),
            ({"role": "editor", "label": "x", "origins": ["https://a.example"]}, "/origins"),
            ({"role": "publishable", "label": "x", "origins": ["https://a.example/path"]}, "/origins/0"),
            ({"role": "publishable", "label": "x", "origins": ["a.example"]}, "/origins/0"),
        ],
    )
    def test_refuses_what_no_key_can_be(self, shop: Shop, body: Any, pointer: str) -> None:
        response = call(shop.secret_key, "POST", "/keys", body)
        assert response.status == 422
        assert [error["pointer"] for error in response.json["errors"]] == [pointer]

    def test_a_replay_makes_no_second_key(self, shop: Shop) -> None:
        headers = {"Idempotency-Key": "once"}
        body = {"role": "editor", "label": "x"}
        first, second = (call(shop.secret_key, "POST", "/keys", body, headers=headers) for _ in range(2))
        assert first.json == second.json
        assert len(listed(shop)) == 3


class TestListing:
    def test_goes_page_by_page_from_the_newest(self, shop: Shop) -> None:
        made = [make(shop, "editor")["key_id"] for _ in range(3)]
        found, cursor = [], ""
        while True:
            page = call(shop.secret_key, "GET", "/keys", query=f"limit=2{cursor}").json
            found += [key["key_id"] for key in page["items"]]
            if page["next_cursor"] is None:
                break
            cursor = f"&cursor={page['next_cursor']}"
        assert found[:3] == made[::-1]
        assert len(found) == len(set(found)) == 5


class TestRolling:
    def test_makes_a_successor_that_may_do_the_same(self, shop: Shop) -> None:
        made = make(shop, "publishable", origins=["https://a.example"])
        rolled = call(shop.secret_key, "POST", f"/keys/{made['key_id']}/roll", {})
        assert rolled.status == 201
        same = ("role", "label", "origins", "reviewer", "requests_per_minute")
        assert [rolled.json[name] for name in same] == [made[name] for name in same]
        assert rolled.json["key"] != made["key"]
        assert call(made["key"], "GET", "/galleries").status == 401
        assert call(rolled.json["key"], "GET", "/galleries").status == 200

    def test_lets_both_hold_for_the_overlap_and_revoking_ends_it(self, shop: Shop) -> None:
        made = make(shop, "editor")
        path = f"/keys/{made['key_id']}"
        rolled = call(shop.secret_key, "POST", f"{path}/roll", {"overlap_seconds": 60}).json
        assert [call(key, "GET", "/imports").status for key in (made["key"], rolled["key"])] == [200, 200]
        assert call(shop.secret_key, "DELETE", path).status == 204
        assert [call(key, "GET", "/imports").status for key in (made["key"], rolled["key"])] == [401, 200]

    def test_happens_once(self, shop: Shop) -> None:
        path = f"/keys/{make(shop, 'editor')['key_id']}/roll"
        statuses = [call(shop.secret_key, "POST", path, {"overlap_seconds": 60}).status for _ in range(2)]
        assert statuses == [201, 409]
        assert len(listed(shop)) == 4

    @pytest.mark.parametrize("overlap", [-1, 604_801, 1.5, "60"])
    def test_refuses_nonsense(self, shop: Shop, overlap: Any) -> None:
        path = f"/keys/{make(shop, 'editor')['key_id']}/roll"
        assert call(shop.secret_key, "POST", path, {"overlap_seconds": overlap}).status == 422

    def test_needs_no_body(self, shop: Shop) -> None:
        assert call(shop.secret_key, "POST", f"/keys/{make(shop, 'editor')['key_id']}/roll").status == 201


class TestRevoking:
    def test_ends_a_key_and_may_be_repeated(self, shop: Shop) -> None:
        made = make(shop, "editor")
        for _ in range(2):
            assert call(shop.secret_key, "DELETE", f"/keys/{made['key_id']}").status == 204
        assert call(made["key"], "GET", "/imports").status == 401
        [key] = [key for key in listed(shop) if key["key_id"] == made["key_id"]]
        assert key["revoked_at"]

    def test_an_unknown_key_is_not_found(self, shop: Shop) -> None:
        assert call(shop.secret_key, "DELETE", "/keys/key_of_nobody").status == 404
        assert call(shop.secret_key, "POST", "/keys/key_of_nobody/roll", {}).status == 404


class TestReviewersKeys:
    @pytest.fixture
    def keys(self, shop: Shop) -> list[str]:
        """Ann's and Bob's, beside two snapshots that wait."""
        snapshots = [
            {"snapshot_id": f"s{at}", "product_id": "p", "filename": f"{at}.jpg", "url": "https://a.example/1.jpg"}
            for at in range(2)
        ]
        call(shop.secret_key, "PUT", "/products/p", {"name": "Apple"})
        call(shop.secret_key, "POST", "/snapshots", {"snapshots": snapshots})
        followups({"Records": stream_records("ReviewTable")}, Context())
        return [make(shop, "reviewer", reviewer=name)["key"] for name in ("ann", "bob")]

    def test_act_under_their_own_name_whatever_the_header_says(self, keys: list[str]) -> None:
        ann, bob = keys
        [held] = call(ann, "POST", "/review/claims", {"limit": 1}, headers={"X-Reviewer": "bob"}).json["items"]
        path = f"/review/snapshots/{held['snapshot_id']}/decision"
        assert call(bob, "PUT", path, {"decision": "approved"}, headers={"X-Reviewer": "ann"}).status == 409
        assert call(ann, "PUT", path, {"decision": "approved"}).status == 200

    def test_get_no_replay_of_another_reviewers_response(self, keys: list[str]) -> None:
        headers = {"Idempotency-Key": "same", "X-Reviewer": "cid"}
        ann, bob = (
            [
                snapshot["snapshot_id"]
                for snapshot in call(key, "POST", "/review/claims", {"limit": 1}, headers=headers).json["items"]
            ]
            for key in keys
        )
        assert ann
        assert bob != ann


class TestOrigins:
    @pytest.mark.parametrize(
        ("headers", "status"),
        [
            ({"Origin": "https://shop.example"}, 200),
            ({"Origin": "HTTPS://SHOP.example"}, 200),
            ({}, 200),
            ({"Origin": "https://thief.example"}, 403),
            ({"origin": "https://shop.example.thief.example"}, 403),
            ({"Origin": "http://shop.example"}, 403),
            ({"Origin": "null"}, 403),
        ],
    )
    def test_of_a_publishable_key_are_enforced(self, shop: Shop, headers: dict[str, str], status: int) -> None:
        key = make(shop, "publishable", origins=["https://Shop.example"])["key"]
        for sent in ({"key": key}, {"key": None, "query": f"key={key}"}):
            response = call(sent["key"], "GET", "/galleries", query=sent.get("query", ""), headers=headers)  # type: ignore[arg-type]
            assert response.status == status
            assert status == 200 or "origin" in response.json["detail"]

    def test_none_allow_all(self, shop: Shop) -> None:
        key = make(shop, "publishable")["key"]
        assert call(key, "GET", "/galleries", headers={"Origin": "https://any.example"}).status == 200


def test_keys_that_were_stored_with_a_kind_work_on(shop: Shop) -> None:
    for key in access_store().list_keys("keys-shop"):
        client("dynamodb").update_item(
            TableName="AccessTable",
            Key={"pk": {"S": f"key#{key.digest}"}},
            UpdateExpression="SET kind = :kind REMOVE #role",
            ExpressionAttributeNames={"#role": "role"},
            ExpressionAttributeValues={":kind": {"S": key.kind}},
        )
    assert call(shop.secret_key, "GET", "/keys").status == 200
    assert [call(shop.publishable_key, "GET", path).status for path in ("/galleries", "/imports")] == [200, 403]


def test_samples_are_answered(shop: Shop) -> None:
    statuses = {}
    for sample in samples():
        if sample.function == "keys_api":
            event = api_event("GET", "/keys", merchant="keys-shop") | {
                name: sample.event[name] for name in ("httpMethod", "resource", "path", "pathParameters", "body")
            }
            statuses[sample.case] = send(api, event)[0]
    assert statuses == {
        "post": 201,
        "list": 200,
        "roll": 404,
        "delete": 404,
        "request_log": 200,
        "change_log": 200,
    }
