"""The functions behind the edge: what caches keep, for whom, and what they show when the functions are down.

Varnish stands in for CloudFront, with the behaviours and policies of the template (`tests/edge.py`).
"""

from __future__ import annotations

import os
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest

from commands.openapi import routes
from tests.e2e.api import Api, Response, eventually
from tests.edge import Edge, Origin, Served, bucket
from tests.functions.test_isolation import Merchant, ids_in
from tests.gateway import Gateway, Shop, open_shop
from tests.samples import sample_of
from tests.template.translation import PSEUDO, deployed
from vitrine.platform.aws import client
from vitrine.platform.http import ANYONE, ROLES, TOKEN_HEADER

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from vitrine.platform.http import Route

VISITOR = "visitor:0123456789abcdefghijkl"
IMAGES = "/v1/galleries/spring/images"
FRESH_SECONDS = 2
LONG_SECONDS = 60
READS = [route for route in routes() if route.method == "GET" and route.scope != ANYONE]


class Shown:
    """A shop's gallery behind the edge."""

    def __init__(self) -> None:
        self.gateway = Gateway()
        self.api = Served(self.gateway)
        self.pictures = Served(bucket("PICTURES_BUCKET"))
        self.web = Served(bucket("WEB_BUCKET"))
        ports = {
            "api": self.api,
            "api-at-root": self.api,
            "web": self.web,
            "pictures": self.pictures,
            "pictures-at-root": self.pictures,
        }
        stages = {"api": "/v1", "api-at-root": "/v1"}
        origins = {name: Origin(origin.port, stages.get(name, "")) for name, origin in ports.items()}
        self.edge = Edge(deployed(), origins)
        self.shop = open_shop("shop")
        self.page = Api(self.edge.url, self.shop.publishable_key)
        self.fill(self.shop)

    def fill(self, shop: Shop) -> None:
        self.gateway.call("PUT", "/galleries/spring", shop.secret_key, {"title": shop.merchant_id})
        self.keep_for(LONG_SECONDS, shop)
        self.put_image(shop, "one", shop.merchant_id)

    def keep_for(self, seconds: int, shop: Shop | None = None) -> None:
        """Set how long the gallery's pages are fresh. A busy machine takes seconds for a few requests."""
        body = {"cache_seconds": seconds}
        self.gateway.call("PUT", "/galleries/spring", (shop or self.shop).secret_key, body)

    def put_image(self, shop: Shop, image_id: str, name: str) -> None:
        image = {"id": image_id, "name": name, "url": "https://a.example/1.jpg", "created_at": "2026-01-01T00:00:00Z"}
        self.gateway.call("POST", "/galleries/spring/images", shop.secret_key, {"images": [image]})

    def reads(self) -> int:
        return sum(self.api.requests.values())

    def stop_api(self, how: str) -> None:
        if how == "fails":
            self.api.failing = True
        else:
            self.api.close()

    def close(self) -> None:
        self.edge.close()
        for origin in (self.api, self.pictures, self.web):
            origin.close()


@pytest.fixture
def shown(cloud: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[Shown]:
    monkeypatch.setenv("EDGE_SECRET", PSEUDO["AWS::StackId"].rsplit("/", 1)[1])
    monkeypatch.setenv("WEB_BUCKET", "webbucket")
    made = Shown()
    yield made
    made.close()


def names(response: Response) -> list[str]:
    assert response.status == 200, response
    return sorted(image["name"] for image in response.json["items"])


def was_stored(response: Response) -> bool:
    return response.headers["x-cache"].startswith("Hit")


class TestManyReaders:
    def test_cost_the_origin_one_read(self, shown: Shown) -> None:
        with ThreadPoolExecutor(30) as readers:
            responses = list(readers.map(lambda _: shown.page.get(IMAGES), range(300)))
        assert {tuple(names(response)) for response in responses} == {("shop",)}
        assert shown.reads() == 1

    def test_are_shown_what_is_two_seconds_old_while_it_is_renewed(self, shown: Shown) -> None:
        shown.keep_for(FRESH_SECONDS)
        shown.page.get(IMAGES)
        shown.put_image(shown.shop, "two", "new")
        assert names(shown.page.get(IMAGES)) == ["shop"]
        time.sleep(FRESH_SECONDS + 0.2)
        assert names(shown.page.get(IMAGES)) == ["shop"]  # at once, and the renewal begins
        eventually(lambda: names(shown.page.get(IMAGES)) == ["new", "shop"])
        assert shown.reads() in {2, 3}

    @pytest.mark.parametrize("how", ["fails", "is gone"])
    def test_a_page_that_nobody_asked_for_since_is_read_before_it_is_shown(self, shown: Shown, how: str) -> None:
        """Renewing behind the reader's back is for 30 s; this page was kept for one second and is older."""
        application, seconds = shown.api.application, "public, max-age=1, stale-while-revalidate=1, stale-if-error=60"

        def told(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
            def start(status: str, headers: list[tuple[str, str]]) -> Any:
                kept = [header for header in headers if header[0] != "Cache-Control"]
                return start_response(status, [*kept, ("Cache-Control", seconds)])

            return application(environ, start)

        shown.api.application = told
        shown.page.get(IMAGES)
        shown.put_image(shown.shop, "two", "new")
        time.sleep(2.3)
        assert names(shown.page.get(IMAGES)) == ["new", "shop"]
        shown.stop_api(how)
        time.sleep(2.3)
        for _ in range(5):
            assert names(shown.page.get(IMAGES)) == ["new", "shop"]

    def test_who_has_the_page_is_told_so_by_the_edge(self, shown: Shown) -> None:
        etag = shown.page.get(IMAGES).headers["etag"]
        assert shown.page.get(IMAGES, **{"If-None-Match": etag}).status == 304
        assert shown.reads() == 1

    def test_what_did_not_change_is_not_sent_again_by_the_origin(self, shown: Shown) -> None:
        shown.keep_for(FRESH_SECONDS)
        shown.page.get(IMAGES)
        time.sleep(FRESH_SECONDS + 0.2)
        shown.page.get(IMAGES)
        eventually(lambda: "IF_NONE_MATCH" in shown.api.headers)
        assert names(shown.page.get(IMAGES)) == ["shop"]

    def test_a_gallery_says_how_long_it_is_kept(self, shown: Shown) -> None:
        shown.page.get(IMAGES)
        time.sleep(FRESH_SECONDS + 0.5)
        shown.page.get(IMAGES)
        time.sleep(0.5)
        assert shown.reads() == 1


class TestTheKeyOfThePage:
    def test_unknown_parameters_do_not_make_another(self, shown: Shown) -> None:
        shown.page.get(IMAGES)
        for query in ("?utm_source=mail", "?a=1&b=2", "?limits=5", "?LIMIT=5", "?xkey=1", "?"):
            assert was_stored(shown.page.get(IMAGES + query)), query
        assert shown.reads() == 1

    def test_unknown_parameters_are_refused_where_nothing_is_kept_and_the_refusal_is_not(self, shown: Shown) -> None:
        assert shown.page.get(IMAGES + "?utm_source=mail").status == 422
        assert names(shown.page.get(IMAGES)) == ["shop"]

    def test_what_a_route_declares_does(self, shown: Shown) -> None:
        shown.put_image(shown.shop, "two", "another")
        assert len(shown.page.get(IMAGES).json["items"]) == 2
        first = shown.page.get(IMAGES + "?limit=1").json
        second = shown.page.get(f"{IMAGES}?limit=1&cursor={first['next_cursor']}").json
        assert {image["id"] for page in (first, second) for image in page["items"]} == {"one", "two"}
        assert shown.reads() == 3

    def test_the_key_in_the_query_is_as_good_as_in_the_header(self, shown: Shown) -> None:
        nobody = Api(shown.edge.url)
        for _ in range(2):
            assert names(nobody.get(f"{IMAGES}?key={shown.shop.publishable_key}")) == ["shop"]
        assert shown.reads() == 1
        assert nobody.get(IMAGES).status == 401

    def test_no_shop_is_shown_anothers_gallery(self, shown: Shown) -> None:
        other = open_shop("other")
        shown.fill(other)
        for _ in range(2):
            assert names(shown.page.get(IMAGES)) == ["shop"]
            assert names(Api(shown.edge.url, other.publishable_key).get(IMAGES)) == ["other"]
            assert names(Api(shown.edge.url).get(f"{IMAGES}?key={other.publishable_key}")) == ["other"]
            assert Api(shown.edge.url, "pk_nobody").get(IMAGES).status == 401

    def test_searches_are_kept_by_all_that_they_ask(self, shown: Shown) -> None:
        for query in ("?q=chair", "?q=chair&limit=1", "?q=table"):
            for _ in range(2):
                assert shown.page.get(f"/v1/search/images{query}").status in {200, 404, 503}
        assert shown.page.get("/v1/search/images?q=chair&utm_source=mail").status == 422


class TestWhatIsStored:
    def test_is_nothing_personal_and_nothing_secret(self, shown: Shown) -> None:
        """Each route that reads, with each kind of key, twice: what is not public reaches the origin each time."""
        merchant = Merchant("owner", shown.gateway)
        stored, asked = set(), 0
        for route in READS:
            for role, key in merchant.keys.items():
                if role not in ROLES[route.scope]:
                    continue
                for sent in self.variants(route, merchant):
                    asked += 1
                    path, headers = sent
                    before = shown.reads()
                    responses = [Api(shown.edge.url, key).request("GET", path, headers=headers) for _ in range(2)]
                    kept = responses[0].headers.get("cache-control", "")
                    if kept.startswith("public") and responses[0].status == 200:
                        stored.add(
                            (route.path, role, TOKEN_HEADER in headers or "session_id" in path or VISITOR in path)
                        )
                    else:
                        assert not any(map(was_stored, responses)), (path, role, headers)
                        assert shown.reads() - before >= 2, (path, role, headers)
        assert asked > len(READS)
        assert {role for _, role, _ in stored} == {"publishable"}
        assert {path for path, _, names_person in stored if names_person} == set()
        assert "/galleries/{gallery_id}/images" in {path for path, _, _ in stored}

    @staticmethod
    def variants(route: Route, merchant: Merchant) -> Iterator[tuple[str, dict[str, str]]]:
        query, headers, _ = sample_of(route)
        sent = {name: value for name, value in headers.items() if name.lower() not in {"x-api-key", "content-type"}}
        path = "/v1" + route.path.format_map({"version": "1", **merchant.ids})
        yield f"{path}?{query}", {name: value for name, value in sent.items() if name.lower() != TOKEN_HEADER}
        yield f"{path}?{query}", {TOKEN_HEADER: "v1.1.nonsense"}
        if "user_id" in ids_in(route):
            visitor = "/v1" + route.path.format_map({"version": "1", **merchant.ids, "user_id": VISITOR})
            yield f"{visitor}?{query}", {}
        if "session_id" in (route.query or {}):
            yield f"{path}?session_id=session-1", {}

    def test_is_no_error(self, shown: Shown) -> None:
        for path, status in [("/v1/galleries/none/images", 404), (f"{IMAGES}?limit=0", 422), ("/v1/nowhere", 404)]:
            before = shown.reads()
            assert [shown.page.get(path).status for _ in range(2)] == [status] * 2
            assert shown.reads() - before == 2

    def test_is_no_write(self, shown: Shown) -> None:
        for number in range(2):
            event = {"event_id": str(number), "type": "view", "image_id": "one", "session_id": f"session-{number}"}
            response = shown.page.post("/v1/galleries/spring/events", {"events": [event]})
            assert [result["status"] for result in response.json["results"]] == ["accepted"]


class TestWithoutItsOrigin:
    @pytest.mark.parametrize("how", ["fails", "is gone"])
    def test_the_gallery_goes_on_to_be_shown(self, shown: Shown, how: str) -> None:
        shown.keep_for(FRESH_SECONDS)
        shown.page.get(IMAGES)
        shown.stop_api(how)
        time.sleep(FRESH_SECONDS + 0.2)
        for _ in range(5):
            assert names(shown.page.get(IMAGES)) == ["shop"]
            time.sleep(0.1)
        assert shown.page.get("/v1/galleries/other/images").status in {502, 503}

    def test_the_first_answer_after_it_is_new(self, shown: Shown) -> None:
        shown.keep_for(FRESH_SECONDS)
        shown.page.get(IMAGES)
        shown.api.failing = True
        assert shown.page.get("/v1/galleries").status == 502
        time.sleep(FRESH_SECONDS + 0.2)
        shown.page.get(IMAGES)
        shown.api.failing = False
        shown.put_image(shown.shop, "two", "new")
        eventually(lambda: names(shown.page.get(IMAGES)) == ["new", "shop"])
        assert shown.page.get("/v1/galleries").status == 200  # the error was not kept

    def test_writes_are_told_so(self, shown: Shown) -> None:
        shown.api.failing = True
        assert shown.page.post("/v1/galleries/spring/events", {"events": []}).status == 502
        assert shown.reads() == 1


class TestPictures:
    PATH = "/pictures/0123456789abcdef0123456789abcdef/320.webp"

    @pytest.mark.parametrize("at", ["", "/v1"])
    def test_come_from_the_bucket_once(self, shown: Shown, at: str) -> None:
        client("s3").put_object(
            Bucket=os.environ["PICTURES_BUCKET"],
            Key=f"v1{self.PATH}",
            Body=b"picture",
            ContentType="image/webp",
            CacheControl="public, max-age=31536000, immutable",
        )
        for query in ("", "?v=1", "?v=2"):
            assert Api(shown.edge.url).get(at + self.PATH + query).status == 200
        assert sum(shown.pictures.requests.values()) == 1
        assert shown.reads() == 0

    @pytest.mark.parametrize("at", ["", "/v1"])
    def test_are_asked_of_the_api_where_the_bucket_has_none(self, shown: Shown, at: str) -> None:
        response = Api(shown.edge.url).get(at + self.PATH)
        assert (response.status, response.json["type"]) == (404, "urn:vitrine:problem:not-found")
        assert shown.api.requests == {f"GET {self.PATH}": 1}


class TestTheEdge:
    def test_tells_the_api_the_viewers_address_and_its_secret(self, shown: Shown) -> None:
        shown.page.get(IMAGES)
        assert shown.api.headers["X_EDGE_SECRET"] == os.environ["EDGE_SECRET"]
        assert shown.api.headers["CLOUDFRONT_VIEWER_ADDRESS"].startswith("127.0.0.1:")

    def test_lets_nobody_say_another_address(self, shown: Shown) -> None:
        shown.page.get(IMAGES, **{"CloudFront-Viewer-Address": "192.0.2.9:1", "X-Edge-Secret": "guessed"})
        assert shown.api.headers["CLOUDFRONT_VIEWER_ADDRESS"].startswith("127.0.0.1:")
        assert shown.api.headers["X_EDGE_SECRET"] == os.environ["EDGE_SECRET"]

    def test_shows_the_web_app_at_its_root(self, shown: Shown) -> None:
        client("s3").put_object(
            Bucket=os.environ["WEB_BUCKET"], Key="index.html", Body=b"<html>", ContentType="text/html"
        )
        response = Api(shown.edge.url).get("/")
        assert response.status == 200
        assert "frame-ancestors 'none'" in response.headers["content-security-policy"]

    def test_guards_every_response(self, shown: Shown) -> None:
        for path in (IMAGES, "/v1/nowhere", TestPictures.PATH):
            headers = shown.page.get(path).headers
            assert headers["strict-transport-security"].startswith("max-age=63072000")
            assert headers["x-content-type-options"] == "nosniff"

    def test_lets_pictures_be_read_only(self, shown: Shown) -> None:
        assert Api(shown.edge.url).post(TestPictures.PATH, {}).status == 403
        assert shown.pictures.requests == {}
