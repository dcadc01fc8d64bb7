"""The authorizer: a key becomes a merchant, and nothing else does."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from functions.authorizer.handler import lambda_handler as authorizer
from tests.aws import Context, resources
from tests.gateway import STAGE, Gateway, Response, open_shop
from vitrine.access.authorize_key import KeyAuthorizer
from vitrine.access.manage_keys import create_key, create_merchant, revoke_key
from vitrine.access.wiring import access_store
from vitrine.platform.times import utc_now

pytestmark = pytest.mark.usefixtures("cloud")


def ask(headers: dict[str, str] | None) -> dict[str, Any]:
    event = {"headers": headers, "methodArn": f"{STAGE}/GET/galleries", "requestContext": {}}
    return authorizer(event, Context())


@pytest.mark.parametrize("header", ["X-Api-Key", "x-api-key", "X-API-KEY"])
def test_a_key_tells_its_merchant_and_kind_whatever_case_its_header_has(header: str) -> None:
    shop = open_shop("shop", requests_per_minute=7)
    response = ask({header: shop.publishable_key})
    assert response["context"] | {"merchant_secret": "", "key_id": "", "identity_secrets": ""} == {
        "merchant_id": "shop",
        "kind": "publishable",
        "role": "publishable",
        "reviewer": "",
        "refusal": "",
        "key_id": "",
        "merchant_secret": "",
        "identity_secrets": "",
        "requests_per_minute": "7",
    }
    assert all(isinstance(value, str) for value in response["context"].values())


def test_the_policy_opens_this_stage_alone() -> None:
    [statement] = ask({"X-Api-Key": open_shop("shop").secret_key})["policyDocument"]["Statement"]
    assert statement == {"Action": "execute-api:Invoke", "Effect": "Allow", "Resource": f"{STAGE}/*"}


@pytest.mark.parametrize("key", ["", "sk_", "sk_unknown-unknown-unknown", "é", "pk_" + "x" * 9000, "\ud800", "sk_x\n"])
def test_whatever_is_no_key_is_unauthorized(key: str) -> None:
    with pytest.raises(Exception, match=r"^Unauthorized$"):
        ask({"X-Api-Key": key})


def test_no_headers_are_unauthorized() -> None:
    with pytest.raises(Exception, match=r"^Unauthorized$"):
        ask(None)


def test_a_revoked_key_is_unauthorized_and_the_others_work_on() -> None:
    shop = open_shop("shop")
    [secret] = [key for key in access_store().list_keys("shop") if key.kind == "secret"]
    revoke_key(access_store(), "shop", secret.key_id, now=utc_now())
    with pytest.raises(Exception, match=r"^Unauthorized$"):
        ask({"X-Api-Key": shop.secret_key})
    assert ask({"X-Api-Key": shop.publishable_key})["context"]["merchant_id"] == "shop"


class TestKeyInTheQuery:
    def read(self, *, query: str, header: str | None = None) -> Response:
        return Gateway().call("GET", "/galleries", header, query=query)

    def test_works_as_the_header_does(self) -> None:
        shop = open_shop("shop")
        for name in ("a", "b", "c"):
            Gateway().call("PUT", f"/galleries/{name}", shop.secret_key, {})
        first = self.read(query=f"key={shop.publishable_key}&limit=2")
        assert (first.status, [it["id"] for it in first.json["items"]]) == (200, ["a", "b"])
        rest = self.read(query=f"limit=2&cursor={first.json['next_cursor']}", header=shop.publishable_key)
        assert (rest.status, [it["id"] for it in rest.json["items"]]) == (200, ["c"])

    def test_a_secret_key_there_is_refused_and_its_owner_told_to_roll_it(self) -> None:
        shop = open_shop("shop")
        for query, header in [
            (f"key={shop.secret_key}", None),
            (f"key={shop.secret_key}", shop.secret_key),
            (f"key={shop.publishable_key}&key={shop.secret_key}", shop.publishable_key),
            ("key=sk_unknown-unknown-unknown", None),
        ]:
            response = self.read(query=query, header=header)
            assert (response.status, response.json["type"]) == (401, "urn:vitrine:problem:unauthenticated")
            assert "Roll" in response.json["detail"]

    def test_two_keys_are_none_so_that_no_shops_response_is_kept_at_anothers_address(self) -> None:
        one, other = open_shop("one"), open_shop("other")
        assert self.read(query=f"key={one.publishable_key}", header=other.publishable_key).status == 401
        assert self.read(query=f"key={one.publishable_key}&key={other.publishable_key}").status == 401
        assert self.read(query=f"key={one.publishable_key}", header=one.publishable_key).status == 200

    def test_the_gateway_asks_the_authorizer_however_the_key_comes(self) -> None:
        """With a cache the gateway answers 401 by itself when one of its sources is missing."""
        [api] = resources("AWS::Serverless::Api").values()
        assert api["Auth"]["Authorizers"]["KeyAuthorizer"]["Identity"] == {"ReauthorizeEvery": 0}


class TestRememberedKeys:
    NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)

    @pytest.mark.parametrize(
        ("kind", "reads", "seconds"),
        [("publishable", True, 60), ("publishable", False, 5), ("secret", True, 5), ("secret", False, 5)],
    )
    def test_are_asked_for_once_and_a_revoked_one_works_no_longer_than_that(
        self, kind: str, reads: bool, seconds: int
    ) -> None:
        shop = open_shop("shop")
        text = shop.publishable_key if kind == "publishable" else shop.secret_key
        keys = KeyAuthorizer(access_store(), timedelta(seconds=60))
        assert keys.authorize(text, self.NOON, reads=reads)
        [key] = [key for key in access_store().list_keys("shop") if key.kind == kind]
        revoke_key(access_store(), "shop", key.key_id, now=self.NOON)
        assert keys.authorize(text, self.NOON + timedelta(seconds=seconds - 1), reads=reads)
        assert keys.authorize(text, self.NOON + timedelta(seconds=seconds), reads=reads) is None
        assert keys.authorize(text, self.NOON, reads=reads) is None

    def test_a_use_is_noted_once_an_hour(self) -> None:
        shop = open_shop("shop")

        def used_at(after: timedelta) -> datetime | None:
            keys = KeyAuthorizer(access_store(), timedelta(0))  # a process that remembers nothing
            assert keys.authorize(shop.secret_key, self.NOON + after)
            [key] = [key for key in access_store().list_keys("shop") if key.kind == "secret"]
            return key.last_used_at

        seen = [used_at(timedelta(minutes=minutes)) for minutes in (0, 1, 59, 60, 61)]
        hour = timedelta(hours=1)
        assert seen == [self.NOON, self.NOON, self.NOON, self.NOON + hour, self.NOON + hour]

    def test_an_unknown_one_is_not_remembered(self) -> None:
        keys = KeyAuthorizer(access_store(), timedelta(seconds=60))
        made = create_merchant_and_key(keys)
        assert keys.authorize(made, self.NOON)


def create_merchant_and_key(keys: KeyAuthorizer) -> str:
    """A key that was asked for before it was made."""
    text = "pk_" + "x" * 32
    assert keys.authorize(text, TestRememberedKeys.NOON) is None
    create_merchant(access_store(), "shop", "", now=utc_now(), random_text=lambda: "secret")
    made = create_key(access_store(), "shop", "publishable", 60, now=utc_now(), random_text=lambda: "x" * 32)
    assert made.text == text
    return text
