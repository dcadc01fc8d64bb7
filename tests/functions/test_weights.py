"""Counter changes become weights; what fails is set aside and blocks nothing."""

from __future__ import annotations

import json
from typing import Any

import pytest

from functions.events_api.handler import lambda_handler as events
from functions.galleries_api.handler import lambda_handler as galleries
from functions.weights.handler import lambda_handler as weights
from tests.aws import Context, api_event, resources, send
from tests.streams import stream_records
from vitrine.engagement import wiring
from vitrine.platform.aws import client

pytestmark = pytest.mark.usefixtures("cloud")

BROKEN = {"pk": {"S": "shop/summer"}, "sk": {"S": "b"}}


@pytest.fixture(autouse=True)
def _gallery(cloud: None) -> None:
    send(galleries, api_event("PUT", "/galleries/{gallery_id}", gallery_id="summer", body={}))
    images = [
        {"id": name, "name": name, "url": "https://a.example/1.jpg", "created_at": "2024-01-01T00:00:00Z"}
        for name in "abc"
    ]
    send(galleries, api_event("POST", "/galleries/{gallery_id}/images", gallery_id="summer", body={"images": images}))
    clicks = [{"event_id": name, "type": "click", "image_id": name} for name in "abc"]
    send(events, api_event("POST", "/galleries/{gallery_id}/events", gallery_id="summer", body={"events": clicks}))


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
    send(events, api_event("POST", "/galleries/{gallery_id}/events", gallery_id="summer", body={"events": views}))


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
    send(galleries, api_event("POST", "/galleries/{gallery_id}/images", gallery_id="summer", body={"images": images}))
    leading = [
        {"event_id": f"{image['id']}-{at}", "type": "click", "image_id": image["id"]} for image in images for at in "12"
    ]
    send(events, api_event("POST", "/galleries/{gallery_id}/events", gallery_id="summer", body={"events": leading}))
    records = stream_records("CountersTable")
    for start in range(0, len(records), 50):
        follow(records[start : start + 50])
    wiring.put_off()._leaders.clear()  # as after 20 seconds
    view("a", 3, "below")
    view("b", 8, "above")
    follow(stream_records("CountersTable")[-2:])
    assert (shown()["a"], shown()["b"]) == (7, 15)
    assert put_off() == 1
