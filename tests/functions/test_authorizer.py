"""The authorizer: a key becomes a merchant, and nothing else does."""

from __future__ import annotations

from typing import Any

import pytest

from functions.authorizer.handler import lambda_handler as authorizer
from tests.aws import Context, resources
from tests.gateway import STAGE, Gateway, Response, open_shop
from vitrine.access.manage_keys import revoke_key
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
        "label": "",
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
        assert (first.status, [image["id"] for image in first.json["items"]]) == (200, ["a", "b"])
        rest = self.read(query=f"limit=2&cursor={first.json['next_cursor']}", header=shop.publishable_key)
        assert (rest.status, [image["id"] for image in rest.json["items"]]) == (200, ["c"])

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
