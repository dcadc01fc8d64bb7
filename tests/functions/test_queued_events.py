"""With buffered intake, events are stored in a queue first, and count as they do at once."""

from __future__ import annotations

import json
from typing import Any

import pytest

from functions.events_api.handler import lambda_handler as events
from functions.galleries_api.handler import lambda_handler as galleries
from functions.queued_events.handler import lambda_handler as queued_events
from tests.aws import Context, add_products, api_event, send, serve
from tests.faults.fault import FAULTS, Fault, Killed, kill
from tests.streams import follow_counters
from vitrine.engagement import wiring
from vitrine.platform.aws import client

pytestmark = pytest.mark.usefixtures("cloud")

GALLERY = "/galleries/{gallery_id}"
ANN, BOB = "visitor:aaaaaaaaaaaaaaaaaaaaaa", "visitor:bbbbbbbbbbbbbbbbbbbbbb"
NOTHING_FAILED: dict[str, Any] = {"batchItemFailures": []}


@pytest.fixture(autouse=True)
def _gallery(cloud: None, monkeypatch: pytest.MonkeyPatch) -> None:
    queue = client("sqs").get_queue_url(QueueName="EventsQueue")["QueueUrl"]
    monkeypatch.setenv("INTAKE_QUEUE", queue)
    wiring.event_queue.cache_clear()
    serve(galleries, "PUT", GALLERY, gallery_id="summer", body={})
    add_products("hat")
    images = [
        {"id": name, "name": name, "url": "https://a.example/1.jpg", "product_ids": ["hat"]} for name in ("a", "b")
    ]
    serve(galleries, "POST", f"{GALLERY}/images", gallery_id="summer", body={"images": images})


def event(event_id: str, image_id: str = "a", type: str = "view", **more: object) -> dict[str, object]:
    return {"event_id": event_id, "type": type, "image_id": image_id, **more}


def post(*sent: dict[str, object], gallery_id: str = "summer", kind: str = "publishable") -> tuple[int, Any]:
    asked = api_event("POST", f"{GALLERY}/events", gallery_id=gallery_id, body={"events": list(sent)}, kind=kind)
    status, response, _ = send(events, asked)
    return status, [result["status"] for result in response["results"]] if status == 202 else response["type"]


def waiting() -> list[dict[str, Any]]:
    """The queue's messages as Lambda passes them."""
    queue = client("sqs").get_queue_url(QueueName="EventsQueue")["QueueUrl"]
    records: list[dict[str, Any]] = []
    while messages := client("sqs").receive_message(QueueUrl=queue, MaxNumberOfMessages=10).get("Messages"):
        records += [{"messageId": message["MessageId"], "body": message["Body"]} for message in messages]
    return records


def count(records: list[dict[str, Any]]) -> Any:
    return queued_events({"Records": records}, Context())


def shown() -> dict[str, tuple[int, int]]:
    follow_counters()
    found = client("dynamodb").scan(TableName="ImagesTable")["Items"]
    return {item["sk"]["S"]: (int(item["views"]["N"]), int(item["clicks"]["N"])) for item in found}


def interactions_of(*users: str) -> list[str]:
    stored = client("dynamodb").scan(TableName="InteractionsTable")["Items"]
    return [user for user in users if any(item["pk"]["S"].endswith(f"/{user}") for item in stored)]


def test_events_of_several_requests_count_together_and_once() -> None:
    assert post(event("1", session_id="ann"), event("2", "b", session_id="ann")) == (202, ["queued", "queued"])
    assert post(event("3", session_id="bob"), event("4", type="click", session_id="bob")) == (202, ["queued"] * 2)
    assert post(event("1", session_id="ann"), event("5", session_id="bob")) == (202, ["queued"] * 2)
    assert client("dynamodb").scan(TableName="CountersTable")["Items"] == []
    records = waiting()
    assert len(records) == 3
    assert count(records) == count(records[::-1]) == NOTHING_FAILED
    assert shown() == {"a": (2, 1), "b": (1, 0)}
    _, audit, _ = serve(galleries, "GET", f"{GALLERY}/audit", gallery_id="summer")
    assert audit == {"images": 2, "mismatched": [], "withdrawn": []}


def test_what_depends_on_the_request_is_decided_before_the_response() -> None:
    assert post(event("1", occurred_at="2020-01-01T00:00:00Z"), event("2", occurred_at="2090-01-01T00:00:00Z")) == (
        202,
        ["expired", "rejected"],
    )
    assert post(event("1"), {"event_id": "2"}) == (202, ["queued", "rejected"])
    assert post(event("1"), gallery_id="none") == (404, "urn:vitrine:problem:not-found")
    assert len(waiting()) == 1


def test_a_new_gallery_is_known_at_once() -> None:
    assert post(event("1"), gallery_id="autumn")[0] == 404
    serve(galleries, "PUT", GALLERY, gallery_id="autumn", body={})
    assert post(event("1"), gallery_id="autumn") == (202, ["queued"])


def test_events_of_unknown_images_are_told_in_metrics(capsys: pytest.CaptureFixture[str]) -> None:
    post(event("1"), event("2", "none"), event("3"))
    records = waiting()
    capsys.readouterr()
    assert count(records) == NOTHING_FAILED
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    [metrics] = [line for line in lines if "EventsWaited" in line]
    told = {name: sum(metrics[name]) for name in ("EventsAccepted", "EventsFiltered", "EventsRejected")}
    assert told == {"EventsAccepted": 1, "EventsFiltered": 1, "EventsRejected": 1}


def test_an_image_that_is_deleted_meanwhile_counts_nothing_and_the_others_do() -> None:
    post(event("1"), event("2", "b"))
    serve(galleries, "DELETE", f"{GALLERY}/images/{{image_id}}", gallery_id="summer", image_id="a")
    assert count(waiting()) == NOTHING_FAILED
    assert shown() == {"b": (1, 0)}


def test_nothing_of_a_visitor_is_in_the_queue() -> None:
    assert post(event("event-of-ann", session_id="session-of-ann")) == (202, ["queued"])
    [record] = waiting()
    assert [text for text in ("session-of-ann", "event-of-ann", "192.0.2.1") if text in record["body"]] == []


def test_users_interactions_follow_from_what_counts() -> None:
    assert post(event("1", session_id="s", user_id=ANN)) == (202, ["queued"])
    assert post(event("1", session_id="s", user_id=BOB)) == (202, ["queued"])
    assert count(waiting()) == NOTHING_FAILED
    assert interactions_of(ANN, BOB) == [ANN]


@pytest.mark.parametrize(("when", "what"), FAULTS)
def test_a_fault_at_any_call_loses_and_doubles_nothing(when: str, what: Any) -> None:
    """The message comes again, as after a crash, until it is done."""
    post(event("1", session_id="s", user_id=ANN), event("2", "b", "click", session_id="s", user_id=ANN))
    post(event("3", session_id="t"), event("1", session_id="s", user_id=ANN))
    records = waiting()
    for at in range(1, 40):
        fault = Fault(at, when, what)
        try:
            with fault.armed():
                failed = count(records)["batchItemFailures"]
        except Killed:
            failed = []
            wiring.event_counter.cache_clear()
        if not fault.struck:
            break
        assert failed or what is kill or "Salt" in str(fault), fault
    assert count(records) == NOTHING_FAILED
    assert shown() == {"a": (2, 0), "b": (0, 1)}
    assert interactions_of(ANN) == [ANN]


def test_an_unreadable_message_is_kept_and_the_others_count() -> None:
    post(event("1"))
    poison = {"messageId": "poison", "body": "[]"}
    assert count([poison, *waiting()]) == {"batchItemFailures": [{"itemIdentifier": "poison"}]}
    assert shown()["a"] == (1, 0)


def test_an_image_that_cannot_be_counted_holds_up_its_own_messages_only(monkeypatch: pytest.MonkeyPatch) -> None:
    post(event("1", "a"))
    post(event("2", "b"))
    records = waiting()
    repository = wiring.counter_repository(archives=True)
    counted = repository.count

    def refuse(key: Any, *rest: Any) -> Any:
        if key.counters.image_id == "a":
            raise RuntimeError
        return counted(key, *rest)

    with monkeypatch.context() as patched:
        patched.setattr(repository, "count", refuse)
        [failed] = count(records)["batchItemFailures"]
    assert failed["itemIdentifier"] == next(one["messageId"] for one in records if '"a"' in one["body"])
    assert count(records) == NOTHING_FAILED
    assert shown() == {"a": (1, 0), "b": (1, 0)}


def test_the_largest_request_fits_into_messages() -> None:
    sent = [
        event(f"{at}" + "e" * 120, session_id="s" * 120 + f"{at}", user_id=f"{at}" + "u" * 120) for at in range(500)
    ]
    assert post(*sent, kind="secret") == (202, ["queued"] * 500)
    records = waiting()
    assert max(len(record["body"].encode()) for record in records) < 256 * 1024
    assert count(records) == NOTHING_FAILED
    assert shown()["a"] == (500, 0)


def test_a_challenges_event_is_stored_whether_or_not_its_image_exists() -> None:
    serve(galleries, "PUT", GALLERY, gallery_id="default", body={})
    sent = {"eventType": "click", "timestamp": "2021-01-01T10:00:00Z"}
    response = serve(events, "POST", "/images/{imageId}/events", imageId="none", body=sent)
    assert response[:2] == (204, None)
