"""Searches learn from the clicks that they led to."""

from __future__ import annotations

import json
from typing import Any

import boto3
import pytest

from functions.events_api.handler import lambda_handler as events
from functions.galleries_api.handler import lambda_handler as galleries
from functions.interactions_api.handler import lambda_handler as interactions
from functions.query_counts.handler import lambda_handler as query_counts
from functions.search_api.handler import lambda_handler as search
from tests.aws import Context, api_event, send, serve
from tests.streams import follow_images, stream_records
from vitrine.engagement.model import visitor_mark
from vitrine.engagement.wiring import event_counter
from vitrine.galleries.model import GalleryKey, Suspect
from vitrine.galleries.wiring import gallery_repository
from vitrine.platform.problems import Unavailable
from vitrine.platform.times import utc_now
from vitrine.search.wiring import queries, recent_queries

pytestmark = pytest.mark.usefixtures("cloud")

VISITOR = "visitor:0123456789abcdefghijkl"


@pytest.fixture(autouse=True)
def _searchable(cloud: None, tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setattr("vitrine.search.tantivy.LOOK_FOR_NEW_VERSION_SECONDS", 0)
    serve(galleries, "PUT", "/galleries/{gallery_id}", gallery_id="summer", body={})
    images = [
        {"id": name, "name": f"Red {name}", "url": f"https://pictures.example/{name}.jpg"}
        for name in ("dress", "shoe", "hat")
    ]
    event = api_event("POST", "/galleries/{gallery_id}/images", gallery_id="summer", body={"images": images})
    assert send(galleries, event)[0] == 200
    follow_images()


def find(text: str, **query: str) -> dict[str, Any]:
    recent_queries.cache_clear()
    status, response, _ = serve(search, "GET", "/search/images", query={"q": text, **query})
    assert status == 200, response
    return response


def post(route: str, *sent: dict[str, Any], **more: Any) -> list[str]:
    more |= {"gallery_id": "summer"} if "gallery_id" in route else {}
    status, response, _ = serve(events, "POST", route, body={"events": list(sent)}, **more)
    assert status == 202, response
    return [result["status"] for result in response["results"]]


def searched(search_id: str, *event_ids: str, **more: Any) -> list[str]:
    return post("/search/events", *({"event_id": each, "search_id": search_id} for each in event_ids), **more)


def clicked(search_id: str, image_id: str, *event_ids: str, type: str = "click", **more: object) -> list[str]:
    event = {"type": type, "image_id": image_id, "search_id": search_id, "position": 3, **more}
    return post("/galleries/{gallery_id}/events", *({"event_id": each, **event} for each in event_ids))


def learn() -> None:
    query_counts({"Records": stream_records("QueriesTable")}, Context())


def reports(**query: str) -> dict[str, Any]:
    status, response, _ = serve(search, "GET", "/search/reports", query=query)
    assert status == 200, response
    return response


def test_images_that_were_clicked_rise() -> None:
    found = find("red")
    last = found["items"][-1]["id"]
    assert searched(found["search_id"], *map(str, range(20))) == ["accepted"] * 20
    assert clicked(found["search_id"], last, *map(str, range(5))) == ["accepted"] * 5
    assert clicked(found["search_id"], last, "view", type="view") == ["accepted"]
    assert [item["id"] for item in find("red")["items"]] == [item["id"] for item in found["items"]]
    learn()
    after = find("RED")
    assert after["items"][0]["id"] == last
    assert after["total"] == found["total"]
    [counts] = queries().list_queries("shop")
    assert (counts.searches, counts.clicks) == (20, 5)


def test_an_event_teaches_once_however_often_it_is_sent() -> None:
    search_id = find("red")["search_id"]
    for _ in range(2):
        searched(search_id, "1", "2")
        clicked(search_id, "hat", "1", "2", previous_search_id=find("rouge")["search_id"])
        learn()
    [counts] = queries().list_queries("shop")
    assert (counts.searches, counts.clicks) == (2, 2)
    assert [amount.total for amount in counts.previous.values()] == [2]
    assert searched(search_id, "1") == ["duplicate"]


def test_a_visitor_of_a_page_and_a_robot_count_as_in_galleries() -> None:
    search_id = find("red")["search_id"]
    assert searched(search_id, "1", "2", kind="publishable") == ["accepted", "filtered"]
    assert searched(search_id, "3", headers={"User-Agent": "Googlebot/2.1"}) == ["filtered"]
    learn()
    [counts] = queries().list_queries("shop")
    assert counts.searches == 1


def test_malformed_searches_are_rejected_and_the_others_count() -> None:
    search_id = find("red")["search_id"]
    sent = [
        {"event_id": "1", "search_id": search_id},
        {"event_id": "2", "search_id": "1.UkVE"},
        {"event_id": "3", "search_id": "red"},
        {"event_id": "4"},
        {"event_id": "5", "search_id": search_id, "occurred_at": "2020-01-01T00:00:00Z"},
    ]
    assert post("/search/events", *sent) == ["accepted", "rejected", "rejected", "rejected", "expired"]


def test_a_click_counts_although_no_search_returned_its_search_id() -> None:
    assert clicked("1.UkVE", "hat", "1") == ["accepted"]
    learn()
    assert list(queries().list_queries("shop")) == []


def test_what_is_not_counted_teaches_nothing() -> None:
    search_id = find("red")["search_id"]
    assert clicked(search_id, "unknown", "1", "2") == ["rejected"] * 2
    learn()
    assert list(queries().list_queries("shop")) == []


def test_clicks_of_suspects_teach_nothing() -> None:
    search_id = find("red")["search_id"]
    suspect = Suspect(visitor_mark("session:robot", "secret of shop"), "clicks too much", utc_now())
    gallery_repository().add_suspect(GalleryKey("shop", "summer"), suspect)
    event_counter.cache_clear()
    for session in ("robot", "ann"):
        event = {"event_id": session, "type": "click", "image_id": "hat", "search_id": search_id, "session_id": session}
        assert post("/galleries/{gallery_id}/events", event, kind="publishable") == ["accepted"]
    learn()
    [counts] = queries().list_queries("shop")
    assert counts.clicks == 1


def test_reports_list_queries_without_hits_and_propose_synonyms() -> None:
    nothing = find("unicorn")
    assert nothing["total"]["value"] == 0
    searched(nothing["search_id"], *map(str, range(4)))
    rouge, red = find("rouge hat")["search_id"], find("red hat")["search_id"]
    searched(red, *map(str, range(4)))
    clicked(red, "hat", *map(str, range(3)), previous_search_id=rouge)
    learn()
    assert reports() == {
        "nothing_found": [{"query": "unicorn", "searches": 4, "found_nothing": 4, "clicks": 0}],
        "never_clicked": [],
        "falling": [],
        "synonyms": [{"words": ["rouge", "red"], "clicks": 3, "queries": ["rouge hat", "red hat"]}],
    }
    assert serve(search, "GET", "/search/reports", merchant="other")[1]["nothing_found"] == []
    assert serve(search, "GET", "/search/reports", kind="publishable")[0] == 403


def test_a_search_among_some_images_says_nothing_about_what_all_have() -> None:
    assert find("unicorn")["search_id"].startswith("0.")
    assert find("unicorn", gallery_id="summer")["search_id"].startswith("0.")
    assert find("unicorn", tag="none")["search_id"].startswith("1.")


def test_searches_without_words_have_no_id() -> None:
    assert find("?!")["search_id"] is None


def test_without_the_store_searches_go_on(monkeypatch: pytest.MonkeyPatch) -> None:
    def unavailable(*_: str) -> None:
        raise Unavailable("busy", 1)

    monkeypatch.setattr(type(queries()), "find", unavailable)
    assert find("red")["total"]["value"] == 3


def test_no_trace_of_a_person_is_kept() -> None:
    """Nothing but counts and keyed marks is stored, so there is nothing to erase."""
    search_id = find("red")["search_id"]
    page = {"kind": "publishable", "headers": {"User-Agent": "Lynx/2.9 of ann"}}
    searched(search_id, "event-of-ann", **page)
    event = {"event_id": "click-of-ann", "type": "click", "image_id": "hat", "search_id": search_id}
    post("/galleries/{gallery_id}/events", {**event, "user_id": VISITOR, "session_id": "session-of-ann"}, **page)
    learn()
    stored = boto3.resource("dynamodb").Table("QueriesTable").scan()["Items"]
    told = json.dumps(stored, default=str)
    assert len(stored) == 3
    assert all("expires_at" in item for item in stored)
    assert not [secret for secret in (VISITOR, "ann", "127.0.0.1", "192.0.2") if secret in told]
    assert serve(interactions, "DELETE", "/users/{user_id}", user_id=VISITOR)[0] == 202
    learn()
    [counts] = queries().list_queries("shop")
    assert counts.clicks == 1
