"""Review over HTTP, with the follow-ups of the stream."""

from __future__ import annotations

import json
import os
import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from functions.galleries_api.handler import lambda_handler as galleries
from functions.products_api.handler import lambda_handler as products
from functions.review_api.handler import lambda_handler as review
from functions.review_followups.handler import lambda_handler as followups
from functions.snapshot_uploads.handler import lambda_handler as uploads
from tests.aws import Context, add_products, api_event, send, serve
from tests.streams import stream_records
from vitrine.imports.model import Import, ImportKey
from vitrine.imports.ports import AcceptedRow
from vitrine.imports.snapshots import SnapshotRow, write_snapshots
from vitrine.platform.aws import client
from vitrine.review.add_snapshots import AddedSnapshot, add_snapshots
from vitrine.review.model import LARGEST_PICTURE_BYTES, Snapshot
from vitrine.review.wiring import known_galleries, review_store
from vitrine.review.wiring import products as known_products

if TYPE_CHECKING:
    from collections.abc import Iterable

pytestmark = pytest.mark.usefixtures("fruit")


@pytest.fixture
def fruit(cloud: None) -> None:
    """The products that the tests' photos show."""
    add_products("apple", "pear")


def add(*snapshots: dict[str, Any]) -> list[dict[str, Any]]:
    status, response, _ = serve(review, "POST", "/snapshots", body={"snapshots": list(snapshots)})
    assert status == 200, response
    follow()
    return response["results"]


def photo(name: str, product: str = "apple", **more: Any) -> dict[str, Any]:
    picture = {} if "upload" in more else {"url": f"https://photos.example/{name}.jpg"}
    return {"snapshot_id": name, "product_id": product, "filename": f"{name}.jpg", **picture, **more}


def claims(reviewer: str, **body: Any) -> Any:
    status, response, _ = serve(review, "POST", "/review/claims", body=body, headers={"X-Reviewer": reviewer})
    assert status == 200, response
    return response


def claim(reviewer: str, **body: Any) -> list[str]:
    return [item["snapshot_id"] for item in claims(reviewer, **body)["items"]]


def decide(reviewer: str, snapshot_id: str, decision: str = "approved", **more: Any) -> tuple[int, Any]:
    event = api_event(
        "PUT",
        "/review/snapshots/{snapshot_id}/decision",
        snapshot_id=snapshot_id,
        body={"decision": decision, **more},
        headers={"X-Reviewer": reviewer},
    )
    return send(review, event)[:2]


def undo(reviewer: str, snapshot_id: str) -> tuple[int, Any]:
    event = api_event(
        "DELETE",
        "/review/snapshots/{snapshot_id}/decision",
        snapshot_id=snapshot_id,
        headers={"X-Reviewer": reviewer},
    )
    return send(review, event)[:2]


def read(path: str, **path_parameters: Any) -> Any:
    query = path_parameters.pop("query", None)
    status, response, _ = serve(review, "GET", path, query=query, **path_parameters)
    assert status == 200, response
    return response


def follow() -> None:
    records = stream_records("ReviewTable")
    if records:
        followups({"Records": records}, Context())


def shown(gallery_id: str = "shelf") -> list[str]:
    follow()
    _, page, _ = serve(galleries, "GET", "/galleries/{gallery_id}/images", gallery_id=gallery_id)
    return [image["id"] for image in page["items"]]


def put(*keys: str, size: int = 1000) -> set[str]:
    """Deliver notifications of pictures, one a message; return the keys that are to be delivered again."""
    messages = [
        {"messageId": key, "body": json.dumps({"Records": [{"s3": {"object": {"key": key, "size": size}}}]})}
        for key in keys
    ]
    return {failed["itemIdentifier"] for failed in uploads({"Records": messages}, Context())["batchItemFailures"]}


@pytest.fixture
def inputs(cloud: None) -> None:
    serve(galleries, "PUT", "/galleries/{gallery_id}", gallery_id="shelf", body={})


def test_a_claim_can_name_its_product() -> None:
    add(photo("apple1"), photo("pear1", "pear"))
    assert claim("ann", product_id="pear") == ["pear1"]


def test_a_claim_in_vain_says_until_when_another_reviewer_holds_what_waits() -> None:
    add(photo("apple1"))
    ann = claims("ann")
    assert ann["held_until"] is None
    assert claims("ben") == {"items": [], "held_until": ann["items"][0]["lease_expires_at"]}
    assert claims("ben", product_id="pear") == claims("ben", limit=0) == {"items": [], "held_until": None}
    decide("ann", "apple1")
    follow()
    assert claims("ben") == {"items": [], "held_until": None}


def test_an_approved_snapshot_appears_in_its_gallery_and_leaves_it_when_taken_back(inputs: None) -> None:
    add(photo("apple1", gallery_id="shelf"))
    claim("ann")
    assert shown() == []
    assert decide("ann", "apple1")[0] == 200
    assert shown() == ["apple1"]
    assert undo("ann", "apple1")[0] == 200
    assert shown() == []
    assert decide("ann", "apple1", "disapproved")[0] == 200
    assert shown() == []


def test_a_decided_snapshot_can_be_reopened_later_by_anyone(inputs: None) -> None:
    add(photo("apple1", gallery_id="shelf"))
    claim("ann")
    decide("ann", "apple1")
    event = api_event(
        "POST",
        "/review/snapshots/{snapshot_id}/reopening",
        snapshot_id="apple1",
        headers={"X-Reviewer": "bob"},
    )
    assert send(review, event)[1]["status"] == "waiting"
    assert decide("bob", "apple1", "disapproved")[0] == 200
    assert shown() == []


def test_a_second_decision_is_refused_and_names_the_first_reviewer() -> None:
    add(photo("apple1"))
    claim("ann")
    assert decide("ann", "apple1")[0] == 200
    status, problem = decide("bob", "apple1", "disapproved")
    assert status == 409
    assert "ann decided it: approved" in problem["detail"]
    assert undo("bob", "apple1")[0] == 409


def test_a_decision_sent_again_is_the_same_decision() -> None:
    add(photo("apple1"))
    claim("ann")
    assert decide("ann", "apple1") == decide("ann", "apple1")
    follow()
    assert read("/review/stats")["approved"] == 1
    assert read("/review/stats")["reviewers"][0]["verdicts"] == 1


def test_an_expired_lease_returns_to_the_queue_and_no_decision_is_accepted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REVIEW_LEASE_SECONDS", "0")
    add(photo("apple1"), photo("apple2"))
    assert claim("ann", limit=1) == ["apple1"]
    assert decide("ann", "apple1")[0] == 409
    assert claim("bob", limit=2, product_id="apple") == ["apple1", "apple2"]


def test_a_lease_is_renewed_for_its_holder_only() -> None:
    add(photo("apple1"))
    claim("ann")
    assert claim("ann", limit=0, renew=["apple1"]) == ["apple1"]
    assert claim("bob", limit=0, renew=["apple1", "nothing"]) == []


def test_a_snapshot_of_an_unknown_product_is_rejected_alone() -> None:
    refused, taken = add(photo("fig1", "fig"), photo("apple1"))
    assert (refused["status"], refused["detail"]) == ("rejected", "There is no product fig. Create it first.")
    assert "code" not in refused
    assert taken["status"] == "created"
    assert [item["snapshot_id"] for item in read("/snapshots")["items"]] == ["apple1"]


def test_a_filename_is_unique_within_a_product() -> None:
    add(photo("apple1"))
    again, elsewhere = add(photo("apple2", filename="apple1.jpg"), photo("pear1", "pear", filename="apple1.jpg"))
    assert (again["status"], again["code"]) == ("rejected", 409)
    assert elsewhere["status"] == "created"
    assert add(photo("apple1"))[0]["code"] == 409


@pytest.mark.parametrize(
    "snapshot",
    [
        {},
        None,
        photo("a", upload=True, url="https://photos.example/a.jpg"),
        {"product_id": "apple", "filename": "a.jpg"},
        photo("a", filename="a/b.jpg"),
        photo("a", url="ftp://photos.example/a.jpg"),
        photo("a", gallery_id="nowhere"),
        photo("a", known_answer="approved", gallery_id="nowhere"),
    ],
)
def test_an_invalid_snapshot_is_rejected_alone(snapshot: Any) -> None:
    refused, taken = add(snapshot, photo("good"))
    assert (refused["status"], taken["status"]) == ("rejected", "created")


def test_an_uploaded_picture_waits_for_its_bytes_and_is_public_once_approved(inputs: None) -> None:
    (added,) = add(photo("apple1", upload=True, gallery_id="shelf"))
    assert added["upload"]["method"] == "PUT"
    assert added["upload"]["headers"]["Content-Type"] == "image/jpeg"
    assert "if-none-match" in added["upload"]["url"]
    assert claim("ann") == []
    assert put("snapshots/shop/apple1") == set()
    follow()
    assert claim("ann") == ["apple1"]
    path = "/snapshot-pictures/{merchant_id}/{snapshot_id}"
    picture = api_event("GET", path, merchant_id="shop", snapshot_id="apple1")
    assert send(review, picture)[0] == 404
    decide("ann", "apple1")
    status, _, headers = send(review, picture)
    assert status == 302
    assert "/snapshots/shop/apple1?" in headers["Location"]
    follow()
    _, page, _ = serve(galleries, "GET", "/galleries/{gallery_id}/images", gallery_id="shelf")
    assert page["items"][0]["url"].endswith("/snapshot-pictures/shop/apple1")
    assert page["items"][0]["product_ids"] == ["apple"]


def test_a_picture_that_is_too_large_is_removed_and_another_can_be_put() -> None:
    add(photo("apple1", upload=True))
    key: Any = {"Bucket": os.environ["PICTURES_BUCKET"], "Key": "snapshots/shop/apple1"}
    client("s3").put_object(**key, Body=b"much")
    assert put("snapshots/shop/apple1", size=LARGEST_PICTURE_BYTES + 1) == set()
    follow()
    assert claim("ann") == []
    assert "Contents" not in client("s3").list_objects_v2(Bucket=key["Bucket"])
    put("snapshots/shop/apple1", size=LARGEST_PICTURE_BYTES)
    follow()
    assert claim("ann") == ["apple1"]


def test_the_size_of_an_upload_is_signed_if_it_is_given() -> None:
    (added,) = add(photo("apple1", upload=True, size=1234))
    assert added["upload"]["headers"]["Content-Length"] == "1234"
    assert "content-length" in added["upload"]["url"]
    refused = add(photo("a", upload=True, size=LARGEST_PICTURE_BYTES + 1), photo("b", size=5))
    assert [result["status"] for result in refused] == ["rejected", "rejected"]


def test_uploads_that_fail_are_delivered_again_and_the_others_are_noted() -> None:
    add(photo("apple1", upload=True))
    told = ["snapshots/shop/unknown", "snapshots/no-snapshots-key", "snapshots/shop/apple1"]
    assert put(*told) == {"snapshots/no-snapshots-key"}
    follow()
    assert claim("ann") == ["apple1"]


def test_two_reviewers_who_use_one_idempotency_key_get_snapshots_of_their_own() -> None:
    add(photo("apple1"), photo("apple2"))

    def claim_one(reviewer: str) -> list[str]:
        headers = {"X-Reviewer": reviewer, "Idempotency-Key": "the-same"}
        _, response, _ = serve(review, "POST", "/review/claims", body={"limit": 1}, headers=headers)
        return [item["snapshot_id"] for item in response["items"]]

    leased = claim_one("ann")
    assert len({*leased, *claim_one("bob")}) == 2
    assert claim_one("ann") == leased


def test_claims_show_the_product_with_pictures_approved_before() -> None:
    add(photo("apple1"), photo("apple2"))
    claim("ann", limit=1)
    decide("ann", "apple1")
    _, response, _ = serve(review, "POST", "/review/claims", body={}, headers={"X-Reviewer": "ann"})
    assert response["items"][0]["product"]["pictures"] == ["https://photos.example/apple1.jpg"]


def test_claims_and_galleries_show_what_the_catalogue_knows_of_a_product(inputs: None) -> None:
    product = {"name": "Golden Delicious", "image_url": "https://photos.example/golden.jpg"}
    serve(products, "PUT", "/products/{product_id}", product_id="apple", body=product)
    add(photo("apple1", gallery_id="shelf"))
    _, response, _ = serve(review, "POST", "/review/claims", body={}, headers={"X-Reviewer": "ann"})
    shown_beside = response["items"][0]["product"]
    assert (shown_beside["name"], shown_beside["pictures"]) == ("Golden Delicious", [product["image_url"]])
    decide("ann", "apple1")
    follow()
    _, page, _ = serve(galleries, "GET", "/galleries/{gallery_id}/images", gallery_id="shelf")
    assert page["items"][0]["name"] == "Golden Delicious"


def test_every_step_is_in_the_trail() -> None:
    add(photo("apple1"))
    claim("ann")
    decide("ann", "apple1", reason="sharp")
    undo("ann", "apple1")
    decide("ann", "apple1", "disapproved")
    follow()
    follow()
    steps = read("/snapshots/{snapshot_id}/trail", snapshot_id="apple1")["items"]
    assert [(step["action"], step["reviewer"]) for step in steps] == [
        ("added", None),
        ("claimed", "ann"),
        ("approved", "ann"),
        ("taken back", "ann"),
        ("disapproved", "ann"),
    ]


def test_a_share_is_seen_by_two_and_by_a_third_when_they_disagree(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECOND_OPINION_PERCENT", "100")
    add(photo("apple1"))
    assert claim("ann") == ["apple1"]
    assert decide("ann", "apple1")[1]["status"] == "waiting"
    assert claim("ann", product_id="apple") == []
    assert claim("bob", product_id="apple") == ["apple1"]
    assert decide("bob", "apple1", "disapproved")[1]["status"] == "waiting"
    assert claim("ann", product_id="apple") == claim("bob", product_id="apple") == []
    assert claim("cyd", product_id="apple") == ["apple1"]
    assert decide("cyd", "apple1")[1]["status"] == "approved"
    follow()
    by_name = {reviewer["reviewer"]: reviewer for reviewer in read("/review/stats")["reviewers"]}
    assert (by_name["ann"]["agreement"], by_name["bob"]["second_opinions"], by_name["cyd"]["agreement"]) == (0, 1, None)


def test_a_disagreement_is_listed_and_settled_by_a_third(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECOND_OPINION_PERCENT", "100")
    add(*[photo(f"apple{at}") for at in range(3)])

    def listed(status: str) -> list[str]:
        return [item["snapshot_id"] for item in read("/snapshots", query={"status": status})["items"]]

    for reviewer, decision in (("ann", "approved"), ("bob", "disapproved")):
        assert listed("disputed") == []
        assert claim(reviewer, snapshot_id="apple1") == ["apple1"]
        assert decide(reviewer, "apple1", decision)[0] == 200
    assert (listed("disputed"), listed("waiting")) == (["apple1"], ["apple0", "apple2", "apple1"])
    assert [item["snapshot_id"] for item in read("/snapshots")["items"]] == ["apple0", "apple2", "apple1"]
    assert read("/snapshots/{snapshot_id}", snapshot_id="apple1")["status"] == "waiting"
    for reviewer, status in (("ann", 409), ("bob", 409), ("cid", 200), ("dee", 409)):
        event = api_event("POST", "/review/claims", body={"snapshot_id": "apple1"}, headers={"X-Reviewer": reviewer})
        assert send(review, event)[0] == status, reviewer
    assert decide("cid", "apple1")[1]["status"] == "approved"
    assert (listed("disputed"), listed("approved")) == ([], ["apple1"])
    event = api_event("POST", "/review/claims", body={"snapshot_id": "none"}, headers={"X-Reviewer": "cid"})
    assert send(review, event)[0] == 404


def test_an_unsure_reviewer_passes_a_snapshot_to_another() -> None:
    add(photo("apple1"))
    assert claim("ann") == ["apple1"]
    assert decide("ann", "apple1", "unsure", reason="Too dark", viewed_ms=500)[1]["status"] == "waiting"
    assert claim("ann", product_id="apple") == []
    assert claim("bob", product_id="apple") == ["apple1"]
    assert decide("bob", "apple1", viewed_ms=500)[1]["status"] == "approved"
    assert decide("ann", "apple1", "unsure")[0] == 200, "sent again"
    follow()
    opinions = read("/snapshots/{snapshot_id}", snapshot_id="apple1")["opinions"]
    assert [(each["reviewer"], each["decision"]) for each in opinions] == [("ann", "unsure"), ("bob", "approved")]
    by_name = {reviewer["reviewer"]: reviewer for reviewer in read("/review/stats")["reviewers"]}
    assert (by_name["ann"]["verdicts"], by_name["ann"]["unsure"], by_name["bob"]["unsure"]) == (1, 1, 0)
    steps = read("/snapshots/{snapshot_id}/trail", snapshot_id="apple1")["items"]
    assert ("unsure", "ann", "Too dark") in [(step["action"], step["reviewer"], step["reason"]) for step in steps]


def test_planted_snapshots_measure_their_reviewers() -> None:
    add(photo("a", known_answer="approved"), photo("b", known_answer="disapproved"))
    claim("ann")
    decide("ann", "a", viewed_ms=400)
    decide("ann", "b", viewed_ms=600)
    follow()
    (ann,) = read("/review/stats")["reviewers"]
    assert (ann["planted"], ann["accuracy"], ann["verdicts_per_minute"]) == (2, 0.5, 120)


def test_a_reviewers_key_cannot_tell_planted_snapshots_from_others(inputs: None) -> None:
    add(photo("planted", known_answer="approved"), photo("usual", gallery_id="shelf"))

    def send_as_ann(method: str, path: str, **more: Any) -> Any:
        event = api_event(method, path, **more)
        event["requestContext"]["authorizer"] |= {"role": "reviewer", "reviewer": "ann"}
        status, response, _ = send(review, event)
        assert status == 200, response
        return response

    def shown_of(name: str, claimed: Any) -> str:
        listed = send_as_ann("GET", "/snapshots")["items"]
        own = [item for item in [*claimed["items"], *listed] if item["snapshot_id"] == name]
        read = [
            send_as_ann("GET", path, snapshot_id=name)
            for path in ("/snapshots/{snapshot_id}", "/snapshots/{snapshot_id}/trail")
        ]
        return re.sub(r"\d{4}-\d\d-\d\dT[\d:.]+Z", "time", json.dumps([own, read]).replace(name, "name"))

    claimed = send_as_ann("POST", "/review/claims", body={"limit": 2})
    assert len(claimed["items"]) == 2
    assert shown_of("planted", claimed) == shown_of("usual", claimed)
    counts = []
    for name in ("usual", "planted"):
        path = "/review/snapshots/{snapshot_id}/decision"
        send_as_ann("PUT", path, snapshot_id=name, body={"decision": "approved", "viewed_ms": 400})
        follow()
        (ann,) = send_as_ann("GET", "/review/stats")["reviewers"]
        counts.append(ann)
    assert shown_of("planted", claimed) == shown_of("usual", claimed)
    assert counts[1] == {**counts[0], "verdicts": 2, "approved": 2}
    assert read("/snapshots/{snapshot_id}", snapshot_id="usual")["gallery_id"] == "shelf"


def test_counts_are_exact_however_often_the_stream_delivers() -> None:
    add(*[photo(f"apple{at}") for at in range(5)], photo("pear1", "pear"))
    claim("ann", limit=3, product_id="apple")
    decide("ann", "apple0")
    decide("ann", "apple1", "disapproved")
    records = stream_records("ReviewTable")
    for some in (records, records[::-1], records[3:], records[:2]):
        followups({"Records": some}, Context())
    stats = read("/review/stats")
    assert (stats["waiting"], stats["approved"], stats["disapproved"]) == (4, 1, 1)
    assert read("/review/products")["items"] == [
        {"product_id": "apple", "uploading": 0, "waiting": 3, "approved": 1, "disapproved": 1},
        {"product_id": "pear", "uploading": 0, "waiting": 1, "approved": 0, "disapproved": 0},
    ]
    assert [each["product_id"] for each in read("/review/products", query={"prefix": "pe"})["items"]] == ["pear"]


def test_a_failed_record_is_followed_from_the_retry_queue(inputs: None) -> None:
    add(photo("apple1", gallery_id="shelf"))
    claim("ann")
    decide("ann", "apple1")
    aside = [
        {"eventSource": "aws:sqs", "messageId": str(at), "body": json.dumps(record["dynamodb"], default=str)}
        for at, record in enumerate(stream_records("ReviewTable"))
    ]
    broken = {"eventSource": "aws:sqs", "messageId": "broken", "body": json.dumps({"NewImage": {}})}
    assert followups({"Records": [*aside, broken]}, Context()) == {"batchItemFailures": [{"itemIdentifier": "broken"}]}
    _, page, _ = serve(galleries, "GET", "/galleries/{gallery_id}/images", gallery_id="shelf")
    assert [image["id"] for image in page["items"]] == ["apple1"]


def test_lists_go_by_status_and_product_page_by_page() -> None:
    add(*[photo(f"apple{at}") for at in range(3)], photo("pear1", "pear"))
    claim("ann", limit=1, product_id="apple")
    decide("ann", "apple0")
    pages, cursor = [], None
    for _ in range(4):
        page = read("/snapshots", query={"limit": "2", **({"cursor": cursor} if cursor else {})})
        pages += [item["snapshot_id"] for item in page["items"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert pages == ["apple1", "apple2", "pear1", "apple0"]
    waiting = read("/snapshots", query={"status": "waiting", "product_id": "apple"})
    assert [item["snapshot_id"] for item in waiting["items"]] == ["apple1", "apple2"]


def test_another_merchant_sees_and_changes_nothing() -> None:
    add(photo("apple1"))
    event = api_event("GET", "/snapshots/{snapshot_id}", snapshot_id="apple1", merchant="other")
    assert send(review, event)[0] == 404
    event = api_event("POST", "/review/claims", body={}, headers={"X-Reviewer": "ann"}, merchant="other")
    assert send(review, event)[1] == {"items": [], "held_until": None}


@pytest.mark.parametrize("name", ["", " ", "a" * 65, "a\x07b"])
def test_a_reviewer_says_who_they_are(name: str) -> None:
    status, problem, _ = serve(review, "POST", "/review/claims", body={}, headers={"X-Reviewer": name})
    assert (status, problem["errors"][0]["pointer"]) == (422, "/header/X-Reviewer")


def test_rows_of_an_import_become_snapshots_once() -> None:
    taken = Import(ImportKey("shop", "one"), "snapshots", None, "photos.csv", datetime(2026, 1, 1, tzinfo=UTC), {})
    rows = [
        AcceptedRow(1, SnapshotRow(product_id="apple", filename="1.jpg", url="https://photos.example/1.jpg")),
        AcceptedRow(2, SnapshotRow(snapshot_id="other", product_id="apple", filename="1.jpg", upload=True)),
        AcceptedRow(3, SnapshotRow(product_id="fig", filename="1.jpg", upload=True)),
        AcceptedRow(4, SnapshotRow(product_id="apple", filename="4.jpg", upload=True, gallery_id="gone")),
    ]

    def add_them(sent: Iterable[Snapshot]) -> list[AddedSnapshot]:
        return add_snapshots(review_store(), known_galleries(), known_products(), sent, 0)

    for _ in range(2):
        refused = write_snapshots(add_them, taken, rows)
        assert [(rejection.row, rejection.code) for rejection in refused] == [
            (2, "conflict"),
            (3, "unknown_product"),
            (4, "unknown_gallery"),
        ]
    follow()
    assert len(claim("ann")) == 1
