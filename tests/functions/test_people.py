"""A publishable key stands in a public page: whom it names is believed only with proof."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time
from datetime import timedelta
from shutil import which
from typing import TYPE_CHECKING, Any, ClassVar

import pytest

from commands.merchants import main as merchants
from commands.openapi import document, routes
from tests.aws import ROOT
from tests.gateway import Gateway, Shop, open_shop
from tests.recommendations import build, follow
from tests.samples import sample_of
from vitrine.access.manage_keys import roll_identity_secret
from vitrine.access.model import sign_user_token
from vitrine.access.wiring import access_store, key_authorizer
from vitrine.platform.aws import client
from vitrine.platform.http import PUBLISHABLE
from vitrine.platform.times import utc_now

if TYPE_CHECKING:
    from vitrine.platform.http import Route

pytestmark = pytest.mark.usefixtures("cloud")

VISITOR = "visitor:0123456789abcdefghijkl"
WAYS = ["header", "event"]


def token_of(shop: Shop, user_id: str, secret: str | None = None) -> str:
    return sign_user_token(secret or shop.identity_secret, user_id, int(time.time()) + 3600)


class Store:
    """A shop whose shoppers bought things, as a page and as its server."""

    def __init__(self) -> None:
        self.shop = open_shop("shop")
        self._gateway = Gateway()
        for product in ("tea", "mug", "kettle", "rake"):
            self.serve("PUT", f"/products/{product}", {"name": product, "category": "house"})
        for user in ("ann", "bob", "cid", VISITOR):
            self._buy(user, "tea", "mug")
        self._buy("ann", "kettle")
        self.serve("PUT", "/galleries/summer", {})
        image = {"id": "one", "name": "One", "url": "https://a.example/1.jpg", "product_ids": ["rake"]}
        self.serve("POST", "/galleries/summer/images", {"images": [image]})

    def learn(self) -> None:
        """Build a model of what shoppers did."""
        follow()
        build(self.shop.merchant_id)

    def serve(self, method: str, path: str, body: Any = None) -> Any:
        response = self._gateway.call(method, path, self.shop.secret_key, body)
        assert response.status < 300, response.body
        return response.json if response.body else None

    def page(self, method: str, path: str, body: Any = None, **headers: str) -> Any:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        response = self._gateway.call(method, path, self.shop.publishable_key, body, headers=named)
        assert response.status < 300, response.body
        return response.json

    def _buy(self, user: str, *products: str) -> None:
        did = [
            {"interaction_id": f"{user}-{product}", "user_id": user, "product_id": product, "type": "purchase"}
            for product in products
        ]
        self.serve("POST", "/interactions", {"interactions": did})

    def interactions_of(self, user_id: str) -> list[str]:
        return [item["product_id"] for item in self.serve("GET", f"/users/{user_id}/interactions")["items"]]


@pytest.fixture
def store(cloud: None) -> Store:
    return Store()


def products(response: Any) -> set[str]:
    return {item["product_id"] for item in response["items"]}


class TestRecommendations:
    def test_a_guessed_user_gets_what_anybody_gets(self, store: Store) -> None:
        store.learn()
        stranger = store.page("GET", "/users/nobody/recommendations")
        for token in (None, token_of(store.shop, "bob"), token_of(store.shop, "ann", "another secret")):
            headers = {"X_User_Token": token} if token else {}
            guessed = store.page("GET", "/users/ann/recommendations", **headers)
            assert guessed["items"] == stranger["items"]
            assert all(not item["reason"]["because"] for item in guessed["items"])
        assert {"tea", "mug", "kettle"} <= products(stranger)

    def test_a_token_of_the_shops_server_gets_the_users_own(self, store: Store) -> None:
        own = store.page("GET", "/users/ann/recommendations", X_User_Token=token_of(store.shop, "ann"))
        assert products(own) == products(store.serve("GET", "/users/ann/recommendations")) == {"rake"}

    def test_so_does_a_visitor_that_nobody_can_guess(self, store: Store) -> None:
        assert products(store.page("GET", f"/users/{VISITOR}/recommendations")) == {"kettle", "rake"}

    def test_after_a_roll_tokens_of_both_secrets_hold_and_without_overlap_the_new_ones_alone(
        self, store: Store
    ) -> None:
        def roll(overlap: timedelta) -> str:
            key_authorizer.cache_clear()
            return roll_identity_secret(
                access_store(), "shop", overlap, now=utc_now(), random_text=lambda: f"after-{overlap.days}"
            )

        def is_known(secret: str) -> bool:
            token = token_of(store.shop, "ann", secret)
            return products(store.page("GET", "/users/ann/recommendations", X_User_Token=token)) == {"rake"}

        second = roll(timedelta(hours=24))
        assert is_known(store.shop.identity_secret)
        assert is_known(second)
        third = roll(timedelta(0))
        assert [is_known(secret) for secret in (store.shop.identity_secret, second, third)] == [False, False, True]


class TestEvents:
    def send(self, store: Store, user_id: str, token: str | None = None, way: str = "header") -> str:
        event = {
            "event_id": f"{user_id}-{way}",
            "type": "click",
            "image_id": "one",
            "user_id": user_id,
            "session_id": user_id,
        }
        if token and way == "event":
            event["user_token"] = token
        headers = {"X_User_Token": token} if token and way == "header" else {}
        [result] = store.page("POST", "/galleries/summer/events", {"events": [event]}, **headers)["results"]
        return str(result["status"])

    def test_of_a_guessed_user_count_and_lose_the_name(self, store: Store) -> None:
        assert self.send(store, "bob") == "accepted"
        assert self.send(store, "cid", token_of(store.shop, "bob"), "event") == "accepted"
        assert "rake" not in [*store.interactions_of("bob"), *store.interactions_of("cid")]

    @pytest.mark.parametrize("way", WAYS)
    def test_with_a_token_are_the_users(self, store: Store, way: str) -> None:
        assert self.send(store, "bob", token_of(store.shop, "bob"), way) == "accepted"
        assert "rake" in store.interactions_of("bob")

    def test_of_a_visitor_are_the_visitors(self, store: Store) -> None:
        assert self.send(store, VISITOR) == "accepted"
        assert "rake" in store.interactions_of(VISITOR)


def _names_a_user(route: Route) -> bool:
    described = json.dumps(document()["paths"][route.path][route.method.lower()].get("requestBody", ""))
    schemas = document()["components"]["schemas"]
    waiting, seen = re.findall(r"schemas/(\w+)", described), set[str]()
    while waiting:
        name = waiting.pop()
        if name not in seen:
            seen.add(name)
            waiting += re.findall(r"schemas/(\w+)", json.dumps(schemas[name]))
    return "{user_id}" in route.path or any("user_id" in schemas[name].get("properties", {}) for name in seen)


# What differs from one answer to the next.
PASSING = {"recommendation_id", "generated_at", "cached", "results"}
NAMING = [route for route in routes() if route.scope == PUBLISHABLE and _names_a_user(route)]


def _naming(body: Any, user_id: str) -> Any:
    """The body, of another user and of images there are."""
    if isinstance(body, list):
        return [_naming(item, user_id) for item in body]
    if not isinstance(body, dict):
        return body
    named = {name: _naming(value, user_id) for name, value in body.items()}
    return named | {name: value for name, value in {"user_id": user_id, "image_id": "one"}.items() if name in body}


@pytest.mark.parametrize("route", NAMING, ids=lambda route: f"{route.method} {route.path}")
def test_no_route_tells_or_writes_anything_of_a_user_whom_a_page_names_without_proof(
    route: Route, store: Store
) -> None:
    """A new route that takes a user id from pages is tried here without anybody thinking of it."""

    def ask(user_id: str) -> Any:
        query, headers, body = sample_of(route)
        path = route.path.format_map({"user_id": user_id, "gallery_id": "summer"})
        key = store.shop.publishable_key
        response = Gateway().call(route.method, path, key, _naming(body, user_id), query=query, headers=headers)
        assert response.status < 300, response.body
        return {name: value for name, value in response.json.items() if name not in PASSING}

    store.learn()
    before = store.interactions_of("ann")
    assert ask("ann") == ask("nobody")
    assert store.interactions_of("ann") == before
    assert store.interactions_of("nobody") == []


class TestReadme:
    """The lines that the README shows a shop's server sign tokens."""

    RUN: ClassVar = {
        "python": [sys.executable, "-c", "{0}\nprint(token)"],
        "js": ["node", "-e", "{0}\nconsole.log(token)"],
        "php": ["php", "-r", "{0}\necho $token;"],
    }
    GIVEN: ClassVar = {
        "python": "identity_secret, user_id = {0!r}, {1!r}\n",
        "js": "const identitySecret = {0!r}, userId = {1!r};\n",
        "php": "$identitySecret = {0!r}; $userId = {1!r};\n",
    }

    def test_shows_them_in_three_languages(self) -> None:
        assert set(self.RUN) <= set(self._blocks())

    @pytest.mark.parametrize("language", ["python", "js", *(["php"] if which("php") else [])])
    def test_signs_what_is_trusted(self, language: str, store: Store) -> None:
        lines = self.GIVEN[language].format(store.shop.identity_secret, "ann") + self._blocks()[language]
        command = [part.format(lines) if "{0}" in part else part for part in self.RUN[language]]
        token = subprocess.run(command, capture_output=True, text=True, check=True, timeout=30).stdout.strip()
        own = store.page("GET", "/users/ann/recommendations", X_User_Token=token)
        assert products(own) == {"rake"}

    @staticmethod
    def _blocks() -> dict[str, str]:
        found = re.findall(r"```(python|js|php)\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
        return {language: lines for language, lines in found if "v1." in lines}


class TestCommand:
    WHERE = ("--access-table", "AccessTable", "--galleries-table", "GalleriesTable")

    def run(self, capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, str]:
        assert merchants([*self.WHERE, *arguments]) == 0
        return dict(line.split("=", 1) for line in capsys.readouterr().out.splitlines() if "=" in line)

    def test_makes_and_rolls_the_identity_secret(self, capsys: pytest.CaptureFixture[str]) -> None:
        made = self.run(capsys, "create", "new-shop")
        rolled = self.run(capsys, "roll-identity-secret", "new-shop")
        assert made["identity_secret"] != rolled["identity_secret"]
        merchant = access_store().find_merchant("new-shop")
        assert merchant
        assert [secret.text for secret in merchant.identity_secrets] == [
            rolled["identity_secret"],
            made["identity_secret"],
        ]

    def test_rolls_at_once_when_told(self, capsys: pytest.CaptureFixture[str]) -> None:
        self.run(capsys, "create", "new-shop")
        rolled = self.run(capsys, "roll-identity-secret", "new-shop", "--overlap-seconds", "0")
        merchant = access_store().find_merchant("new-shop")
        assert merchant
        assert [secret.text for secret in merchant.identity_secrets] == [rolled["identity_secret"]]

    def test_two_that_roll_at_once_do_not_lose_a_secret(self, cloud: None) -> None:
        open_shop("new-shop")
        merchant = access_store().find_merchant("new-shop")
        assert merchant
        assert not access_store().replace_identity_secrets("new-shop", (), merchant.identity_secrets)

    def test_a_merchant_of_before_gets_its_first_secret(self, capsys: pytest.CaptureFixture[str]) -> None:
        open_shop("old-shop")
        client("dynamodb").update_item(
            TableName="AccessTable", Key={"pk": {"S": "merchant#old-shop"}}, UpdateExpression="REMOVE identity_secrets"
        )
        assert self.run(capsys, "roll-identity-secret", "old-shop")["identity_secret"]
        assert merchants([*self.WHERE, "roll-identity-secret", "nobody"]) == 1
