"""Events over HTTP: each counts once, and what is shown follows."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import pytest

from functions.events_api.handler import lambda_handler as events
from functions.galleries_api.handler import lambda_handler as galleries
from tests.aws import api_event, send, serve
from tests.streams import follow_counters

pytestmark = pytest.mark.usefixtures("cloud")


@pytest.fixture
def gallery(cloud: None) -> str:
    serve(galleries, "PUT", "/galleries/{gallery_id}", gallery_id="summer", body={})
    images = [
        {
            "id": name,
            "name": name,
            "url": f"https://pictures.example/{name}.jpg",
            "created_at": f"2024-01-0{day}T00:00:00Z",
        }
        for day, name in enumerate(["old", "middle", "new"], 1)
    ]
    status, _, _ = serve(
        galleries, "POST", "/galleries/{gallery_id}/images", gallery_id="summer", body={"images": images}
    )
    assert status == 200
    return "summer"


def post(
    *sent: dict[str, object],
    agent: str = "Mozilla/5.0",
    content_type: str = "application/json",
    kind: str = "secret",
    **more: Any,
) -> tuple[int, list[str]]:
    status, response, _ = serve(
        events,
        "POST",
        "/galleries/{gallery_id}/events",
        gallery_id="summer",
        body={"events": list(sent)},
        headers={"User-Agent": agent, "Content-Type": content_type},
        kind=kind,
        **more,
    )
    return status, [result["status"] for result in response["results"]] if status == 202 else response


def event(event_id: str, image_id: str = "old", type: str = "view", **more: object) -> dict[str, object]:
    return {"event_id": event_id, "type": type, "image_id": image_id, **more}


def order() -> list[tuple[str, int]]:
    _, page, _ = serve(galleries, "GET", "/galleries/{gallery_id}/images", gallery_id="summer")
    return [(image["id"], image["weight"]) for image in page["items"]]


def test_an_image_that_is_clicked_moves_up(gallery: str) -> None:
    assert order() == [("new", 0), ("middle", 0), ("old", 0)]
    assert post(event("1"), event("2", type="click"), event("3", "middle")) == (202, ["accepted"] * 3)
    follow_counters()
    assert order() == [("old", 8), ("middle", 1), ("new", 0)]
    _, shown, _ = serve(galleries, "GET", "/galleries/{gallery_id}", gallery_id="summer")
    assert (shown["images"], shown["views"], shown["clicks"]) == (3, 2, 1)
    _, audit, _ = serve(galleries, "GET", "/galleries/{gallery_id}/audit", gallery_id="summer")
    assert audit == {"images": 3, "mismatched": [], "withdrawn": []}


def test_an_event_counts_once_in_whatever_company_it_comes(gallery: str) -> None:
    assert post(event("1"), event("2"), event("1")) == (202, ["accepted", "accepted", "duplicate"])
    assert post(event("2"), event("3"), event("4", "new")) == (202, ["duplicate", "accepted", "accepted"])
    assert post(event("1", type="click")) == (202, ["duplicate"])
    follow_counters()
    assert order() == [("old", 3), ("new", 1), ("middle", 0)]


def from_page(*sent: dict[str, object], **more: Any) -> list[str]:
    status, results = post(*sent, kind="publishable", **more)
    assert status == 202
    return results


def test_a_pages_visitor_counts_once_an_hour_for_an_image(gallery: str) -> None:
    sent = [event(str(number), type="click") for number in range(500)]
    assert Counter(from_page(*sent)) == {"accepted": 1, "filtered": 499}
    assert from_page(event("a"), event("b", "new"), event("c", session_id="ann")) == ["accepted"] * 3
    assert from_page(event("d"), event("e", session_id="ann"), source_address="192.0.2.9") == ["accepted", "filtered"]
    assert from_page(event("f"), agent="Another/5.0") == ["accepted"]
    assert from_page(event("a"), event("g")) == ["duplicate", "filtered"]
    follow_counters()
    assert order() == [("old", 11), ("new", 1), ("middle", 0)]


def test_an_ipv6_visitor_is_told_by_the_network(gallery: str) -> None:
    assert from_page(event("1"), source_address="2001:db8:1:2:aaaa::1") == ["accepted"]
    assert from_page(event("2"), source_address="2001:db8:1:2:bbbb::2") == ["filtered"]
    assert from_page(event("3"), source_address="2001:db8:1:3::1") == ["accepted"]
    assert from_page(event("4"), source_address="192.0.2.77") == ["accepted"]
    assert from_page(event("5"), source_address="::ffff:192.0.2.77") == ["filtered"]


def test_a_gallery_may_count_every_event_of_a_page(gallery: str) -> None:
    def put(**body: object) -> object:
        return serve(galleries, "PUT", "/galleries/{gallery_id}", gallery_id="summer", body=body)[1]

    assert put(counting="every_event")["counting"] == "every_event"  # type: ignore[index]
    assert put(title="Summer")["counting"] == "every_event"  # type: ignore[index]
    assert from_page(event("1"), event("2"), event("1")) == ["accepted", "accepted", "duplicate"]
    assert put(counting="once_an_hour")["counting"] == "once_an_hour"  # type: ignore[index]


def test_nothing_of_a_visitor_is_stored_in_clear(gallery: str) -> None:
    sent = event("event-of-ann", session_id="session-of-ann", user_id="ann-herself")
    assert from_page(sent, event("1"), agent="Telltale/5.0", source_address="198.51.100.7") == ["accepted"] * 2
    tables = ("CountersTable", "IdempotencyTable", "AccessTable")
    stored = repr([boto3.client("dynamodb").scan(TableName=name)["Items"] for name in tables])
    assert [
        text for text in ("session-of-ann", "198.51.100.7", "Telltale", "event-of-ann", "herself") if text in stored
    ] == []


def test_the_salt_of_a_day_is_random_and_ends(gallery: str) -> None:
    from_page(event("1"))
    salts = boto3.client("dynamodb").scan(TableName="IdempotencyTable")["Items"]
    days = {item["pk"]["S"] for item in salts}
    assert f"visitors#{datetime.now(UTC).date()}" in days
    assert len({item["salt"]["B"] for item in salts}) == len(days)
    assert all(int(item["expires_at"]["N"]) <= time.time() + 3 * 86_400 for item in salts)


def interactions_of(*users: str) -> list[str]:
    stored = boto3.client("dynamodb").scan(TableName="InteractionsTable")["Items"]
    return [user for user in users if any(item["pk"]["S"].endswith(f"/{user}") for item in stored)]


@pytest.mark.parametrize("kind", ["secret", "publishable"])
def test_a_duplicate_writes_nothing_for_another_user(gallery: str, kind: str) -> None:
    change = {"product_ids": ["hat"]}
    path = "/galleries/{gallery_id}/images/{image_id}"
    serve(galleries, "PATCH", path, gallery_id="summer", image_id="old", body=change)
    ann, bob = "visitor:aaaaaaaaaaaaaaaaaaaaaa", "visitor:bbbbbbbbbbbbbbbbbbbbbb"
    assert post(event("1", session_id="s", user_id=ann), kind=kind)[1] == ["accepted"]
    assert post(event("1", session_id="s", user_id=bob), kind=kind)[1] == ["duplicate"]
    assert interactions_of(ann, bob) == [ann]


def test_a_filtered_event_becomes_no_interaction(gallery: str) -> None:
    change = {"product_ids": ["hat"]}
    path = "/galleries/{gallery_id}/images/{image_id}"
    serve(galleries, "PATCH", path, gallery_id="summer", image_id="old", body=change)
    ann, bob = "visitor:aaaaaaaaaaaaaaaaaaaaaa", "visitor:bbbbbbbbbbbbbbbbbbbbbb"
    assert from_page(event("1", user_id=ann), event("2", user_id=bob)) == ["accepted", "filtered"]
    assert interactions_of(ann, bob) == [ann]


def test_a_batch_tells_how_its_events_ended(gallery: str, capsys: pytest.CaptureFixture[str]) -> None:
    post(event("1"), event("2"), event("1"), event("3", "nowhere"), event("4", occurred_at="2020-01-01T00:00:00Z"))
    post(event("5"), agent="Googlebot/2.1")
    post(event("6", type="sniff"))
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines() if "/events" in line]
    told = [{name: value for name, value in line.items() if name.startswith(("Events", "Responses"))} for line in lines]
    assert told == [
        {"EventsAccepted": 2, "EventsDuplicate": 1, "EventsRejected": 1, "EventsExpired": 1},
        {"EventsFiltered": 1},
        {"EventsRejected": 1},
    ]


def test_old_events_are_expired_and_events_of_unknown_images_rejected(gallery: str) -> None:
    old = (datetime.now(UTC) - timedelta(minutes=61)).isoformat()
    late = (datetime.now(UTC) - timedelta(minutes=59)).isoformat()
    future = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
    assert post(
        event("1", occurred_at=old),
        event("2", occurred_at=late),
        event("3", "nowhere"),
        event("4", occurred_at=future),
    ) == (202, ["expired", "accepted", "rejected", "rejected"])


def test_robots_are_counted_apart(gallery: str) -> None:
    assert post(event("1"), agent="Googlebot/2.1 (+http://www.google.com/bot.html)") == (202, ["filtered"])
    assert post(event("2")) == (202, ["accepted"])
    follow_counters()
    assert order()[0] == ("old", 1)


def test_events_of_an_unknown_gallery_are_not_found(gallery: str) -> None:
    status, problem, _ = serve(
        events, "POST", "/galleries/{gallery_id}/events", gallery_id="none", body={"events": [event("1")]}
    )
    assert (status, problem["type"]) == (404, "urn:vitrine:problem:not-found")


def test_an_image_made_again_starts_from_nothing(gallery: str) -> None:
    post(event("1"), event("2"))
    follow_counters()
    status, _, _ = serve(
        galleries, "DELETE", "/galleries/{gallery_id}/images/{image_id}", gallery_id="summer", image_id="old"
    )
    assert status == 204
    assert post(event("3")) == (202, ["rejected"])
    again = {"images": [{"id": "old", "name": "old", "url": "https://pictures.example/old.jpg"}]}
    serve(galleries, "POST", "/galleries/{gallery_id}/images", gallery_id="summer", body=again)
    assert post(event("1"), event("4")) == (202, ["accepted", "accepted"])
    follow_counters()
    assert order()[0] == ("old", 2)


@pytest.mark.parametrize(
    ("broken", "detail"),
    [
        ({"event_id": "bad", "type": "look", "image_id": "old"}, "/type"),
        ({"event_id": "a b", "type": "view", "image_id": "old"}, "/event_id"),
        ({"type": "view", "image_id": "old"}, "/event_id"),
        ({"event_id": 7, "type": "view", "image_id": "old"}, "/event_id"),
        ({**event("bad"), "position": 10**5000}, "38 digits"),
        ({**event("bad"), "more": 1}, "/more"),
        ({**event("bad"), "session_id": "\ud800"}, "surrogate"),
        ({**event("bad"), "\ud800": 1}, "surrogate"),
        ({**event("bad"), "more": json.loads("[" * 100 + "]" * 100)}, "deep"),
        ("text", ""),
        (None, ""),
    ],
)
def test_a_malformed_event_is_rejected_in_its_place_and_the_others_count(
    gallery: str, broken: object, detail: str
) -> None:
    sent = {"events": [event("1"), broken, event("2")]}
    body = _json_with_long_numbers(sent)
    status, response, _ = serve(events, "POST", "/galleries/{gallery_id}/events", gallery_id="summer", raw=body)
    assert status == 202
    assert [result["status"] for result in response["results"]] == ["accepted", "rejected", "accepted"]
    rejected = response["results"][1]
    sent_id = broken.get("event_id") if isinstance(broken, dict) else None
    assert rejected["event_id"] == (sent_id if isinstance(sent_id, str) else None)
    assert detail in rejected["detail"]
    follow_counters()
    assert order()[0] == ("old", 2)


def _json_with_long_numbers(value: object) -> str:
    """`json.dumps` refuses numbers of over 4,300 digits."""
    limit = sys.get_int_max_str_digits()
    sys.set_int_max_str_digits(0)
    try:
        return json.dumps(value)
    finally:
        sys.set_int_max_str_digits(limit)


def test_a_malformed_event_keeps_its_id_however_it_is_written(gallery: str) -> None:
    body = {"events": [event("\ud800")]}
    status, response, _ = serve(events, "POST", "/galleries/{gallery_id}/events", gallery_id="summer", body=body)
    assert (status, response["results"][0]["event_id"]) == (202, "?")


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"events": []}, "/events"),
        ({"events": [event(str(number)) for number in range(501)]}, "/events"),
        ({"events": [{}] * 501}, "/events"),
        ({"events": {"0": event("1")}}, "/events"),
        ({"events": [event("1")], "more": 1}, "/more"),
        ([event("1")], ""),
        ({}, "/events"),
    ],
)
def test_a_body_that_is_no_list_of_events_is_told_where(gallery: str, body: object, pointer: str) -> None:
    status, problem, headers = serve(events, "POST", "/galleries/{gallery_id}/events", gallery_id="summer", body=body)
    assert (status, headers["Content-Type"]) == (422, "application/problem+json")
    assert pointer in [error["pointer"] for error in problem["errors"]]


@pytest.mark.parametrize("media_type", ["application/json", "text/plain;charset=UTF-8", "text/plain"])
def test_a_page_sends_events_as_json_or_as_text_which_needs_no_preflight(gallery: str, media_type: str) -> None:
    assert post(event("1"), content_type=media_type) == (202, ["accepted"])


def test_no_other_media_type_is_taken(gallery: str) -> None:
    assert post(event("1"), content_type="text/html")[0] == 415
    body = {"images": [{"name": "x", "url": "https://pictures.example/x.jpg"}]}
    headers = {"Content-Type": "text/plain"}
    sent = api_event("POST", "/galleries/{gallery_id}/images", gallery_id="summer", body=body, headers=headers)
    assert send(galleries, sent)[0] == 415


class TestChallenge:
    @pytest.fixture(autouse=True)
    def _default_gallery(self, cloud: None) -> None:
        serve(galleries, "PUT", "/galleries/{gallery_id}", gallery_id="default", body={})
        images = [{"id": "one", "name": "One", "url": "https://pictures.example/1.jpg"}]
        serve(galleries, "POST", "/galleries/{gallery_id}/images", gallery_id="default", body={"images": images})

    def test_its_events_move_its_images(self) -> None:
        sent = {"eventType": "click", "timestamp": "2021-01-01T10:00:00Z"}
        for _ in range(2):
            assert serve(events, "POST", "/images/{imageId}/events", imageId="one", body=sent)[:2] == (
                204,
                None,
            )
        follow_counters()
        _, images, _ = serve(galleries, "GET", "/images")
        [image] = images
        assert list(image) == ["id", "name", "weight", "gridPosition", "url", "created_at", "events"]
        assert (image["weight"], image["gridPosition"], image["events"]) == (14, 1, {"views": 0, "clicks": 2})

    def test_its_visitors_of_a_page_count_once_an_hour(self) -> None:
        sent = {"eventType": "view", "timestamp": "2021-01-01T10:00:00Z"}
        for address in ("192.0.2.1", "192.0.2.1", "192.0.2.2"):
            asked = api_event(
                "POST", "/images/{imageId}/events", imageId="one", body=sent, kind="publishable", source_address=address
            )
            assert send(events, asked)[0] == 204
        follow_counters()
        _, [image], _ = serve(galleries, "GET", "/images")
        assert image["events"] == {"views": 2, "clicks": 0}

    @pytest.mark.parametrize("body", [{"eventType": "look", "timestamp": "2021-01-01T10:00:00Z"}, {}, []])
    def test_its_malformed_events_are_400(self, body: object) -> None:
        response = serve(events, "POST", "/images/{imageId}/events", imageId="one", body=body)
        assert response[:2] == (400, {"message": "There was an error parsing the given request"})

    def test_its_unknown_images_are_404(self) -> None:
        sent = {"eventType": "click", "timestamp": "2021-01-01T10:00:00Z"}
        response = serve(events, "POST", "/images/{imageId}/events", imageId="none", body=sent)
        assert response[:2] == (404, {"message": "There are no image with the specified ID"})


def test_usual_events_are_counted_without_pydantic(gallery: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "vitrine.engagement.requests", None)
    assert post(event("1"), event("2", position=1, session_id="ann", user_id="ann")) == (202, ["accepted"] * 2)


def test_the_function_starts_without_pydantic() -> None:
    code = "import functions.events_api.handler, sys; sys.exit('pydantic' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
