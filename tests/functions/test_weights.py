"""Counter changes become weights; what fails is set aside and blocks nothing."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
from botocore.awsrequest import AWSResponse
from moto.core.botocore_stubber import MockRawResponse

from functions.events_api.handler import lambda_handler as events
from functions.galleries_api.handler import lambda_handler as galleries
from functions.weights.handler import lambda_handler as weights
from tests.aws import Context, resources, serve
from tests.streams import stream_records
from vitrine.engagement import wiring
from vitrine.engagement.dynamodb import counter_key, is_frozen
from vitrine.engagement.model import Shard
from vitrine.engagement.ports import ShardKey
from vitrine.engagement.wiring import counter_repository
from vitrine.platform.aws import client

pytestmark = pytest.mark.usefixtures("cloud")

BROKEN = {"pk": {"S": "shop/summer"}, "sk": {"S": "b"}}


@pytest.fixture(autouse=True)
def _gallery(cloud: None) -> None:
    serve(galleries, "PUT", "/galleries/{gallery_id}", gallery_id="summer", body={})
    images = [
        {"id": name, "name": name, "url": "https://a.example/1.jpg", "created_at": "2024-01-01T00:00:00Z"}
        for name in "abc"
    ]
    serve(galleries, "POST", "/galleries/{gallery_id}/images", gallery_id="summer", body={"images": images})
    clicks = [{"event_id": name, "type": "click", "image_id": name} for name in "abc"]
    serve(events, "POST", "/galleries/{gallery_id}/events", gallery_id="summer", body={"events": clicks})


def shown() -> dict[str, int]:
    found = client("dynamodb").scan(TableName="ImagesTable")["Items"]
    return {item["sk"]["S"]: int(item["weight"]["N"]) for item in found}


def follow(records: list[dict[str, Any]]) -> None:
    assert weights({"Records": records}, Context()) == {"batchItemFailures": []}


def waiting() -> list[dict[str, Any]]:
    queue = client("sqs").get_queue_url(QueueName="WeightsRetryQueue")["QueueUrl"]
    messages = client("sqs").receive_message(QueueUrl=queue, MaxNumberOfMessages=10, VisibilityTimeout=0)
    return [
        {"eventSource": "aws:sqs", "messageId": message["MessageId"], "body": message["Body"]}
        for message in messages.get("Messages", [])
    ]


def test_a_stream_read_twice_and_backwards_shows_what_was_counted() -> None:
    records = stream_records("CountersTable")
    follow(records)
    follow(records[::-1])
    assert shown() == {"a": 7, "b": 7, "c": 7}


def test_an_image_that_cannot_be_written_waits_and_the_others_go_on() -> None:
    whole = client("dynamodb").get_item(TableName="ImagesTable", Key=BROKEN)["Item"]
    client("dynamodb").put_item(TableName="ImagesTable", Item={**whole, "description": {"S": "{"}})
    follow(stream_records("CountersTable"))
    assert shown() == {"a": 7, "b": 0, "c": 7}
    [message] = waiting()
    failed = {"batchItemFailures": [{"itemIdentifier": message["messageId"]}]}
    assert weights({"Records": [message]}, Context()) == failed

    client("dynamodb").put_item(TableName="ImagesTable", Item=whole)
    assert weights({"Records": [message]}, Context()) == {"batchItemFailures": []}
    assert shown() == {"a": 7, "b": 7, "c": 7}


def test_a_record_that_cannot_be_read_is_kept_whole_and_the_others_go_on() -> None:
    good = stream_records("CountersTable")
    poison = {"eventSource": "aws:dynamodb", "eventID": "1", "dynamodb": {"NewImage": {"pk": {"S": "nonsense"}}}}
    follow([poison, *good])
    assert shown() == {"a": 7, "b": 7, "c": 7}
    [message] = waiting()
    assert "nonsense" in message["body"]
    assert weights({"Records": [message]}, Context())["batchItemFailures"] == [{"itemIdentifier": message["messageId"]}]


def test_it_follows_the_counters_and_writes_no_counter() -> None:
    mappings = resources("AWS::Lambda::EventSourceMapping").values()
    followed = [
        mapping["EventSourceArn"] for mapping in mappings if mapping["FunctionName"] == {"Ref": "WeightsFunction.Alias"}
    ]
    assert {"Fn::GetAtt": ["CountersTable", "StreamArn"]} in followed
    assert sum("StreamArn" in source["Fn::GetAtt"] for source in followed) == 1
    before = client("dynamodb").scan(TableName="CountersTable")["Items"]
    follow(stream_records("CountersTable"))
    assert client("dynamodb").scan(TableName="CountersTable")["Items"] == before


def view(image_id: str, times: int, name: str) -> None:
    views = [{"event_id": f"{name}-{at}", "type": "view", "image_id": image_id} for at in range(times)]
    serve(events, "POST", "/galleries/{gallery_id}/events", gallery_id="summer", body={"events": views})


def put_off() -> int:
    queue = client("sqs").get_queue_url(QueueName="WeightsRetryQueue")["QueueUrl"]
    found = client("sqs").get_queue_attributes(QueueUrl=queue, AttributeNames=["ApproximateNumberOfMessagesDelayed"])
    return int(found["Attributes"]["ApproximateNumberOfMessagesDelayed"])


def test_small_changes_wait_in_one_message_and_show_what_was_counted_by_then() -> None:
    view("a", 100, "first")
    follow(stream_records("CountersTable"))
    for at in range(3):
        view("a", 1, f"more-{at}")
        follow(stream_records("CountersTable")[-1:])
    assert shown()["a"] == 107
    assert put_off() == 1

    incarnation = client("dynamodb").get_item(TableName="ImagesTable", Key={**BROKEN, "sk": {"S": "a"}})["Item"]
    body = json.dumps([["shop", "summer", "a", incarnation["incarnation"]["S"]]])
    message = {"eventSource": "aws:sqs", "messageId": "1", "body": body}
    assert weights({"Records": [message]}, Context()) == {"batchItemFailures": []}
    assert shown()["a"] == 110


def test_images_beyond_the_first_hundred_wait_though_they_moved() -> None:
    images = [
        {"id": f"leader-{at}", "name": "a", "url": "https://a.example/1.jpg", "created_at": "2024-01-01T00:00:00Z"}
        for at in range(100)
    ]
    serve(galleries, "POST", "/galleries/{gallery_id}/images", gallery_id="summer", body={"images": images})
    leading = [
        {"event_id": f"{image['id']}-{at}", "type": "click", "image_id": image["id"]} for image in images for at in "12"
    ]
    serve(events, "POST", "/galleries/{gallery_id}/events", gallery_id="summer", body={"events": leading})
    records = stream_records("CountersTable")
    for start in range(0, len(records), 50):
        follow(records[start : start + 50])
    wiring.put_off()._leaders.clear()  # as after 20 seconds
    view("a", 3, "below")
    view("b", 8, "above")
    follow(stream_records("CountersTable")[-2:])
    assert (shown()["a"], shown()["b"]) == (7, 15)
    assert put_off() == 1


def split_image(image_id: str) -> ShardKey:
    """Split an image's counter, and count a view in a shard below its root."""
    found = client("dynamodb").scan(TableName="CountersTable")["Items"]
    [key] = {counter_key(item) for item in found if counter_key(item).image_id == image_id}
    root = ShardKey(key, "")
    counter_repository().split(root)
    view(image_id, 1, "below")
    return root


def looked_at(root: ShardKey, *, hours: int) -> None:
    key = {"pk": {"S": "/".join([*root.counters.gallery, root.counters.image_id])}}
    client("dynamodb").update_item(
        TableName="CountersTable",
        Key=key | {"sk": {"S": f"{root.counters.incarnation}/"}},
        UpdateExpression="SET looked_at = :at, looked_events = :events",
        ExpressionAttributeValues={":at": {"N": str(int(time.time()) - hours * 3600)}, ":events": {"N": "2"}},
    )


def test_a_split_image_is_looked_at_once_an_hour_and_folded_when_it_has_cooled() -> None:
    root = split_image("a")
    follow(stream_records("CountersTable"))
    assert shown()["a"] == 8
    assert put_off() == 1
    view("a", 1, "more")
    follow(stream_records("CountersTable")[-1:])

    body = json.dumps({"look": [["shop", "summer", "a", root.counters.incarnation]]})
    message = {"eventSource": "aws:sqs", "messageId": "1", "body": body}
    assert weights({"Records": [message]}, Context()) == {"batchItemFailures": []}
    assert counter_repository().find_shard(root).state == "split"
    looked_at(root, hours=2)
    before = len(stream_records("CountersTable"))
    assert weights({"Records": [message]}, Context()) == {"batchItemFailures": []}
    assert counter_repository().find_shard(root) == Shard("open", frozenset(), 1, 1)

    records = stream_records("CountersTable")[before:]
    changed = [record["dynamodb"]["NewImage"] for record in records if record["eventName"] == "MODIFY"]
    assert [item["sk"]["S"] for item in changed if not is_frozen(item)] == [f"{root.counters.incarnation}/"]
    assert len(changed) > 16
    follow(records)
    view("a", 1, "after")
    follow(stream_records("CountersTable")[-1:])
    image = client("dynamodb").get_item(TableName="ImagesTable", Key={**BROKEN, "sk": {"S": "a"}})["Item"]
    follow_up = json.dumps([["shop", "summer", "a", image["incarnation"]["S"]]])
    assert weights({"Records": [{**message, "body": follow_up}]}, Context()) == {"batchItemFailures": []}
    assert shown()["a"] == 10


def test_an_image_that_cannot_be_folded_now_comes_again_and_the_others_do_not(monkeypatch: pytest.MonkeyPatch) -> None:
    root = split_image("a")
    looked_at(root, hours=2)
    messages = [
        {"eventSource": "aws:sqs", "messageId": name, "body": json.dumps(body)}
        for name, body in {
            "fold": {"look": [["shop", "summer", "a", root.counters.incarnation]]},
            "show": [["shop", "summer", "b", split_image("b").counters.incarnation]],
        }.items()
    ]
    monkeypatch.setattr("vitrine.platform.retries.time.sleep", lambda _: None)
    calls: Any = client("dynamodb").meta.events
    calls.register("before-send.dynamodb.UpdateItem", busy)
    try:
        assert weights({"Records": messages}, Context()) == {"batchItemFailures": [{"itemIdentifier": "fold"}]}
    finally:
        calls.unregister("before-send.dynamodb.UpdateItem", busy)
    assert weights({"Records": messages}, Context()) == {"batchItemFailures": []}
    assert counter_repository().find_shard(root).state == "open"


def busy(request: Any, **_: Any) -> AWSResponse | None:
    """Throttle updates of counters."""
    if b"CountersTable" not in request.body:
        return None
    body = json.dumps({"__type": "com.amazonaws.dynamodb.v20120810#ThrottlingException", "message": "busy"})
    return AWSResponse(request.url, 400, {}, MockRawResponse(body))  # type: ignore[arg-type]
