"""Work that a function hands on to itself ends, also where a fault lets no round make progress."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from functions.galleries_api.handler import lambda_handler as galleries
from functions.gallery_tasks.handler import lambda_handler as tasks
from tests.aws import Context, resources, serve
from tests.uploads import add_merchant, deliver, listed, put_object, queued
from vitrine.platform.aws import client
from vitrine.platform.hops import MOST_HOPS, TooManyHops, next_hop
from vitrine.recommendations.ports import WorkItem
from vitrine.recommendations.sqs import SqsWork

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.usefixtures("cloud")
LIMITED = {"GalleryTasksFunction", "ImportWorkerFunction", "ModelsFunction", "SearchReconcilerFunction"}
ROWS = b"store_id,store_name,area_code\n" + b"".join(b"S%d,Kiosk,A1\n" % n for n in range(1200))


def test_the_functions_that_aws_lets_loop_are_those_that_count() -> None:
    functions = resources("AWS::Serverless::Function")
    assert {name for name, function in functions.items() if function.get("RecursiveLoop") == "Allow"} == LIMITED


def test_the_count_ends() -> None:
    assert next_hop(0) == 1
    assert next_hop(MOST_HOPS - 1) == MOST_HOPS
    with pytest.raises(TooManyHops):
        next_hop(MOST_HOPS)


def hops_of(requests: list[str]) -> list[int]:
    return [json.loads(body)["hops"] for body in requests]


def test_an_import_counts_its_continuations_and_fails_at_the_limit() -> None:
    add_merchant()
    assert deliver(put_object("imports/shop/stores/many.csv", ROWS), context=Context(0))
    [first] = queued()
    assert hops_of([first]) == [1]
    at_the_limit = json.dumps({**json.loads(first), "hops": MOST_HOPS})
    assert not deliver(at_the_limit, context=Context(0))
    assert queued() == []
    assert listed()[0]["status"] == "running"
    assert not deliver(at_the_limit, times=5)
    assert (listed()[0]["status"], listed()[0]["error"]["code"]) == ("failed", "stopped")


def messages_of(name: str) -> Iterator[str]:
    [queue] = [url for url in client("sqs").list_queues()["QueueUrls"] if url.endswith(name)]
    for message in client("sqs").receive_message(QueueUrl=queue, MaxNumberOfMessages=10).get("Messages", []):
        client("sqs").delete_message(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"])
        yield message["Body"]


def test_a_gallerys_task_counts_how_often_it_was_handed_on_and_fails_at_the_limit() -> None:
    path: dict[str, Any] = {"gallery_id": "summer"}
    serve(galleries, "PUT", "/galleries/{gallery_id}", body={}, **path)
    image = {"id": "a", "name": "A", "url": "https://x.test/a"}
    serve(galleries, "POST", "/galleries/{gallery_id}/images", body={"images": [image]}, **path)
    serve(galleries, "DELETE", "/galleries/{gallery_id}", **path)
    [asked] = messages_of("GalleryTasksQueue")
    assert hops_of([asked]) == [0]
    out_of_time = Context(milliseconds=0)
    assert tasks({"Records": [{"messageId": "1", "body": asked}]}, out_of_time)["batchItemFailures"] == []
    [handed_on] = messages_of("GalleryTasksQueue")
    assert hops_of([handed_on]) == [1]
    at_the_limit = json.dumps({**json.loads(asked), "hops": MOST_HOPS})
    assert tasks({"Records": [{"messageId": "1", "body": at_the_limit}]}, out_of_time)["batchItemFailures"]
    assert list(messages_of("GalleryTasksQueue")) == []


def test_work_on_models_carries_its_count_through_the_queue() -> None:
    [queue] = [url for url in client("sqs").list_queues()["QueueUrls"] if url.endswith("ModelsQueue")]
    item = WorkItem("shop", 1, "load", "0", start=200, hops=7)
    SqsWork(client("sqs"), queue).send([item])
    [body] = messages_of("ModelsQueue")
    assert WorkItem(*json.loads(body)) == item
