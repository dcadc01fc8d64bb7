"""No merchant meets another's things, and no key does more than its kind: on every route there is.

The cases come from the routes themselves. A new room's routes are covered once its ids stand in `MADE`, and its
bodies among the samples in `events/`.
"""

from __future__ import annotations

import re
from itertools import combinations
from typing import TYPE_CHECKING, Any

import pytest

from commands.openapi import routes
from tests.gateway import Gateway, Response, Shop, open_shop
from tests.samples import sample_of
from vitrine.access.manage_keys import revoke_key
from vitrine.access.wiring import access_store
from vitrine.galleries.model import GalleryKey, Suspect
from vitrine.galleries.wiring import gallery_repository
from vitrine.platform.http import ANY_KEY, ANYONE, ROLES
from vitrine.platform.times import utc_now

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from vitrine.platform.http import Route

pytestmark = pytest.mark.usefixtures("cloud")

ROUTES = [route for route in routes() if route.scope != ANYONE]


def name_of(route: Route) -> str:
    return f"{route.method} {route.path}"


def ids_in(route: Route) -> list[str]:
    """What a path names of a merchant. A version is a number that every gallery counts for itself."""
    return [name for name in re.findall(r"{(\w+)}", route.path) if name != "version"]


class Merchant:
    """A shop with one of everything that has an id."""

    def __init__(self, name: str, gateway: Gateway) -> None:
        self.shop = open_shop(name)
        self.gateway = gateway
        self.mark = f"mark-of-{name}"
        self.ids = {parameter: make(self) for parameter, make in MADE.items()}
        self.keys = {role: self._key_of(role) for role in ROLES[ANY_KEY]}
        for key in self.keys.values():  # so that it is noted that they are in use
            gateway.call("GET", "/nowhere", key)

    def _key_of(self, role: str) -> str:
        match role:
            case "publishable":
                return self.shop.publishable_key
            case "secret":
                return self.shop.secret_key
        named = {"reviewer": "ann"} if role == "reviewer" else {}
        return self.send("POST", "/keys", {"role": role, "label": self.mark, **named}).json["key"]

    def send(self, method: str, path: str, body: Any = None) -> Response:
        return self.gateway.call(method, path, self.shop.secret_key, body)

    def try_sample(self, route: Route, ids: Mapping[str, str], key: str | None = None) -> Response:
        """Send the route's sample, with these ids in its path."""
        query, headers, body = sample_of(route)
        path = route.path.format_map({"version": "1", **ids})
        key = key or self.shop.secret_key
        return self.gateway.call(route.method, path, key, body, query=query, headers=headers)


def _gallery(merchant: Merchant) -> str:
    for gallery_id in (f"gallery-of-{merchant.shop.merchant_id}", "default"):
        merchant.send("PUT", f"/galleries/{gallery_id}", {"title": merchant.mark})
        image = {"id": f"image-of-{merchant.shop.merchant_id}", "name": merchant.mark, "url": "https://a.example/1.jpg"}
        merchant.send("POST", f"/galleries/{gallery_id}/images", {"images": [image]})
    return f"gallery-of-{merchant.shop.merchant_id}"


def _image(merchant: Merchant) -> str:
    return f"image-of-{merchant.shop.merchant_id}"


def _import(merchant: Merchant) -> str:
    wanted = {"kind": "images", "gallery_id": "default", "filename": f"{merchant.mark}.csv"}
    return merchant.send("POST", "/imports", wanted).json["import_id"]


def _snapshot(merchant: Merchant) -> str:
    name = f"snapshot-of-{merchant.shop.merchant_id}"
    snapshot = {"snapshot_id": name, "product_id": "p", "filename": merchant.mark, "url": "https://a.example/1.jpg"}
    merchant.send("PUT", "/products/p", {"name": "P"})
    merchant.send("POST", "/snapshots", {"snapshots": [snapshot]})
    return name


def _job(merchant: Merchant) -> str:
    visit = {"store_id": merchant.mark, "image_url": ["https://a.example/1.jpg"], "visit_time": "2024-06-01T10:00:00Z"}
    return merchant.send("POST", "/api/submit", {"count": 1, "visits": [visit]}).json["job_id"]


def _key(merchant: Merchant) -> str:
    return merchant.send("POST", "/keys", {"role": "editor", "label": merchant.mark}).json["key_id"]


def _product(merchant: Merchant) -> str:
    name = f"product-of-{merchant.shop.merchant_id}"
    merchant.send("PUT", f"/products/{name}", {"name": merchant.mark})
    return name


def _user(merchant: Merchant) -> str:
    name = f"user-of-{merchant.shop.merchant_id}"
    did = {"interaction_id": _interaction(merchant), "user_id": name, "product_id": merchant.mark, "type": "purchase"}
    merchant.send("POST", "/interactions", {"interactions": [did]})
    return name


def _interaction(merchant: Merchant) -> str:
    return f"interaction-of-{merchant.shop.merchant_id}"


def _experiment(merchant: Merchant) -> str:
    name = f"experiment-of-{merchant.shop.merchant_id}"
    arms = [{"policy": "interest"}, {"policy": "newest"}]
    merchant.send("POST", f"/galleries/{_gallery(merchant)}/experiments/{name}", {"arms": arms})
    return name


def _suspect(merchant: Merchant) -> str:
    name = f"suspect-of-{merchant.shop.merchant_id}"
    key = GalleryKey(merchant.shop.merchant_id, _gallery(merchant))
    gallery_repository().add_suspect(key, Suspect(name, "clicked", utc_now()))
    return name


# How a merchant comes to have a thing whose id stands in a path, by the name of the path's parameter.
MADE: dict[str, Callable[[Merchant], str]] = {
    "experiment_id": _experiment,
    "gallery_id": _gallery,
    "image_id": _image,
    "imageId": _image,
    "import_id": _import,
    "interaction_id": _interaction,
    "job_id": _job,
    "key_id": _key,
    "product_id": _product,
    "snapshot_id": _snapshot,
    "user_id": _user,
    "visitor": _suspect,
}
# Routes that need not find: what is not there is made or erased, and whoever is unknown gets what is popular.
# A stranger meets things of his own there.
NEED_NOT_FIND = {
    "PUT /galleries/{gallery_id}": 201,
    "PUT /products/{product_id}": 200,
    "DELETE /users/{user_id}": 202,
    "GET /users/{user_id}/interactions": 200,
    "PUT /users/{user_id}/interactions/{interaction_id}": 201,
    "GET /users/{user_id}/recommendations": 200,
}
# Names that a merchant gives himself, so that another's is a new one of his own, and what is answered.
GIVEN_NAMES = {"POST /galleries/{gallery_id}/experiments/{experiment_id}": ({"experiment_id"}, 409)}
# What differs from one reading to the next.
PASSING = {"took_ms", "request_id", "recommendation_id", "generated_at", "cached", "dependencies"}


@pytest.fixture
def gateway(cloud: None) -> Gateway:
    return Gateway()


@pytest.fixture
def owner(gateway: Gateway) -> Merchant:
    return Merchant("owner", gateway)


@pytest.fixture
def stranger(gateway: Gateway) -> Merchant:
    return Merchant("stranger", gateway)


def positions(route: Route) -> Iterator[tuple[str, ...]]:
    """Every choice of at least one id of a route's path."""
    names = ids_in(route)
    for size in range(1, len(names) + 1):
        yield from combinations(names, size)


def everything_of(merchant: Merchant) -> list[Any]:
    """What a merchant reads of his own, on every route that only reads, without the log of refused requests."""
    reading = [route for route in ROUTES if route.method == "GET" and route.path != "/request-log"]
    responses = [merchant.try_sample(route, merchant.ids).json for route in reading]
    return [
        {name: value for name, value in response.items() if name not in PASSING}
        if isinstance(response, dict)
        else response
        for response in responses
    ]


@pytest.mark.parametrize("route", [route for route in ROUTES if ids_in(route)], ids=name_of)
def test_whoever_owns_a_thing_finds_it(route: Route, owner: Merchant) -> None:
    response = owner.try_sample(route, owner.ids)
    assert response.status < 500, response.body
    assert response.status != 404, response.body


@pytest.mark.parametrize("route", [route for route in ROUTES if ids_in(route)], ids=name_of)
def test_anothers_thing_is_not_found_and_not_touched(route: Route, owner: Merchant, stranger: Merchant) -> None:
    before = everything_of(owner)
    for foreign in positions(route):
        ids = {name: (owner if name in foreign else stranger).ids[name] for name in ids_in(route)}
        response = stranger.try_sample(route, ids)
        given, status = GIVEN_NAMES.get(name_of(route), (set(), 404))
        expected = status if given >= set(foreign) else 404
        assert response.status == NEED_NOT_FIND.get(name_of(route), expected), response.body
        assert owner.mark not in response.body
    assert everything_of(owner) == before


@pytest.mark.parametrize(
    "route", [route for route in ROUTES if not ids_in(route) and route.method == "GET"], ids=name_of
)
def test_lists_hold_no_other_merchants_things(route: Route, owner: Merchant, stranger: Merchant) -> None:
    response = stranger.try_sample(route, {})
    assert response.status < 500, response.body
    assert owner.mark not in response.body


def test_another_merchants_cursor_is_refused(owner: Merchant, stranger: Merchant) -> None:
    response = owner.gateway.call("GET", "/galleries", owner.shop.secret_key, query="limit=1")
    cursor = response.json["next_cursor"]
    assert cursor
    for merchant, status in [(owner, 200), (stranger, 400)]:
        query = f"limit=1&cursor={cursor}"
        assert owner.gateway.call("GET", "/galleries", merchant.shop.secret_key, query=query).status == status


def test_an_idempotency_key_replays_nothing_of_another_merchant(owner: Merchant, stranger: Merchant) -> None:
    def put(merchant: Merchant, title: str) -> Response:
        headers = {"Idempotency-Key": "the-same"}
        key = merchant.shop.secret_key
        return owner.gateway.call("PUT", "/galleries/spring", key, {"title": title}, headers=headers)

    assert put(owner, owner.mark).json["title"] == owner.mark
    assert put(stranger, "another").json["title"] == "another"


def test_events_of_another_merchants_image_are_rejected(owner: Merchant, stranger: Merchant) -> None:
    event = {"event_id": "1", "type": "click", "image_id": owner.ids["image_id"]}
    response = stranger.send("POST", f"/galleries/{stranger.ids['gallery_id']}/events", {"events": [event]})
    assert [result["status"] for result in response.json["results"]] == ["rejected"]


class TestKeys:
    @pytest.fixture
    def shop(self, gateway: Gateway) -> Shop:
        return open_shop("owner")

    @pytest.mark.parametrize("route", ROUTES, ids=name_of)
    def test_no_route_opens_without_a_key_that_holds(self, route: Route, gateway: Gateway, shop: Shop) -> None:
        path = route.path.format_map({"version": "1", **dict.fromkeys(ids_in(route), "one")})
        [revoked] = [key for key in access_store().list_keys("owner") if key.kind == "secret"]
        revoke_key(access_store(), "owner", revoked.key_id, now=utc_now())
        nonsense = [
            "",
            "sk_",
            "sk_" + "x" * 32,
            "pk_" + "x" * 5000,
            shop.secret_key[:-1],
            shop.secret_key,
            "é",
            "'\"\0",
        ]
        for key in [None, *nonsense]:
            response = gateway.call(route.method, path, key)
            assert response.status == 401, key
            assert response.headers["Content-Type"] == "application/problem+json"
            assert {"type", "title", "status", "detail", "instance", "request_id"} == set(response.json)

    @pytest.mark.parametrize("route", ROUTES, ids=name_of)
    def test_the_declared_roles_are_enough_and_no_others_are_for(self, route: Route, owner: Merchant) -> None:
        before = everything_of(owner)
        for role in set(owner.keys) - set(ROLES[route.scope]):
            response = owner.try_sample(route, owner.ids, owner.keys[role])
            assert response.status == 403, role
            assert route.on_error or response.json["type"] == "urn:vitrine:problem:forbidden"
        assert everything_of(owner) == before
        for role in ROLES[route.scope]:
            response = owner.try_sample(route, owner.ids, owner.keys[role])
            assert response.status not in {401, 403}, (role, response.body)
            assert role != "publishable" or response.status < 300, response.body

    def test_only_a_secret_key_makes_keys_and_erases_people(self) -> None:
        secret_only = {name_of(route) for route in ROUTES if ROLES[route.scope] == ("secret",)}
        assert secret_only == {
            "DELETE /keys/{key_id}",
            "DELETE /users/{user_id}",
            "GET /change-log",
            "GET /keys",
            "GET /request-log",
            "POST /keys",
            "POST /keys/{key_id}/roll",
        }

    def test_a_reviewers_key_opens_what_reviewing_needs(self) -> None:
        assert {route.path.split("/")[1] for route in ROUTES if "reviewer" in ROLES[route.scope]} == {
            "review",
            "snapshots",
        }
