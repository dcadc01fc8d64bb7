"""What a change of a very hot image costs to sum, and what it costs once its counter is folded.

    make bench-folding

Amazon's DynamoDB Local reports the units. A counter has all of its 4,369 shards, as after 14,000 events an hour, each
with 90 marks. A round trip is given 5 ms, since DynamoDB Local has none.
"""

from __future__ import annotations

import random
import time
from datetime import UTC, datetime, timedelta

import boto3

from bench.counting import units, watch
from tests.aws import create_tables
from tests.dynamodb_local import running_dynamodb, use_dynamodb
from vitrine.engagement.dynamodb import DynamoDBCounters
from vitrine.engagement.fold_counters import fold_if_cool
from vitrine.engagement.model import child_paths
from vitrine.engagement.ports import CounterKey, Look
from vitrine.galleries.model import GalleryKey
from vitrine.platform.aws import client
from vitrine.platform.dynamodb import batch_put, query_all

HOT = CounterKey(GalleryKey("shop", "summer"), "hot", "1")
MARKS = 90
ROUND_TRIP_SECONDS = 0.005


def make_tree():
    """Store a counter with all of its shards."""
    chance = random.Random(1)
    paths = [""]
    for _ in range(3):
        paths += [child for path in paths for child in child_paths(path) if child not in paths]
    items = []
    for path in dict.fromkeys(paths):
        item = {
            "pk": {"S": "shop/summer/hot"},
            "sk": {"S": f"1/{path}"},
            "views": {"N": "85"},
            "clicks": {"N": "5"},
            "v14.40": {"N": "123456789"},
            "c14.40": {"N": "1234567"},
            "a": {"BS": [chance.randbytes(8) for _ in range(MARKS)]},
        }
        items.append(item if len(path) == 3 else item | {"status": {"S": "split"}})
    batch_put(boto3.client("dynamodb"), "CountersTable", items)
    return len(items)


def spent(does, *told):
    """Call and print units and time, and return the result."""
    units.clear()
    started = time.monotonic()
    done = does(*told)
    return done, units["CountersTable"], time.monotonic() - started


def page_after_page():
    """Read all shards by one query, as releases before did."""
    shards = query_all(
        client("dynamodb"),
        TableName="CountersTable",
        KeyConditionExpression="pk = :image AND begins_with(sk, :incarnation)",
        ExpressionAttributeValues={":image": {"S": "shop/summer/hot"}, ":incarnation": {"S": "1/"}},
        ConsistentRead=True,
    )
    return sum(1 for _ in shards)


def main():
    with running_dynamodb() as address:
        use_dynamodb(address)
        create_tables("CountersTable")
        shards = make_tree()
        watch(client("dynamodb"))
        client("dynamodb").meta.events.register("before-send.dynamodb.*", lambda **_: time.sleep(ROUND_TRIP_SECONDS))
        counters = DynamoDBCounters(client("dynamodb"), "CountersTable")
        now = datetime(2026, 1, 1, tzinfo=UTC)
        for name, does in (
            ("page after page", page_after_page),
            ("side by side", lambda: counters.read([HOT])[HOT].totals.events),
        ):
            found, read_units, seconds = spent(does)
            print(f"{shards:,} shards, {name}: {read_units:,.0f} read units, {seconds:.2f} s ({found:,})", flush=True)
        counters.note_look(HOT, 0, Look(now - timedelta(hours=1), shards * 90))
        folded, all_units, seconds = spent(fold_if_cool, counters, HOT, now)
        assert folded
        print(f"folding: {all_units:,.0f} units, of which some {shards * 2:,} are writes, {seconds:.1f} s")
        events, read_units, seconds = spent(lambda: counters.read([HOT])[HOT].totals.events)
        assert events == shards * 90
        print(f"folded: {read_units:,.1f} read units, {seconds:.2f} s ({events:,})")


if __name__ == "__main__":
    main()
