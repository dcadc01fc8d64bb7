"""The authorizer: a key becomes a merchant, and nothing else does."""

from __future__ import annotations

from typing import Any

import pytest

from functions.authorizer.handler import lambda_handler as authorizer
from tests.aws import Context
from tests.gateway import STAGE, open_shop
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
    answer = ask({header: shop.publishable_key})
    assert answer["context"] | {"merchant_secret": "", "key_id": ""} == {
        "merchant_id": "shop",
        "kind": "publishable",
        "key_id": "",
        "merchant_secret": "",
        "requests_per_minute": "7",
    }
    assert all(isinstance(value, str) for value in answer["context"].values())


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
