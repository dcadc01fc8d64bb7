"""What holds for every route: cursors, replays, ETags, quotas and silence about keys."""

from __future__ import annotations

import base64
import re
import time
from collections import Counter
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlencode

import pytest

from commands.openapi import routes
from functions.events_api.handler import lambda_handler as events
from functions.galleries_api.handler import lambda_handler as api
from functions.interactions_api.handler import lambda_handler as interactions
from tests.aws import ROOT, api_event, send, serve
from tests.gateway import Gateway, Shop, handler_of, open_shop, served_routes
from tests.gateway import Response as Served
from tests.samples import sample_of
from vitrine.access.model import seconds_left, sign_user_token
from vitrine.access.wiring import access_store, trust_user
from vitrine.platform.aws import client
from vitrine.platform.cursors import cursor_scope, write_cursor
from vitrine.platform.http import ANYONE, PUBLISHABLE, READ_HEADERS, HttpApp, Request, Response
from vitrine.platform.times import utc_now
from vitrine.platform.wiring import saved_responses

if TYPE_CHECKING:
    from collections.abc import Mapping

    from vitrine.platform.http import Route

pytestmark = pytest.mark.usefixtures("cloud")

KEYED = {"Idempotency-Key": "key"}
PAGED = [route for route in routes() if "cursor" in (route.query or {})]
IDS = {
    "digest": "0123456789abcdef0123456789abcdef",
    "experiment_id": "one",
    "file": "640.avif",
    "gallery_id": "summer",
    "image_id": "one",
    "imageId": "one",
    "import_id": "one",
    "interaction_id": "one",
    "job_id": "one",
    "key_id": "one",
    "merchant_id": "shop",
    "product_id": "one",
    "snapshot_id": "one",
    "user_id": "one",
    "version": "1",
    "visitor": "one",
}
OTHER_STATES: list[Any] = [
    *(None, True, 7, "x", "", [], ["x"], [1, "x", None, 2]),
    *({}, {"version": 1}, {"any_word": 1, "sort": 2}),
]
NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


def ids_of(route: Route) -> dict[str, Any]:
    return {name: IDS[name] for name in re.findall(r"{(\w+)}", route.path)}


def folder_serving(route: Route) -> str:
    return next(
        served.folder for served in served_routes() if (served.method, served.path) == (route.method, route.path)
    )


def galleries(**query: str) -> tuple[int, Any]:
    return serve(api, "GET", "/galleries", query=query)[:2]


def put_gallery(gallery_id: str, title: str, key: str | None = None, merchant: str = "shop") -> tuple[int, Any]:
    headers = {} if key is None else {"Idempotency-Key": key}
    event = api_event(
        "PUT",
        "/galleries/{gallery_id}",
        gallery_id=gallery_id,
        body={"title": title},
        headers=headers,
        merchant=merchant,
    )
    return send(api, event)[:2]


class TestCursors:
    @pytest.fixture
    def cursor(self) -> str:
        for name in "abc":
            put_gallery(name, name)
        return galleries(limit="2")[1]["next_cursor"]

    def test_goes_on_where_the_page_ended_whatever_the_next_limit_is(self, cursor: str) -> None:
        status, page = galleries(limit="1", cursor=cursor)
        assert (status, [image["id"] for image in page["items"]]) == (200, ["c"])

    def test_is_refused_when_a_bit_of_it_is_other(self, cursor: str) -> None:
        sealed = bytearray(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        for at in range(len(sealed)):
            sealed[at] ^= 1
            altered = base64.urlsafe_b64encode(bytes(sealed)).decode().rstrip("=")
            assert galleries(cursor=altered)[0] == 400
            sealed[at] ^= 1

    @pytest.mark.parametrize("nonsense", ["x", "=", "é", "🦊", "A" * 5000, "null", "..", "%00"])
    def test_is_refused_when_it_is_none(self, nonsense: str) -> None:
        status, response = galleries(cursor=nonsense)
        assert (status, response["type"]) == (400, "urn:vitrine:problem:malformed-request")

    def test_shows_nothing_of_what_it_holds(self) -> None:
        """A page of an ordered gallery ends at a rank, which tells the image's weight."""
        for name in ("first", "second"):
            put_gallery(f"{name}-gallery", name)
        cursor = galleries(limit="1")[1]["next_cursor"]
        assert b"gallery" not in base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))

    def test_is_refused_by_another_list(self, cursor: str) -> None:
        assert serve(api, "GET", "/galleries/{gallery_id}/images", gallery_id="a", query={"cursor": cursor})[0] == 400


class TestStatesOfCursors:
    """A cursor that is well signed may still hold what an earlier version of its list wrote."""

    @pytest.mark.parametrize("route", PAGED, ids=lambda route: route.path)
    def test_one_of_another_form_is_refused_and_none_is_a_5xx(self, route: Route) -> None:
        put_gallery(IDS["gallery_id"], "Summer")
        path = route.path.format_map(IDS)
        query = dict(parse_qsl(sample_of(route).query))
        defaults = {
            name: parameter["default"] for name, parameter in (route.query or {}).items() if "default" in parameter
        }
        scope = cursor_scope("shop", path, {**defaults, **query})
        for state in OTHER_STATES:
            cursor = write_cursor("secret of shop", scope, state)
            event = api_event("GET", route.path, query={**query, "cursor": cursor}, **ids_of(route))
            status, response, _ = send(handler_of(folder_serving(route)), event)
            assert status < 500, (state, response)
            assert status in {400, 404} or state not in (None, True), state


class TestQueries:
    """Every route refuses what it does not declare."""

    @pytest.fixture
    def shop(self, cloud: None) -> Shop:
        return open_shop("shop")

    def refused(self, route: Route, shop: Shop, query: str) -> Served:
        sent = sample_of(route)
        path = route.path.format_map(IDS)
        response = Gateway().call(route.method, path, shop.secret_key, sent.body, query=query, headers=sent.headers)
        if route.path.startswith("/api/"):
            assert (response.status, list(response.json)) == (400, ["error"])
        elif route.path.startswith("/images"):
            assert (response.status, list(response.json)) == (400, ["message"])
        else:
            assert (response.status, response.json["type"]) == (422, "urn:vitrine:problem:invalid-request")
        return response

    def test_an_unknown_parameter_is_refused(self, shop: Shop) -> None:
        for route in routes():
            response = self.refused(route, shop, urlencode({"store-id": "NOPE"}))
            if "errors" in response.json:
                assert "/query/store-id" in [error["pointer"] for error in response.json["errors"]]

    def test_a_parameter_is_taken_once(self, shop: Shop) -> None:
        for route in routes():
            for name in route.query or {}:
                self.refused(route, shop, f"{name}=1&{name}=1")

    def test_parameters_of_one_group_are_taken_once_and_not_without_end(self, shop: Shop) -> None:
        [route] = [route for route in routes() if route.path == "/search/images"]
        self.refused(route, shop, "attributes.a=1&attributes.a=1")
        response = self.refused(route, shop, "&".join(f"attributes.a{number}=1" for number in range(21)))
        assert [error["pointer"] for error in response.json["errors"]] == ["/query/attributes.a20"]

    def test_a_span_does_not_end_before_it_begins(self, shop: Shop) -> None:
        spans = [
            (route, schema["x-not-before"], name)
            for route in routes()
            for name, schema in (route.query or {}).items()
            if "x-not-before" in schema
        ]
        assert len(spans) >= 3
        for route, first, last in spans:
            self.refused(route, shop, f"{first}=2024-01-02T00:00:00Z&{last}=2024-01-01T00:00:00Z")

    def test_a_publishable_key_in_the_query_is_no_unknown_parameter_and_no_part_of_a_cursor(self, shop: Shop) -> None:
        gateway = Gateway()
        for name in "ab":
            gateway.call("PUT", f"/galleries/{name}", shop.secret_key, {})
        page = gateway.call("GET", "/galleries", query=f"limit=1&key={shop.publishable_key}").json
        query = f"limit=1&cursor={page['next_cursor']}"
        response = gateway.call("GET", "/galleries", shop.publishable_key, query=query)
        assert [image["id"] for image in response.json["items"]] == ["b"]

    def test_what_a_declaration_says_is_read(self) -> None:
        """A keyword that nobody reads would be a promise that nobody keeps."""
        read = {"type", "enum", "pattern", "minLength", "maxLength", "minimum", "maximum", "format", "anyOf"}
        told = {"default", "description", "x-required", "x-not-before"}
        group = {"type", "patternProperties", "additionalProperties", "maxProperties", "description"}
        for route in routes():
            for name, schema in (route.query or {}).items():
                of_each = [schema]
                if schema["type"] == "object":
                    assert schema.keys() == group
                    assert schema["additionalProperties"] is False
                    of_each = list(schema["patternProperties"].values())
                    assert len(of_each) == 1
                for each in of_each:
                    assert each.keys() <= read | told, f"{route.path} {name}"
                    assert each["type"] in {"string", "integer"}, f"{route.path} {name}"


class TestIdempotencyKeys:
    def test_the_first_response_comes_again_and_nothing_is_done_twice(self) -> None:
        first = put_gallery("summer", "Summer", "key")
        assert first[0] == 201
        put_gallery("summer", "Autumn")
        assert put_gallery("summer", "Summer", "key") == first
        assert galleries()[1]["items"][0]["title"] == "Autumn"

    def test_another_body_under_the_same_key_is_a_conflict(self) -> None:
        put_gallery("summer", "Summer", "key")
        status, response = put_gallery("summer", "Autumn", "key")
        assert (status, response["type"]) == (409, "urn:vitrine:problem:conflict")
        assert "new key" in response["detail"]

    def test_another_path_or_merchant_is_another_write(self) -> None:
        put_gallery("summer", "Summer", "key")
        assert put_gallery("autumn", "Summer", "key")[0] == 201
        assert put_gallery("summer", "Summer", "key", merchant="other")[0] == 201

    def test_a_refused_write_may_come_again_corrected(self) -> None:
        assert put_gallery("summer", "x" * 10_000, "key")[0] == 422
        assert put_gallery("summer", "Summer", "key")[0] == 201

    def test_another_query_under_the_same_key_is_a_conflict(self) -> None:
        app = HttpApp(saved_responses=saved_responses)
        app.delete("/things", query={"now": {"type": "string"}})(lambda request: Response(202))

        def send_with(**query: str) -> int:
            return serve(app, "DELETE", "/things", query=query, headers=KEYED)[0]

        assert [send_with(), send_with(), send_with(now="1")] == [202, 202, 409]

    @pytest.mark.parametrize("header", sorted(READ_HEADERS - {"idempotency-key", "content-type"}))
    def test_whatever_header_a_route_can_read_tells_replays_apart(self, header: str) -> None:
        def put(value: str) -> int:
            headers = {**KEYED, header: value}
            return serve(api, "PUT", "/galleries/{gallery_id}", gallery_id="a", body={}, headers=headers)[0]

        assert [put("one"), put("one"), put("other")] == [201, 201, 200]

    @pytest.mark.parametrize(("kind", "statuses"), [("publishable", [202, 202, 202, 409]), ("secret", [202, 409])])
    def test_pages_that_share_a_key_do_not_meet_and_a_server_may_have_several_addresses(
        self, kind: str, statuses: list[int]
    ) -> None:
        put_gallery("a", "A")
        event = {"event_id": "1", "type": "view", "image_id": "x"}

        def count(address: str, image_id: str) -> int:
            sent = api_event(
                "POST",
                "/galleries/{gallery_id}/events",
                gallery_id="a",
                body={"events": [{**event, "image_id": image_id}]},
                headers=KEYED,
                kind=kind,
            )
            sent["requestContext"]["identity"] = {"sourceIp": address}
            return send(events, sent)[0]

        sent = [("192.0.2.1", "x"), ("192.0.2.2", "y"), ("192.0.2.1", "x"), ("192.0.2.1", "y")]
        assert [count(*values) for values in sent][: len(statuses)] == statuses

    def test_a_route_reads_no_other_header(self) -> None:
        seen: list[Request] = []
        app = HttpApp()
        app.get("/seen")(lambda request: seen.append(request) or Response(204))  # type: ignore[func-returns-value]
        headers = {"X-Forwarded-For": "1", "If-None-Match": "*", **{name.title(): "1" for name in READ_HEADERS}}
        serve(app, "GET", "/seen", headers=headers)
        assert set(seen[0].headers) == READ_HEADERS

    def test_kept_responses_hold_nothing_of_anybody(self) -> None:
        """They are sealed by the request that they answer, so what is erased stands nowhere else."""
        did = {"product_id": "product-of-ann", "type": "purchase", "value": 12.34}
        path: dict[str, Any] = {"user_id": "user-ann", "interaction_id": "interaction-of-ann"}

        def put() -> tuple[int, Any]:
            resource = "/users/{user_id}/interactions/{interaction_id}"
            return serve(interactions, "PUT", resource, body=did, headers=KEYED, **path)[:2]

        many = [{**did, **path, "interaction_id": f"interaction-of-ann-{at}"} for at in range(3)]
        first = put()
        for _ in range(2):
            assert serve(interactions, "POST", "/interactions", body={"interactions": many}, headers=KEYED)[0] == 202
        kept = client("dynamodb").scan(TableName="IdempotencyTable")["Items"]
        assert len(kept) == 2
        for hidden in ("ann", "purchase", "12.34", "created", "occurred_at"):
            assert hidden not in str(kept)
        assert put() == first

    @pytest.mark.parametrize("key", ["", "x" * 256])
    def test_a_key_has_1_to_255_characters(self, key: str) -> None:
        assert put_gallery("summer", "Summer", key)[0] == 422


class TestETags:
    def read(self, **headers: str) -> tuple[int, Any, dict[str, str]]:
        return serve(api, "GET", "/galleries/{gallery_id}", gallery_id="summer", headers=headers)

    def test_what_has_not_changed_is_not_sent_again(self) -> None:
        put_gallery("summer", "Summer")
        etag = self.read()[2]["ETag"]
        for known in (etag, f'"other", W/{etag}', "*"):
            status, content, headers = self.read(**{"if-none-match": known})
            assert (status, content, headers["ETag"]) == (304, None, etag)
        put_gallery("summer", "Autumn")
        status, content, headers = self.read(**{"If-None-Match": etag})
        assert (status, content["title"]) == (200, "Autumn")
        assert headers["ETag"] != etag

    def test_an_response_is_of_its_key_alone(self) -> None:
        put_gallery("summer", "Summer")
        headers = self.read()[2]
        assert (headers["Vary"], headers["Cache-Control"]) == ("X-Api-Key, X-User-Token", "private, no-cache")


class TestCaching:
    """Shared caches store what is the same for everybody who may read it, and nothing else."""

    KEYS = ("publishable", "publishable in the query", "secret", "none", "unknown")
    PEOPLE: Mapping[str, tuple[str, dict[str, str]]] = {
        "nobody": ("", {}),
        "a token": ("", {"X-User-Token": "v1.1.x"}),
        "a session": ("session_id=ann", {}),
    }

    @pytest.fixture
    def shop(self, cloud: None) -> Shop:
        shop = open_shop("shop")
        Gateway().call("PUT", "/galleries/summer", shop.secret_key, {"cache_seconds": 60})
        image = {"id": "one", "name": "One", "url": "https://a.example/1.jpg"}
        Gateway().call("POST", "/galleries/summer/images", shop.secret_key, {"images": [image]})
        Gateway().call("PUT", "/galleries/default", shop.secret_key, {})
        Gateway().call("PUT", "/products/one", shop.secret_key, {"name": "Lamp"})
        return shop

    @staticmethod
    def send(route: Route, shop: Shop, key: str, query: str, headers: Mapping[str, str], **ids: str) -> Served:
        sent = sample_of(route)
        keys = {"publishable": shop.publishable_key, "secret": shop.secret_key, "unknown": "pk_0123456789"}
        in_query = f"key={shop.publishable_key}" if key == "publishable in the query" else ""
        return Gateway().call(
            route.method,
            route.path.format_map({**IDS, **ids}),
            keys.get(key),
            sent.body,
            query="&".join(filter(None, [sent.query.replace("explain=true", ""), query, in_query])),
            headers={**{name: value for name, value in sent.headers.items() if name != "X-Api-Key"}, **headers},
        )

    @pytest.mark.parametrize("person", PEOPLE)
    @pytest.mark.parametrize("key", KEYS)
    def test_no_personal_or_secret_response_or_error_is_public(self, key: str, person: str, shop: Shop) -> None:
        shared = set()
        for route in routes():
            response = self.send(route, shop, key, *self.PEOPLE[person])
            told = response.headers["Cache-Control"]
            if "public" in told:
                shared.add(route.path)
                assert response.status in {200, 302}, route
                assert route.cacheable, route
                assert person == "nobody", route
                assert route.scope == ANYONE or key.startswith("publishable"), route
            elif key == "secret" and route.scope != ANYONE and response.status == 200 and route.method == "GET":
                assert told == "private, no-cache", route
                assert response.headers["ETag"]
            else:
                assert told in {"no-store", "private, no-store"}, route
        if key.startswith("publishable") and person == "nobody":
            assert {"/galleries", "/galleries/{gallery_id}/images", "/images", "/search/images"} <= shared
            assert {"/search/suggest", "/users/{user_id}/recommendations", "/products/{product_id}/similar"} <= shared

    def test_a_visitors_own_list_is_stored_by_nobody_and_the_popular_one_by_all(self, shop: Shop) -> None:
        [route] = [declared for declared in routes() if declared.path == "/users/{user_id}/recommendations"]
        visitor = "visitor:0123456789abcdefghijkl"
        own = self.send(route, shop, "publishable", "", {}, user_id=visitor)
        assert (own.status, own.headers["Cache-Control"]) == (200, "private, no-store")
        assert "public" in self.send(route, shop, "publishable", "", {}, user_id="ann").headers["Cache-Control"]

    def test_whoever_a_request_speaks_for_is_named_to_the_rule(self) -> None:
        """Where a web page gets what is a person's own, nobody else may get that answer."""
        expiry = int(utc_now().timestamp()) + 60
        token = sign_user_token("identity-secret-of-shop", "ann", expiry)
        trusted = {}
        app = HttpApp()

        @app.get("/users/{user_id}/things", scope=PUBLISHABLE, cacheable=True)
        def read(request: Request) -> Response:
            return Response(200, {"for": trust_user(request, request.path_id("user_id"))})

        for user_id in ("ann", "visitor:0123456789abcdefghijkl", "visitor:short"):
            for headers in ({}, {"X-User-Token": token}):
                event = api_event(
                    "GET", "/users/{user_id}/things", user_id=user_id, kind="publishable", headers=headers
                )
                _, response, sent = send(app, event)
                trusted[user_id, bool(headers)] = response["for"]
                assert response["for"] is None or "public" not in sent["Cache-Control"]
        assert (trusted["ann", True], trusted["ann", False]) == ("ann", None)

    def test_a_gallery_says_how_long_its_pages_are_kept(self, shop: Shop) -> None:
        for path, seconds in (("/galleries/summer/images", 60), ("/galleries/summer", 60), ("/images", 2)):
            response = Gateway().call("GET", path, shop.publishable_key)
            stale = "stale-while-revalidate=30, stale-if-error=600"
            assert response.headers["Cache-Control"] == f"public, max-age={seconds}, s-maxage={seconds}, {stale}"

    def test_two_readings_of_the_same_content_have_one_etag(self, shop: Shop) -> None:
        for route in routes():
            responses = [self.send(route, shop, "publishable", "", {}) for _ in range(2)]
            if responses[0].status == 200 and route.method == "GET":
                assert responses[0].headers["ETag"] == responses[1].headers["ETag"], route

    def test_no_handler_says_by_itself_who_may_store(self) -> None:
        source = "".join(file.read_text() for file in (ROOT / "functions").rglob("*.py"))
        assert "cache-control" not in source.lower()


class TestQuotas:
    def test_over_http_it_is_429_and_each_key_has_its_own(self) -> None:
        gateway, shop = Gateway(), open_shop("shop", requests_per_minute=3)
        responses = [gateway.call("GET", "/galleries", shop.secret_key) for _ in range(8)]
        refused = next(response for response in responses if response.status == 429)
        assert refused.json["type"] == "urn:vitrine:problem:too-many-requests"
        assert 1 <= int(refused.headers["Retry-After"]) <= 60
        assert gateway.call("GET", "/galleries", shop.publishable_key).status == 200


class TestAddressQuotas:
    def test_an_address_spends_its_part_of_a_pages_key_and_leaves_the_rest_to_others(self) -> None:
        gateway, shop = Gateway(), open_shop("shop", requests_per_minute=600)

        def ask(address: str) -> int:
            return gateway.call("GET", "/galleries", shop.publishable_key, source_address=address).status

        begin_within_one_minute()
        assert Counter(ask("192.0.2.1") for _ in range(80)) == {200: 60, 429: 20}
        assert ask("192.0.2.2") == 200
        assert {gateway.call("GET", "/galleries", shop.secret_key).status for _ in range(80)} == {200}

    def test_an_address_is_stored_as_a_digest(self) -> None:
        gateway, shop = Gateway(), open_shop("shop", requests_per_minute=60)
        for _ in range(5):
            gateway.call("GET", "/galleries", shop.publishable_key, source_address="198.51.100.7")
        stored = repr(client("dynamodb").scan(TableName="AccessTable")["Items"])
        assert "quota#" in stored
        assert "198.51.100.7" not in stored


def begin_within_one_minute() -> None:
    while seconds_left(utc_now()) < 10:
        time.sleep(0.5)


class TestInvalidRequests:
    @pytest.mark.parametrize(
        ("path", "raw", "status"),
        [
            ("/galleries/g/events", b"{", 400),
            ("/galleries/g/events", b'{"events":[]}', 422),
            ("/galleries/nowhere/events", b'{"events":[{"event_id":"1","type":"view","image_id":"i"}]}', 404),
            ("/images/i/events", b"{}", 400),
        ],
    )
    def test_spend_nothing_of_the_shops_quota(self, path: str, raw: bytes, status: int) -> None:
        gateway, shop = Gateway(), open_shop("shop", requests_per_minute=50)
        for _ in range(49):
            assert gateway.call("POST", path, shop.publishable_key, raw=raw).status == status
        for at in range(20):
            response = gateway.call("GET", "/galleries", shop.publishable_key, source_address=f"198.51.100.{at}")
            assert response.status == 200

    def test_spend_their_addresss_part(self) -> None:
        gateway, shop = Gateway(), open_shop("shop", requests_per_minute=500)
        begin_within_one_minute()
        sent = [gateway.call("POST", "/galleries/g/events", shop.publishable_key, raw=b"{").status for _ in range(70)]
        assert Counter(sent) == {400: 60, 429: 10}


def test_no_log_line_holds_a_key_or_a_secret(capfd: pytest.CaptureFixture[str]) -> None:
    gateway, shop = Gateway(), open_shop("shop")
    secret = access_store().find_merchant("shop")
    assert secret
    for route in routes():
        query, headers, body = sample_of(route)
        path = route.path.replace("{", "").replace("}", "")
        for key in (shop.secret_key, shop.publishable_key):
            gateway.call(route.method, path, key, body, query=query, headers=headers)
            gateway.call(route.method, path, key, raw=b"{", query=f"cursor={key}")
    written = "".join(capfd.readouterr())
    assert written.count('"message":"request"') > 2 * len(routes())
    for hidden in (shop.secret_key, shop.publishable_key, secret.secret):
        assert hidden not in written
