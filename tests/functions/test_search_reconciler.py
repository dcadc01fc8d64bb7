"""Comparing indexes with galleries over several invocations, and reporting repairs."""

from __future__ import annotations

import json
import os
from typing import Any

import pytest

from functions.search_indexer.handler import lambda_handler as indexer
from functions.search_reconciler.handler import lambda_handler as reconciler
from tests.aws import Context, resources
from tests.uploads import add_merchant
from vitrine.galleries.model import Description, GalleryKey, new_gallery
from vitrine.galleries.put_images import ImageDraft, put_images
from vitrine.galleries.wiring import gallery_repository, new_incarnation
from vitrine.platform.aws import client
from vitrine.platform.hops import MOST_HOPS
from vitrine.platform.times import utc_now
from vitrine.search.model import ImageKey
from vitrine.search.wiring import image_finder

MERCHANT = "reconciled"
KEYS = [ImageKey("lamps", f"{n}") for n in range(5)]
LONGEST_UNTIL_DONE_AGAIN_SECONDS = 180


@pytest.fixture(autouse=True)
def _galleries(cloud: None, tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setattr("vitrine.search.tantivy.LOOK_FOR_NEW_VERSION_SECONDS", 0)
    monkeypatch.setattr("vitrine.search.reconcile_index.SETTLE_SECONDS", 0.0)
    add_merchant(MERCHANT)
    key = GalleryKey(MERCHANT, "lamps")
    gallery_repository().put_gallery(new_gallery(key, utc_now()))
    drafts = [
        ImageDraft(image_key.image_id, Description(name="Lamp", url="https://x.test/lamp", created_at=utc_now()))
        for image_key in KEYS
    ]
    put_images(gallery_repository(), key, drafts, new_incarnation=new_incarnation)


def waiting() -> list[str]:
    queue = os.environ["SEARCH_COMPARISONS_QUEUE"]
    messages = client("sqs").receive_message(QueueUrl=queue, MaxNumberOfMessages=10).get("Messages", [])
    for message in messages:
        client("sqs").delete_message(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"])
    return [message["Body"] for message in messages]


def as_event(*requests: str) -> dict[str, Any]:
    attributes = {"ApproximateReceiveCount": "1", "SentTimestamp": "1700000000000"}
    return {
        "Records": [{"messageId": f"{at}", "body": body, "attributes": attributes} for at, body in enumerate(requests)]
    }


def run(milliseconds: int) -> int:
    """Run until the queue is empty; return the number of invocations."""
    invocations = 0
    while requests := waiting():
        for body in requests:
            assert reconciler(as_event(body), Context(milliseconds)) == {"batchItemFailures": []}
            invocations += 1
    return invocations


def repaired(capfd: pytest.CaptureFixture[str]) -> int:
    lines = [json.loads(line) for line in capfd.readouterr().out.splitlines() if '"_aws"' in line]
    return sum(sum(line.get("SearchRepaired", [])) for line in lines)


@pytest.mark.parametrize("begun_by", [{"merchant_id": MERCHANT}, {"source": "schedule"}])
@pytest.mark.parametrize(("milliseconds", "invocations"), [(300_000, 1), (0, 3)])
def test_images_whose_messages_were_lost_are_found_after_a_comparison(
    begun_by: dict[str, str], milliseconds: int, invocations: int, capfd: pytest.CaptureFixture[str]
) -> None:
    assert image_finder().held(MERCHANT, KEYS) == {}
    assert reconciler(begun_by, Context()) == {"begun": 1}
    assert run(milliseconds) == invocations
    assert set(image_finder().held(MERCHANT, KEYS)) == set(KEYS)
    assert repaired(capfd) == len(KEYS)
    reconciler(begun_by, Context())
    run(milliseconds)
    assert repaired(capfd) == 0


def test_a_comparison_with_too_many_hops_goes_to_the_failure_queue() -> None:
    body = json.dumps({"comparison": {"merchant_id": MERCHANT}, "hops": MOST_HOPS})
    assert reconciler(as_event(body), Context())["batchItemFailures"] == [{"itemIdentifier": "0"}]
    assert waiting() == []


def changes(*keys: ImageKey) -> str:
    return json.dumps({"merchant_id": MERCHANT, "keys": [list(key) for key in keys]})


def test_an_indexer_without_time_returns_its_messages_to_the_queue() -> None:
    event = as_event(changes(*KEYS[:2]), changes(*KEYS[2:]))
    assert len(indexer(event, Context(0))["batchItemFailures"]) == 2
    assert image_finder().held(MERCHANT, KEYS) == {}
    assert indexer(event, Context(120_000))["batchItemFailures"] == []
    assert set(image_finder().held(MERCHANT, KEYS)) == set(KEYS)


def test_a_killed_indexers_messages_are_visible_again_within_three_minutes() -> None:
    queue = resources("AWS::SQS::Queue")["SearchChangesQueue"]
    assert resources("AWS::Serverless::Function")["SearchIndexerFunction"]["Timeout"] < queue["VisibilityTimeout"]
    assert queue["VisibilityTimeout"] < LONGEST_UNTIL_DONE_AGAIN_SECONDS


def test_images_of_a_killed_indexer_are_found_after_the_second_delivery(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It dies at its first write; SQS delivers the message again after its visibility timeout."""
    queue = os.environ["SEARCH_COMPARISONS_QUEUE"].replace("SearchComparisonsQueue", "SearchChangesQueue")
    visible_again_seconds = 1  # here; the template's is held to three minutes above
    client("sqs").set_queue_attributes(QueueUrl=queue, Attributes={"VisibilityTimeout": f"{visible_again_seconds}"})
    client("sqs").send_message(QueueUrl=queue, MessageBody=changes(*KEYS))

    class Killed(BaseException):
        pass

    def kill(**_: Any) -> None:
        raise Killed

    [taken] = client("sqs").receive_message(QueueUrl=queue)["Messages"]
    client("s3").meta.events.register_first("before-call.s3.PutObject", kill)
    with pytest.raises(Killed):
        indexer(as_event(taken["Body"]), Context(120_000))
    client("s3").meta.events.unregister("before-call.s3.PutObject", kill)
    assert image_finder().held(MERCHANT, KEYS) == {}

    [again] = client("sqs").receive_message(QueueUrl=queue, WaitTimeSeconds=5)["Messages"]
    assert again["MessageId"] == taken["MessageId"]
    assert indexer(as_event(again["Body"]), Context(120_000))["batchItemFailures"] == []
    assert set(image_finder().held(MERCHANT, KEYS)) == set(KEYS)
