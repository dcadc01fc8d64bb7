"""Passes the streams of moto's tables to functions, as Lambda does."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import boto3

from functions.search_changes.handler import lambda_handler as search_changes
from functions.search_indexer.handler import lambda_handler as search_indexer
from functions.weights.handler import lambda_handler as weights
from tests.aws import Context
from vitrine.engagement.wiring import put_off
from vitrine.platform.aws import client

if TYPE_CHECKING:
    from vitrine.platform.batches import BatchResponse, FailedItem


def stream_records(table: str) -> list[dict[str, Any]]:
    """All records of a table's stream, in order, in the form of a Lambda event."""
    arn = client("dynamodb").describe_table(TableName=table)["Table"]["LatestStreamArn"]
    streams = boto3.client("dynamodbstreams", region_name="eu-west-1")
    records: list[dict[str, Any]] = []
    for shard in streams.describe_stream(StreamArn=arn)["StreamDescription"]["Shards"]:
        iterator = streams.get_shard_iterator(
            StreamArn=arn, ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON"
        )["ShardIterator"]
        records += streams.get_records(ShardIterator=iterator)["Records"]
    for record in records:
        record["eventSource"] = "aws:dynamodb"
        record["eventSourceARN"] = arn
        record["dynamodb"].pop("ApproximateCreationDateTime", None)
    return records


def follow_counters() -> None:
    """Pass all changes of the counters to a new process of the function `weights`, which puts none off."""
    put_off.cache_clear()
    weights({"Records": stream_records("CountersTable")}, Context())


def follow_images() -> None:
    """Pass all changes of the images to the search index."""
    search_changes({"Records": stream_records("ImagesTable")}, Context())
    assert index_waiting() == {"batchItemFailures": []}


def index_waiting() -> BatchResponse:
    """Pass the messages of its queue to the indexer; those that fail stay there."""
    queue = client("sqs").get_queue_url(QueueName="SearchChangesQueue")["QueueUrl"]
    failed: list[FailedItem] = []
    while messages := client("sqs").receive_message(QueueUrl=queue, MaxNumberOfMessages=10).get("Messages"):
        records = [
            {"messageId": message["MessageId"], "body": message["Body"], "attributes": {"SentTimestamp": "0"}}
            for message in messages
        ]
        failed += search_indexer({"Records": records}, Context())["batchItemFailures"]
        failed_ids = {failure["itemIdentifier"] for failure in failed}
        for message in messages:
            if message["MessageId"] not in failed_ids:
                client("sqs").delete_message(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"])
    return {"batchItemFailures": failed}
