"""A merchant finds its failed requests by their ids, and who changed what."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from functions.review_followups.handler import lambda_handler as followups
from tests.aws import Context
from tests.gateway import Gateway, Shop, open_shop
from tests.streams import stream_records
from vitrine.access import wiring
from vitrine.access.wiring import request_log
from vitrine.platform.aws import client
from vitrine.platform.times import utc_now

pytestmark = pytest.mark.usefixtures("cloud")
IMAGE = {"id": "pear", "name": "Pear", "url": "https://a.example/1.jpg"}


@pytest.fixture
def shop(cloud: None) -> Shop:
    return open_shop("logs-shop")


def call(shop: Shop, method: str, path: str, body: Any = None, *, key: str = "", **more: Any) -> Any:
    return Gateway().call(method, path, key or shop.secret_key, body, **more)


def errors(shop: Shop, query: str = "limit=100") -> list[dict[str, Any]]:
    return call(shop, "GET", "/request-log", query=query).json["items"]


def changes(shop: Shop) -> list[dict[str, Any]]:
    return call(shop, "GET", "/change-log", query="limit=100").json["items"]


class TestFailedRequests:
    def test_are_found_by_the_id_that_the_response_named(self, shop: Shop) -> None:
        call(shop, "GET", "/galleries/other", key=shop.publishable_key)
        refused = call(shop, "GET", "/galleries/nowhere", key=shop.publishable_key).json
        [found] = errors(shop, f"request_id={refused['request_id']}")
        assert [found[name] for name in ("route", "method", "ids", "status", "code", "detail", "role")] == [
            "/galleries/{gallery_id}",
            "GET",
            {"gallery_id": "nowhere"},
            404,
            "not-found",
            refused["detail"],
            "publishable",
        ]
        assert [entry["ids"]["gallery_id"] for entry in errors(shop)] == ["nowhere", "other"]
        assert errors(shop, "request_id=of-nobody") == []

    @pytest.mark.parametrize(
        ("request_line", "more", "status", "code"),
        [
            ("PUT /galleries/a", {"raw": b"{"}, 400, "malformed-request"),
            ("PUT /galleries/a", {"body": {"titel": "A"}}, 422, "invalid-request"),
            ("PUT /galleries/a", {"raw": b" " * 1_100_000}, 413, "too-large"),
            (
                "PUT /galleries/a",
                {"headers": {"Content-Type": "text/csv"}},
                415,
                "unsupported-media-type",
            ),
            ("GET /galleries", {"query": "x=1"}, 422, "invalid-request"),
            ("POST /api/submit", {"body": {}}, 400, "invalid-request"),
        ],
    )
    def test_of_every_kind_are_there(
        self, shop: Shop, request_line: str, more: dict[str, Any], status: int, code: str
    ) -> None:
        assert call(shop, *request_line.split(), **more).status == status
        assert [(entry["status"], entry["code"]) for entry in errors(shop)] == [(status, code)]

    def test_hold_nothing_that_was_sent_but_ids(self, shop: Shop) -> None:
        secret = "a-word-of-the-sender"
        call(shop, "PUT", "/galleries/a", {secret: secret}, query=f"{secret}={secret}")
        call(shop, "GET", f"/users/{secret}/interactions", query="limit=0")
        call(shop, "PUT", f"/users/{secret}/interactions/i", {"type": secret})
        assert len(errors(shop)) == 3
        assert secret not in repr(client("dynamodb").scan(TableName="LogsTable")["Items"])


class TestChanges:
    def test_say_which_key_did_what_to_which_ids(self, shop: Shop) -> None:
        made = call(shop, "POST", "/keys", {"role": "editor", "label": "tools of Ann"}).json
        call(shop, "PUT", "/galleries/summer", {"title": "a private title"}, key=made["key"])
        call(shop, "POST", "/galleries/summer/images", {"images": [IMAGE]}, key=made["key"])
        call(shop, "PATCH", "/galleries/summer/images/pear", {"pinned_position": 1}, key=made["key"])
        call(shop, "DELETE", f"/keys/{made['key_id']}")
        image = {"gallery_id": "summer", "image_id": "pear"}
        assert [(entry["method"], entry["route"], entry["ids"], entry["key_label"]) for entry in changes(shop)] == [
            ("DELETE", "/keys/{key_id}", {"key_id": made["key_id"]}, ""),
            ("PATCH", "/galleries/{gallery_id}/images/{image_id}", image, "tools of Ann"),
            ("POST", "/galleries/{gallery_id}/images", {"gallery_id": "summer"}, "tools of Ann"),
            ("PUT", "/galleries/{gallery_id}", {"gallery_id": "summer"}, "tools of Ann"),
            ("POST", "/keys", {"key_id": made["key_id"]}, ""),
        ]
        stored = repr(client("dynamodb").scan(TableName="LogsTable")["Items"])
        assert made["key"] not in stored
        assert "a private title" not in stored

    def test_are_no_reads_no_traffic_and_no_failures(self, shop: Shop) -> None:
        call(shop, "PUT", "/galleries/summer", {})
        call(shop, "POST", "/galleries/summer/images", {"images": [IMAGE]})
        before = changes(shop)
        event = {"event_id": "e", "type": "view", "image_id": "pear"}
        did = {"interaction_id": "i", "user_id": "u", "product_id": "p", "type": "view"}
        sent = [
            call(shop, "GET", "/galleries/summer"),
            call(shop, "POST", "/galleries/summer/events", {"events": [event]}),
            call(shop, "POST", "/interactions", {"interactions": [did]}),
            call(shop, "POST", "/review/claims", {}, headers={"X-Reviewer": "ann"}),
            call(shop, "POST", "/galleries/summer/ranking-estimates", {"policy": "newest"}),
        ]
        assert all(response.status < 300 for response in sent), sent
        call(shop, "PATCH", "/galleries/summer/images/nobody", {"hidden": True})
        assert changes(shop) == before

    def test_name_the_reviewer_and_no_user(self, shop: Shop) -> None:
        snapshot = {"snapshot_id": "one", "product_id": "p", "filename": "1.jpg", "url": "https://a.example/1.jpg"}
        call(shop, "PUT", "/products/p", {"name": "P"})
        call(shop, "POST", "/snapshots", {"snapshots": [snapshot]})
        made = call(shop, "POST", "/keys", {"role": "reviewer", "label": "x", "reviewer": "ann"}).json
        ann = made["key"]
        followups({"Records": stream_records("ReviewTable")}, Context())
        call(shop, "POST", "/review/claims", {}, key=ann)
        for method, path, body in (
            ("PUT", "decision", {"decision": "approved"}),
            ("POST", "reopening", None),
        ):
            assert call(shop, method, f"/review/snapshots/one/{path}", body, key=ann).status == 200
        call(shop, "DELETE", "/users/jane")
        assert [(entry["route"], entry["ids"], entry["reviewer"]) for entry in changes(shop)[:3]] == [
            ("/users/{user_id}", {}, None),
            ("/review/snapshots/{snapshot_id}/reopening", {"snapshot_id": "one"}, "ann"),
            ("/keys", {"key_id": made["key_id"]}, None),
        ]

    def test_end_after_ninety_days_and_errors_after_seven(self, shop: Shop) -> None:
        call(shop, "PUT", "/galleries/summer", {})
        call(shop, "GET", "/galleries/nowhere")
        log = request_log()
        for days, left in ((6, (1, 1)), (8, (0, 1)), (91, (0, 0))):
            then = utc_now() + timedelta(days=days)
            found = [len(log.newest("logs-shop", name, 10, None, then)) for name in ("errors", "changes")]
            assert tuple(found) == left
        assert all("expires_at" in item for item in client("dynamodb").scan(TableName="LogsTable")["Items"])


def test_both_logs_go_page_by_page(shop: Shop) -> None:
    for name in "abc":
        call(shop, "PUT", f"/galleries/{name}", {})
        call(shop, "GET", f"/galleries/no-{name}")
    for path, expected in (("/change-log", ["c", "b", "a"]), ("/request-log", ["no-c", "no-b", "no-a"])):
        found, cursor = [], ""
        while cursor is not None:
            page = call(shop, "GET", path, query="limit=2" + (f"&cursor={cursor}" if cursor else "")).json
            found += [entry["ids"]["gallery_id"] for entry in page["items"]]
            cursor = page["next_cursor"]
        assert found == expected


def test_a_broken_log_breaks_no_response(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOGS_TABLE", "of-nobody")
    wiring.request_log.cache_clear()
    wiring._outcome_notes.cache_clear()
    assert call(shop, "PUT", "/galleries/summer", {}).status == 201
    assert call(shop, "GET", "/galleries/nowhere").status == 404


def test_a_successful_read_writes_nothing(shop: Shop) -> None:
    call(shop, "PUT", "/galleries/summer", {})
    before = client("dynamodb").scan(TableName="LogsTable")["Items"]
    assert call(shop, "GET", "/galleries/summer", key=shop.publishable_key).status == 200
    assert client("dynamodb").scan(TableName="LogsTable")["Items"] == before


def test_only_a_secret_key_reads_them(shop: Shop) -> None:
    editor = call(shop, "POST", "/keys", {"role": "editor", "label": "x"}).json["key"]
    for path in ("/request-log", "/change-log"):
        assert call(shop, "GET", path, key=editor).status == 403
