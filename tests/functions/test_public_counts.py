"""What was counted is the shop's own business, unless a gallery says otherwise."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from functions.search_changes.handler import lambda_handler as search_changes
from functions.search_indexer.handler import lambda_handler as search_indexer
from tests.aws import Context
from tests.gateway import Gateway, Shop, open_shop
from tests.recommendations import queued
from tests.streams import follow_counters, stream_records
from vitrine.galleries.recent_galleries import REMEMBERED_FOR, RecentGalleries
from vitrine.galleries.wiring import gallery_repository, recent_galleries
from vitrine.platform.times import utc_now

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.usefixtures("cloud")

SECRETIVE = {"events", "weight", "hidden", "views", "clicks"}
# The gallery challenge's own route has its form.
PATHS = [
    "/galleries",
    "/galleries/summer",
    "/galleries/summer/images",
    "/galleries/summer/images/one",
    "/search/images?q=chair",
    "/search/images?sort=weight",
]


class Page:
    """A shop's gallery of two chairs, one of them hidden, as its web page and as its server see it."""

    def __init__(self) -> None:
        self.shop: Shop = open_shop("shop")
        self._gateway = Gateway()
        self.put()
        images = [{"id": name, "name": f"chair {name}", "url": f"https://a.example/{name}.jpg"} for name in NAMES]
        self.serve("POST", "/galleries/summer/images", {"images": images})
        events = [{"event_id": name, "type": "click", "image_id": name} for name in NAMES]
        self.serve("POST", "/galleries/summer/events", {"events": events})
        follow_counters()
        self.serve("PATCH", "/galleries/summer/images/two", {"hidden": True})
        search_changes({"Records": stream_records("ImagesTable")}, Context())
        for event in queued("SearchChangesQueue"):
            event["Records"][0]["attributes"] = {"SentTimestamp": "0"}
            search_indexer(event, Context())

    def put(self, **said: Any) -> Any:
        return self.serve("PUT", "/galleries/summer", said)

    def serve(self, method: str, path: str, body: Any = None) -> Any:
        response = self._gateway.call(method, path, self.shop.secret_key, body)
        assert response.status < 300, response.body
        return response.json

    def read(self, path: str, key: str | None = None) -> tuple[int, Any]:
        path, _, query = path.partition("?")
        response = self._gateway.call("GET", path, key or self.shop.publishable_key, query=query)
        return response.status, response.json


NAMES = ("one", "two")


@pytest.fixture
def page(cloud: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Page:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    return Page()


def names_in(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        yield from value
    for item in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from names_in(item)


def told(page: Page, path: str, key: str | None = None) -> set[str]:
    status, response = page.read(path, key)
    assert status == 200
    assert response.get("items", response)
    return SECRETIVE & set(names_in(response))


@pytest.mark.parametrize("path", PATHS)
def test_a_web_page_is_told_no_counts_unless_the_gallery_says_so(path: str, page: Page) -> None:
    everything = told(page, path, page.shop.secret_key)
    assert everything
    assert told(page, path) == set()
    page.put(public_counts=True)
    recent_galleries.cache_clear()
    assert told(page, path) == everything
    page.put(public_counts=False)
    recent_galleries.cache_clear()
    assert told(page, path) == set()


def test_what_is_hidden_is_not_found_by_a_web_page_whatever_the_gallery_says(page: Page) -> None:
    for said in (False, True):
        page.put(public_counts=said)
        status, problem = page.read("/galleries/summer/images/two")
        assert (status, problem["type"]) == (404, "urn:vitrine:problem:not-found")
        assert problem["detail"] == page.read("/galleries/summer/images/nil")[1]["detail"].replace("nil", "two")
    assert page.read("/galleries/summer/images/two", page.shop.secret_key)[1]["hidden"] is True


def test_the_challenges_own_route_tells_its_counts(page: Page) -> None:
    page.serve("PUT", "/galleries/default", {})
    page.serve("POST", "/galleries/default/images", {"images": [{"name": "x", "url": "https://a.example/x.jpg"}]})
    [image] = page.read("/images")[1]
    assert (image["weight"], image["events"]) == (0, {"views": 0, "clicks": 0})


def test_what_is_not_said_of_a_gallery_stays(page: Page) -> None:
    page.put(title="Summer", ranking={"policy": "newest"}, public_counts=True, counting="every_event")
    for said in ({"title": "Summer"}, {"ranking": {"policy": "newest"}}, {"public_counts": True}, {}):
        gallery = page.put(**said)
        assert (gallery["title"], gallery["ranking"]) == ("Summer", {"policy": "newest"})
        assert (gallery["public_counts"], gallery["counting"]) == (True, "every_event")
    gallery = page.put(title=None)
    assert (gallery["title"], gallery["public_counts"]) == (None, True)


def test_a_change_is_seen_within_seconds_and_where_it_was_made_at_once(page: Page) -> None:
    elsewhere, now = RecentGalleries(gallery_repository()), utc_now()
    [key] = {gallery.key for gallery in gallery_repository().list_galleries("shop", 10, None)}
    assert elsewhere.telling_counts([key], now) == set()
    assert told(page, "/galleries/summer/images") == set()
    page.put(public_counts=True)
    assert told(page, "/galleries/summer/images") == {"events", "weight", "hidden", "views", "clicks"}
    assert elsewhere.telling_counts([key], now) == set()
    assert elsewhere.telling_counts([key], now + REMEMBERED_FOR) == {key}


def test_a_gallery_that_is_not_there_tells_nothing(page: Page) -> None:
    [key] = {gallery.key for gallery in gallery_repository().list_galleries("shop", 10, None)}
    counts = RecentGalleries(gallery_repository())
    others = [key._replace(gallery_id=f"none-{at}") for at in range(150)]
    assert counts.telling_counts([key, *others], utc_now()) == set()
