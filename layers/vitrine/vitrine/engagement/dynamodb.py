"""Counters in one table.

| pk | sk | |
|---|---|---|
| `{merchant_id}/{gallery_id}/{image_id}` | `{incarnation}/{path}` | a shard; the first has an empty path |

A shard holds `views`, `clicks`, `robots`, `status` (absent while open) and the ring's slots `a`…`e`, sets of marks.
One image's shards share a partition, so one query sums them.
"""

from __future__ import annotations

import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, Literal, cast

from vitrine.engagement.model import ROOT, Shard, child_paths
from vitrine.engagement.ports import Absorbed, CounterKey, ShardKey
from vitrine.galleries.model import GalleryKey, Totals
from vitrine.platform.dynamodb import (
    ConditionFailed,
    batch_get,
    query_all,
    retry_contended,
    translated,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mypy_boto3_dynamodb import DynamoDBClient

    from vitrine.engagement.model import Hit, Slots
    from vitrine.platform.dynamodb import Item

_RING = "abcde"
_TOMBSTONE_SECONDS = 6 * 3600
_PARALLEL_CLOSES = 16


class DynamoDBCounters:
    """CounterStore on DynamoDB."""

    def __init__(self, client: DynamoDBClient, table: str) -> None:
        self._client = client
        self._table = table

    def absorb(self, key: ShardKey, hits: Sequence[Hit], slots: Slots) -> Absorbed | Shard:
        amounts = Counter(hit.counter for hit in hits)
        values: dict[str, Any] = {f":{counter}": {"N": str(amount)} for counter, amount in amounts.items()}
        names = {f"#{counter}": counter for counter in amounts}
        adds = [f"#{counter} :{counter}" for counter in amounts]
        values[":marks"] = {"BS": [hit.digest.mark for hit in hits]}
        adds.append(f"{slots.current} :marks")
        unseen = []
        for at, hit in enumerate(hits):
            values[f":m{at}"] = {"B": hit.digest.mark}
            unseen += [f"NOT contains({slot},:m{at})" for slot in slots.remembered]
        update: dict[str, Any] = {
            "TableName": self._table,
            "Key": _shard_key(key),
            "UpdateExpression": f"ADD {','.join(adds)} REMOVE {','.join(slots.expired)}",
            "ConditionExpression": " AND ".join(["attribute_not_exists(#status)", *unseen]),
            "ExpressionAttributeNames": {**names, "#status": "status"},
            "ExpressionAttributeValues": values,
            "ReturnConsumedCapacity": "TOTAL",
            "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
        }

        def attempt() -> Absorbed:
            with translated():
                answer = self._client.update_item(**update)
            consumed = answer.get("ConsumedCapacity", {}).get("CapacityUnits", 1)
            return Absorbed(full=consumed > 1)

        try:
            return retry_contended(attempt)
        except ConditionFailed as refused:
            return _shard(refused.item)

    def split(self, key: ShardKey) -> Shard:
        try:
            with translated():
                answer = self._client.update_item(
                    TableName=self._table,
                    Key=_shard_key(key),
                    UpdateExpression="SET #status = :split",
                    ConditionExpression="attribute_not_exists(#status)",
                    ExpressionAttributeNames={"#status": "status"},
                    ExpressionAttributeValues={":split": {"S": "split"}},
                    ReturnValues="ALL_NEW",
                    ReturnValuesOnConditionCheckFailure="ALL_OLD",
                )
        except ConditionFailed as refused:
            return _shard(refused.item)
        return _shard(cast("Item", answer["Attributes"]))

    def close(self, key: CounterKey) -> None:
        """The tombstones outlive every writer that knows the image; then the table's TTL removes them."""
        expiry = int(time.time()) + _TOMBSTONE_SECONDS
        if self._close(ShardKey(key, ROOT), expiry):
            return
        open_below = child_paths(ROOT)
        with ThreadPoolExecutor(_PARALLEL_CLOSES) as closers:
            while open_below:
                closed = closers.map(lambda path: self._close(ShardKey(key, path), expiry), open_below)
                split = [path for path, is_closed in zip(open_below, list(closed), strict=True) if not is_closed]
                open_below = [child for path in split for child in child_paths(path)]

    def _close(self, key: ShardKey, expiry: int) -> bool:
        """Close a shard; False when it is split, and its children are to be closed."""
        update: dict[str, Any] = {
            "TableName": self._table,
            "Key": _shard_key(key),
            "UpdateExpression": "SET #status = :closed, expires_at = :expiry",
            "ConditionExpression": "attribute_not_exists(#status) OR #status = :closed",
            "ExpressionAttributeNames": {"#status": "status"},
            "ExpressionAttributeValues": {":closed": {"S": "closed"}, ":expiry": {"N": str(expiry)}},
        }
        try:
            with translated():
                self._client.update_item(**update)
        except ConditionFailed:
            return False
        return True

    def read(self, keys: Sequence[CounterKey]) -> dict[CounterKey, Totals]:
        roots = batch_get(self._client, self._table, [_shard_key(ShardKey(key, ROOT)) for key in keys])
        return {
            counter_key(root): _sum(self._shards(counter_key(root)) if _state(root) == "split" else [root])
            for root in roots
        }

    def _shards(self, key: CounterKey) -> list[Item]:
        return list(
            query_all(
                self._client,
                TableName=self._table,
                KeyConditionExpression="pk = :image AND begins_with(sk, :incarnation)",
                ExpressionAttributeValues={
                    ":image": {"S": _partition(key)},
                    ":incarnation": {"S": f"{key.incarnation}/"},
                },
                ConsistentRead=True,
            )
        )


def counter_key(item: Item) -> CounterKey:
    """Whose counters an item of the table belongs to."""
    merchant_id, gallery_id, image_id = item["pk"]["S"].split("/")
    return CounterKey(GalleryKey(merchant_id, gallery_id), image_id, item["sk"]["S"].split("/")[0])


def whole_count(item: Item) -> Totals | None:
    """The image's totals when this item alone holds them: a first shard that never split."""
    return None if item["sk"]["S"].split("/")[1] or _state(item) == "split" else _sum([item])


def _partition(key: CounterKey) -> str:
    return f"{key.gallery.merchant_id}/{key.gallery.gallery_id}/{key.image_id}"


def _shard_key(key: ShardKey) -> dict[str, Any]:
    return {"pk": {"S": _partition(key.counters)}, "sk": {"S": f"{key.counters.incarnation}/{key.path}"}}


def _state(item: Item) -> Literal["open", "split", "closed"]:
    state: Literal["open", "split", "closed"] = item.get("status", {}).get("S", "open")
    return state


def _shard(item: Item) -> Shard:
    return Shard(_state(item), frozenset(mark for slot in _RING for mark in item.get(slot, {}).get("BS", ())))


def _sum(shards: Sequence[Item]) -> Totals:
    views, clicks = (
        sum(int(shard.get(counter, {}).get("N", 0)) for shard in shards) for counter in ("views", "clicks")
    )
    return Totals(views, clicks)
