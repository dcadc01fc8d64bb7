"""Counters in one table.

| pk | sk | |
|---|---|---|
| `{merchant_id}/{gallery_id}/{image_id}` | `root` | the first shard |
| same | `{incarnation}/{path}` | a shard below a split one |

A shard holds `incarnation`, `views`, `clicks`, `robots`, `status` (absent while open) and the ring's slots `a`…`e`,
sets of marks. One image's shards share a partition, so one query sums them.
"""

from __future__ import annotations

import time
from collections import Counter
from typing import TYPE_CHECKING, Any, cast

from vitrine.engagement.model import ROOT, Shard, child_paths
from vitrine.engagement.ports import Absorbed, CounterKey, ShardKey
from vitrine.galleries.model import Counted, GalleryKey, Totals
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

_ROOT_SORT_KEY = "root"
_RING = "abcde"
_TOMBSTONE_SECONDS = 6 * 3600


class DynamoDBCounters:
    """CounterStore on DynamoDB."""

    def __init__(self, client: DynamoDBClient, table: str) -> None:
        self._client = client
        self._table = table

    def absorb(self, key: ShardKey, hits: Sequence[Hit], slots: Slots) -> Absorbed | Shard | None:
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
        if key.path:
            unseen.append("incarnation = :incarnation")
            values[":incarnation"] = {"S": key.incarnation}
        update: dict[str, Any] = {
            "TableName": self._table,
            "Key": _shard_key(key),
            "UpdateExpression": f"ADD {','.join(adds)} REMOVE {','.join(slots.expired)}",
            "ConditionExpression": " AND ".join(
                [
                    "attribute_exists(pk) AND attribute_not_exists(#status)",
                    *unseen,
                ]
            ),
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
            return _shard(refused.item) if refused.item else None

    def open_root(self, key: CounterKey, incarnation: str) -> None:
        self._put(
            {**_shard_key(ShardKey(key, "", ROOT)), "incarnation": {"S": incarnation}},
            "attribute_not_exists(pk) OR (#status = :closed AND incarnation <> :incarnation)",
            {":closed": {"S": "closed"}, ":incarnation": {"S": incarnation}},
        )

    def close_root(self, key: CounterKey, incarnation: str) -> None:
        """The tombstone outlives every writer that read the image before; then the table's TTL removes it."""
        try:
            with translated():
                self._client.update_item(
                    TableName=self._table,
                    Key=_shard_key(ShardKey(key, "", ROOT)),
                    UpdateExpression="SET #status = :closed, incarnation = :incarnation, expires_at = :expiry",
                    ConditionExpression="attribute_not_exists(pk) OR incarnation = :incarnation OR #status = :closed",
                    ExpressionAttributeNames={"#status": "status"},
                    ExpressionAttributeValues={
                        ":closed": {"S": "closed"},
                        ":incarnation": {"S": incarnation},
                        ":expiry": {"N": str(int(time.time()) + _TOMBSTONE_SECONDS)},
                    },
                )
        except ConditionFailed:
            return
        self._drop_children(key, incarnation)

    def split(self, key: ShardKey) -> None:
        with translated():
            stands = self._client.get_item(TableName=self._table, Key=_shard_key(key), ConsistentRead=True).get("Item")
        if stands is None or "status" in stands:
            return
        incarnation = cast("Item", stands)["incarnation"]["S"]
        for path in child_paths(key.path):
            child = ShardKey(key.counters, incarnation, path)
            self._put({**_shard_key(child), "incarnation": {"S": incarnation}}, "attribute_not_exists(pk)", {})
        try:
            with translated():
                self._client.update_item(
                    TableName=self._table,
                    Key=_shard_key(key),
                    UpdateExpression="SET #status = :split",
                    ConditionExpression="incarnation = :incarnation AND attribute_not_exists(#status)",
                    ExpressionAttributeNames={"#status": "status"},
                    ExpressionAttributeValues={":split": {"S": "split"}, ":incarnation": {"S": incarnation}},
                )
        except ConditionFailed:
            return

    def read(self, keys: Sequence[CounterKey]) -> dict[CounterKey, Counted]:
        roots = batch_get(self._client, self._table, [_shard_key(ShardKey(key, "", ROOT)) for key in keys])
        counted = {}
        for root in roots:
            key = counter_key(root)
            whole = [root] if root.get("status", {}).get("S") != "split" else self._shards(key)
            counted[key] = Counted(root["incarnation"]["S"], _sum(whole, root["incarnation"]["S"]))
        return counted

    def _shards(self, key: CounterKey) -> list[Item]:
        return list(
            query_all(
                self._client,
                TableName=self._table,
                KeyConditionExpression="pk = :image",
                ExpressionAttributeValues={":image": {"S": _partition(key)}},
                ConsistentRead=True,
            )
        )

    def _drop_children(self, key: CounterKey, incarnation: str) -> None:
        for shard in self._shards(key):
            if shard["sk"]["S"].startswith(incarnation + "/"):
                with translated():
                    self._client.delete_item(TableName=self._table, Key={"pk": shard["pk"], "sk": shard["sk"]})

    def _put(self, item: dict[str, Any], condition: str, values: dict[str, Any]) -> None:
        """Put the item if the condition holds; it may hold no longer."""
        put: dict[str, Any] = {"TableName": self._table, "Item": item, "ConditionExpression": condition}
        if values:
            put["ExpressionAttributeValues"] = values
            put["ExpressionAttributeNames"] = {"#status": "status"}
        try:
            with translated():
                self._client.put_item(**put)
        except ConditionFailed:
            return


def counter_key(item: Item) -> CounterKey:
    """Whose counters an item of the table belongs to."""
    merchant_id, gallery_id, image_id = item["pk"]["S"].split("/")
    return CounterKey(GalleryKey(merchant_id, gallery_id), image_id)


def whole_count(item: Item) -> Counted | None:
    """The image's totals when this item alone holds them: an open root."""
    if item["sk"]["S"] != _ROOT_SORT_KEY or "status" in item:
        return None
    return Counted(item["incarnation"]["S"], _totals(item))


def _partition(key: CounterKey) -> str:
    return f"{key.gallery.merchant_id}/{key.gallery.gallery_id}/{key.image_id}"


def _shard_key(key: ShardKey) -> dict[str, Any]:
    sort_key = f"{key.incarnation}/{key.path}" if key.path else _ROOT_SORT_KEY
    return {"pk": {"S": _partition(key.counters)}, "sk": {"S": sort_key}}


def _shard(item: Item) -> Shard:
    return Shard(
        incarnation=item["incarnation"]["S"],
        state=item.get("status", {}).get("S", "open"),
        marks=frozenset(mark for slot in _RING for mark in item.get(slot, {}).get("BS", ())),
    )


def _totals(item: Item) -> Totals:
    return Totals(int(item.get("views", {}).get("N", 0)), int(item.get("clicks", {}).get("N", 0)))


def _sum(shards: Sequence[Item], incarnation: str) -> Totals:
    totals = [_totals(shard) for shard in shards if shard["incarnation"]["S"] == incarnation]
    return Totals(sum(it.views for it in totals), sum(it.clicks for it in totals))
