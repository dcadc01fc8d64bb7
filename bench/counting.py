"""Write units of counting and of weights, beside plain ADD on an indexed item; read units of a gallery's page.

    make bench-counting

Twice: from a shop's server, where each event counts, and from pages, where 20 events are those of one visitor and a
third of the batches are second looks, which are filtered. Amazon's DynamoDB Local reports what each request consumes.
Storefront-shaped batches: 20 events on 20 images, always the same 20, 50 batches a second of simulated time; weights
follow the stream once a second, and images that wait are brought up to date when their time comes, the last ones too.
Refused conditional writes report nothing and are counted as one unit. Then the same with events buffered over 10 s.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import sys
from collections import Counter
from datetime import UTC, datetime, timedelta
from unittest.mock import patch
from uuid import uuid4

import boto3
from botocore.awsrequest import AWSResponse
from botocore.exceptions import ClientError
from moto.core.botocore_stubber import MockRawResponse

from functions.queued_events.handler import lambda_handler as queued_events
from functions.weights.handler import lambda_handler as weights
from tests.aws import Context, create_tables
from tests.dynamodb_local import begin_streams, running_dynamodb, use_dynamodb
from vitrine.engagement.count_events import Batch
from vitrine.engagement.model import Event, SourcePage
from vitrine.engagement.queue_events import queue_events
from vitrine.engagement.sqs import SqsEvents
from vitrine.engagement.wiring import counter_repository, event_counter, gallery_counters
from vitrine.galleries.audit_gallery import audit_gallery
from vitrine.galleries.model import Description, GalleryKey, new_gallery
from vitrine.galleries.put_images import ImageDraft, put_images
from vitrine.galleries.read_gallery import find_gallery, read_order
from vitrine.galleries.wiring import gallery_repository, new_incarnation
from vitrine.platform.aws import client
from vitrine.platform.times import utc_now

IMAGES = 20
BATCHES_PER_SECOND = 50
CLICK_RATE = 0.05
START = datetime(2026, 1, 1, tzinfo=UTC)

units: Counter[str] = Counter()
requests: Counter[str] = Counter()


def watch(client):
    """Have every request report its units, and add them up by table."""

    def ask(params, model, **_):
        if "ReturnConsumedCapacity" in model.input_shape.members:
            params.setdefault("ReturnConsumedCapacity", "TOTAL")

    def add(http_response, parsed, model, **_):
        requests[model.name] += 1
        consumed = parsed.get("ConsumedCapacity", [])
        for one in consumed if isinstance(consumed, list) else [consumed]:
            units[one["TableName"]] += one["CapacityUnits"]
        if parsed.get("Error", {}).get("Code") == "ConditionalCheckFailedException":
            units["refused"] += 1

    client.meta.events.register("provide-client-params.dynamodb.*", ask)
    client.meta.events.register("after-call.dynamodb.*", add)


class Stream:
    """What came to a table's stream since it was made, and then since the last look."""

    def __init__(self, table):
        self._client = boto3.client("dynamodbstreams")
        self._arn = boto3.client("dynamodb").describe_table(TableName=table)["Table"]["LatestStreamArn"]
        self._iterators = {}
        self.records()

    def records(self):
        found = []
        for shard in self._client.describe_stream(StreamArn=self._arn)["StreamDescription"]["Shards"]:
            name = shard["ShardId"]
            if name not in self._iterators:
                self._iterators[name] = self._client.get_shard_iterator(
                    StreamArn=self._arn, ShardId=name, ShardIteratorType="TRIM_HORIZON"
                )["ShardIterator"]
            while self._iterators[name]:
                page = self._client.get_records(ShardIterator=self._iterators[name], Limit=1000)
                self._iterators[name] = page.get("NextShardIterator")
                found += page["Records"]
                if not page["Records"]:
                    break
        for record in found:
            record["eventSource"] = "aws:dynamodb"
            record["dynamodb"].pop("ApproximateCreationDateTime", None)
        return found


EVENTS_QUEUE = "https://sqs.example/events"


class Messages:
    """Stands in for the queues of events and of images that wait, and for the clock by which images do."""

    def __init__(self, sqs):
        self.now = START.timestamp()
        self.sent = 0
        self._events = []
        self._waiting = []
        sqs.meta.events.register("before-send.sqs.SendMessage", self._keep)
        patch("functions.weights.handler.time", self).start()

    def time(self):
        return self.now

    def due(self):
        """Batches of the messages whose time has come, as Lambda reads them."""
        records = [record for at, record in self._waiting if at <= self.now]
        self._waiting = [(at, record) for at, record in self._waiting if at > self.now]
        return [records[start : start + 10] for start in range(0, len(records), 10)]

    def rest(self):
        """The same for all others, after their time has passed."""
        self.now = max((at for at, _ in self._waiting), default=self.now)
        return self.due()

    def events(self):
        """The messages with events, once."""
        records, self._events = self._events, []
        return records

    def _keep(self, request, **_):
        message = json.loads(request.body)
        record = {"eventSource": "aws:sqs", "messageId": uuid4().hex, "body": message["MessageBody"]}
        if message["QueueUrl"] == EVENTS_QUEUE:
            self._events.append(record)
        else:
            self.sent += 1
            self._waiting.append((self.now + message.get("DelaySeconds", 5), record))
        body = json.dumps({"MessageId": record["messageId"]})
        return AWSResponse(request.url, 200, {}, MockRawResponse(body))  # type: ignore[arg-type]


def from_server(batch):
    """A batch of new events that name nobody."""
    events = [
        Event(f"event-{batch * IMAGES + image}", "click" if random.random() < CLICK_RATE else "view", image_id(image))
        for image in range(IMAGES)
    ]
    return events, None, IMAGES


def from_page(batch):
    """A visitor's views of all images, a click among them; every third batch is what the visitor before did, anew."""
    visitor = batch - 1 if batch % 3 == 2 else batch
    chance = random.Random(visitor)
    events = [
        Event(
            f"{batch}-{image}",
            "click" if chance.random() < CLICK_RATE else "view",
            image_id(image),
            user_id=f"visitor:{visitor:022d}",
            session_id=f"session-{visitor}",
        )
        for image in range(IMAGES)
    ]
    return events, SourcePage("192.0.2.1", "Firefox"), IMAGES if visitor == batch else 0


def image_id(at):
    return f"image-{at:06d}"


def count(batches, gallery_id, sender, stream, messages):
    """Ours: events counted, weights followed. Answers units of counting and of weights for 1,000 events."""

    sent_by, buffered_seconds = sender
    key = GalleryKey("bench", gallery_id)
    make_gallery(key, IMAGES)
    spent: Counter[str] = Counter()
    number = counted = 0
    for at in range(batches):
        events, page, to_count = sent_by(at)
        number += len(events)
        counted += to_count
        now = START + timedelta(seconds=at / BATCHES_PER_SECOND)
        units.clear()
        batch = Batch(key, "secret", events, from_robot=False, now=now, page=page)
        if buffered_seconds:
            queue_events(event_counter(), SqsEvents(client("sqs"), EVENTS_QUEUE), batch)
            if (at + 1) % (buffered_seconds * BATCHES_PER_SECOND) == 0 or at + 1 == batches:
                assert queued_events({"Records": messages.events()}, Context()) == {"batchItemFailures": []}
        else:
            event_counter().count(batch)
        spent["counting"] += units["CountersTable"] + units["refused"]
        spent["reading images"] += units["ImagesTable"]
        if (at + 1) % BATCHES_PER_SECOND == 0 or at + 1 == batches:
            records = stream.records()
            units.clear()
            _reads.clear()
            messages.now += 1
            for start in range(0, len(records), 1000):
                weights({"Records": records[start : start + 1000]}, Context())
            for due in messages.due() + (messages.rest() if at + 1 == batches else []):
                assert weights({"Records": due}, Context()) == {"batchItemFailures": []}
            reads = requests_reads()
            spent["weights"] += units["ImagesTable"] + units["GalleriesTable"] + units["refused"] - reads
            spent["following reads"] += reads + units["CountersTable"]
    found = audit_gallery(gallery_repository(), gallery_counters(), key, now=utc_now())
    gallery = gallery_repository().find_gallery(key)
    assert gallery
    totals = gallery.totals
    assert not found.mismatched, found
    assert totals.events == counted, (totals, counted)
    return {name: amount / number * 1000 for name, amount in spent.items()}, counted, shards_of(gallery_id)


_reads: Counter[str] = Counter()


def requests_reads():
    """Read units since the last call."""
    amount = _reads["units"]
    _reads.clear()
    return amount


def watch_reads(client):
    def add(parsed, model, **_):
        if model.name in {"GetItem", "BatchGetItem", "Query"}:
            consumed = parsed.get("ConsumedCapacity", [])
            for one in consumed if isinstance(consumed, list) else [consumed]:
                if one["TableName"] != "CountersTable":
                    _reads["units"] += one["CapacityUnits"]

    client.meta.events.register("after-call.dynamodb.*", add)


def shards_of(gallery_id):
    """How many shards a gallery's images have."""
    pages = (
        boto3.client("dynamodb").get_paginator("scan").paginate(TableName="CountersTable", ProjectionExpression="pk")
    )
    return sum(f"/{gallery_id}/" in item["pk"]["S"] for page in pages for item in page["Items"])


def plain_add(batches):
    """The peer: ADD on the image's own item, indexed by weight. Answers units for 1,000 events."""
    client = boto3.client("dynamodb")
    client.create_table(
        TableName="Plain",
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[
            {"AttributeName": "gallery", "AttributeType": "S"},
            {"AttributeName": "id", "AttributeType": "S"},
            {"AttributeName": "weight", "AttributeType": "N"},
        ],
        KeySchema=[
            {"AttributeName": "gallery", "KeyType": "HASH"},
            {"AttributeName": "id", "KeyType": "RANGE"},
        ],
        GlobalSecondaryIndexes=[
            {
                "IndexName": "by_weight",
                "KeySchema": [
                    {"AttributeName": "gallery", "KeyType": "HASH"},
                    {"AttributeName": "weight", "KeyType": "RANGE"},
                ],
                "Projection": {"ProjectionType": "ALL"},
            }
        ],
    )
    for image in range(IMAGES):
        client.put_item(
            TableName="Plain",
            Item={
                "gallery": {"S": "hot"},
                "id": {"S": f"image-{image:06d}"},
                "url": {"S": f"https://pictures.example/{image}.jpg"},
                "weight": {"N": "0"},
            },
        )
    watch(client)
    units.clear()
    for _ in range(batches):
        for image in range(IMAGES):
            kind, weight = ("clicks", "7") if random.random() < CLICK_RATE else ("views", "1")
            client.update_item(
                TableName="Plain",
                Key={"gallery": {"S": "hot"}, "id": {"S": f"image-{image:06d}"}},
                UpdateExpression="ADD #kind :one, weight :weight",
                ExpressionAttributeNames={"#kind": kind},
                ExpressionAttributeValues={":one": {"N": "1"}, ":weight": {"N": weight}},
            )
    return units["Plain"] / (batches * IMAGES) * 1000


def page_units(sizes):
    """Read units of a page of 20 and of 100 in galleries of these sizes, first page and one from the middle."""

    rows = []
    for size in sizes:
        key = GalleryKey("bench", f"of-{size}")
        make_gallery(key, size)
        gallery = find_gallery(gallery_repository(), key)
        for limit in (20, 100):
            units.clear()
            requests.clear()
            page = read_order(gallery_repository(), gallery, limit, None)
            first, queries = units["ImagesTable"], requests["Query"]
            units.clear()
            read_order(gallery_repository(), gallery, limit, page.next)
            rows.append((size, limit, queries, first, units["ImagesTable"]))
    return rows


def make_gallery(key, size):

    gallery_repository().put_gallery(new_gallery(key, START))
    drafts = [
        ImageDraft(
            f"image-{at:06d}",
            Description(f"A picture of a chair, number {at}", f"https://pictures.example/{at:06d}.jpg", START),
        )
        for at in range(size)
    ]
    for start in range(0, size, 99):
        put_images(gallery_repository(), key, drafts[start : start + 99], new_incarnation=new_incarnation)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--batches", type=int, default=2500)
    parser.add_argument("--sizes", type=int, nargs="+", default=[1000, 100_000])
    options = parser.parse_args()
    random.seed(1)
    with running_dynamodb() as address:
        use_dynamodb(address)
        os.environ.update(
            {
                "GALLERIES_TABLE": "GalleriesTable",
                "IMAGES_TABLE": "ImagesTable",
                "COUNTERS_TABLE": "CountersTable",
                "WEIGHTS_RETRY_QUEUE": "https://sqs.example/weights",
                "IDEMPOTENCY_TABLE": "IdempotencyTable",
                "INTERACTIONS_TABLE": "InteractionsTable",
            }
        )
        create_tables("GalleriesTable", "ImagesTable", "CountersTable", "IdempotencyTable", "InteractionsTable")
        begin_streams()

        watch_reads(client("dynamodb"))
        shown, sys.stdout = sys.stdout, open(os.devnull, "w")  # noqa: PTH123, SIM115 - the functions' log lines
        watch(counter_repository()._client)  # noqa: SLF001 - one client serves all stores
        stream, messages = Stream("CountersTable"), Messages(client("sqs"))
        ours = count(options.batches, "hot", (from_server, 0), stream, messages)
        pages_ours = count(options.batches, "visited", (from_page, 0), stream, messages)
        buffered = count(options.batches, "hot-buffered", (from_server, 10), stream, messages)
        pages_buffered = count(options.batches, "visited-buffered", (from_page, 10), stream, messages)
        plain = plain_add(options.batches)
        pages = page_units(options.sizes)
        sys.stdout = shown
    for sender, (spent, counted, shards) in (
        ("a server", ours),
        ("pages", pages_ours),
        ("a server, buffered over 10 s", buffered),
        ("pages, buffered over 10 s", pages_buffered),
    ):
        print(
            f"{options.batches * IMAGES:,} events of {sender} on {IMAGES} images, {counted:,} counted, {shards} shards"
        )
        for name, amount in spent.items():
            print(f"  {name:<18}{amount:>9.1f}   units for 1,000 events")
        print(f"  write units       {spent['counting'] + spent['weights']:>9.1f}   together")
    print(
        f"plain ADD           {plain:>9.1f}   ({plain / (ours[0]['counting'] + ours[0]['weights']):.2f} x a server's)"
    )
    print("read units of a page: images, limit, queries, first page, second page")
    for row in pages:
        print("  " + json.dumps(row))


if __name__ == "__main__":
    try:
        main()
    except ClientError as error:
        sys.exit(str(error))
