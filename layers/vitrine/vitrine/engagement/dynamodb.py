"""Counters in one table, and salts in the table of saved responses.

| pk | sk | |
|---|---|---|
| `{merchant_id}/{gallery_id}/{image_id}` | `{incarnation}/{path}` | a shard; the first has an empty path |
| the same | `~{incarnation}/{path}/{number}.{digest}` | an archive: `marks` that were in the shard `until` then |

A shard holds `views`, `clicks`, `robots`, `status` (absent while open) and the ring's slots `a`…`e`, sets of marks;
`archives` is the number of its archives. An archive is named by what it holds, so that a late writer replaces none.
A shard also holds `lab_views`, `lab_clicks`, `suspect_views` and `suspect_clicks`, which `views` and `clicks` include,
and the sums of aged events: `v14.40` sums views with a half-life of 14 days in epoch 40, `c14.40` clicks. The sums of
an experiment's arm end in `@` and the arm; `v@7.1` and `c@7.1` are all views and clicks of the arm 7.1.
The shards of an image share a partition, so one query sums them.

A salt is an item `visitors#{day}` of the table of saved responses, which has a TTL and no backups. So are the counts of
a visitor that may be automated, `visitor#{merchant_id}/{gallery_id}/{visitor}#{hour}`.
"""

from __future__ import annotations

import hashlib
import secrets
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from itertools import takewhile
from typing import TYPE_CHECKING, Any, Literal

from vitrine.engagement.amounts import counts_of, sum_name
from vitrine.engagement.model import ROOT, Shard, child_paths
from vitrine.engagement.ports import CountedEvents, CounterKey, ShardKey, ShardState
from vitrine.galleries.model import GalleryKey, Totals
from vitrine.platform.dynamodb import (
    ConditionFailed,
    batch_get,
    query_all,
    translated,
)
from vitrine.platform.retries import retry
from vitrine.ranking.decay import SumKey

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date

    from mypy_boto3_dynamodb import DynamoDBClient

    from vitrine.engagement.model import PendingEvent, Slots
    from vitrine.galleries.model import Counts
    from vitrine.platform.dynamodb import Item

_RING = "abcde"
_TOMBSTONE_SECONDS = 6 * 3600
_PARALLEL_CLOSES = 16
_SALT_BYTES = 32
_SALTS_CACHED = 4
_SALT_LIFETIME = timedelta(days=3)
_VISITOR_HOURS = 3
_OPEN = "attribute_not_exists(#status)"
_DIGEST_BYTES = 6
_NO_AMOUNTS = frozenset({"archives", "expires_at"})
_ARCHIVES_KEPT = timedelta(days=20)  # events may wait in a queue, and then in its failure queue, for 14 days


class DynamoDBCounters:
    """CounterRepository on DynamoDB. With a `lifetime`, what is not counted for so long is deleted."""

    def __init__(self, client: DynamoDBClient, table: str, lifetime: timedelta | None = None) -> None:
        self._client = client
        self._table = table
        self._lifetime = lifetime

    def count(
        self, key: ShardKey, events: Sequence[PendingEvent], slots: Slots, archives: int = 0
    ) -> CountedEvents | Shard:
        amounts: dict[str, int] = {}
        outdated: dict[str, None] = {}
        for event in events:
            amounts[event.counter] = amounts.get(event.counter, 0) + 1
            for key_of_sum, amount in event.sums:
                name = sum_name(key_of_sum)
                amounts[name] = amounts.get(name, 0) + amount
                if isinstance(key_of_sum, SumKey):
                    outdated[sum_name(key_of_sum.outdated)] = None
        names = {"#status": "status"}
        values: dict[str, Any] = {":marks": {"BS": [mark for event in events for mark in event.remembered]}}
        adds, removes = [f"{slots.current} :marks"], list(slots.expired)
        for at, (name, amount) in enumerate(amounts.items()):
            names[f"#a{at}"], values[f":a{at}"] = name, {"N": str(amount)}
            adds.append(f"#a{at} :a{at}")
        for at, name in enumerate(outdated):
            names[f"#o{at}"] = name
            removes.append(f"#o{at}")
        unseen = [_OPEN, _archived(archives, values)]
        for at, mark in enumerate(mark for event in events for mark in event.refused_by):
            values[f":m{at}"] = {"B": mark}
            unseen.append(f"NOT ({' OR '.join(f'contains({slot},:m{at})' for slot in slots.remembered)})")
        change = f"ADD {','.join(adds)}"
        if removes:
            change += f" REMOVE {','.join(removes)}"
        if self._lifetime:
            values[":expiry"] = {"N": str(int(time.time() + self._lifetime.total_seconds()))}
            change += " SET expires_at = :expiry"
        update: dict[str, Any] = {
            "UpdateExpression": change,
            "ConditionExpression": " AND ".join(unseen),
            "ExpressionAttributeNames": names,
            "ExpressionAttributeValues": values,
            "ReturnConsumedCapacity": "TOTAL",
            "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
        }
        try:
            response = self._update(key, update)
        except ConditionFailed as refused:
            return _shard(refused.item)
        return CountedEvents(full=response["ConsumedCapacity"]["CapacityUnits"] > 1)

    def find_shard(self, key: ShardKey) -> Shard:
        return _shard(self._find(key))

    def _find(self, key: ShardKey) -> Item:
        with translated():
            response = self._client.get_item(TableName=self._table, Key=_shard_key(key), ConsistentRead=True)
        return response.get("Item", {})

    def split(self, key: ShardKey) -> Shard:
        update = {
            "UpdateExpression": "SET #status = :split REMOVE expires_at",
            "ConditionExpression": "attribute_not_exists(#status)",
            "ExpressionAttributeNames": {"#status": "status"},
            "ExpressionAttributeValues": {":split": {"S": "split"}},
            "ReturnValues": "ALL_NEW",
            "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
        }
        try:
            return _shard(self._update(key, update)["Attributes"])
        except ConditionFailed as refused:
            return _shard(refused.item)

    def archive(self, key: ShardKey, now: datetime) -> Shard:
        """Copy the marks, then remove them if the shard still holds these and no others.

        If it holds others by then, the copy stays and is read beside the next one.
        """
        item = self._find(key)
        shard = _shard(item)
        if shard.state != "open" or not shard.marks:
            return shard
        digest = hashlib.blake2b(b"".join(sorted(shard.marks)), digest_size=_DIGEST_BYTES).hexdigest()
        archive: Item = {
            "pk": {"S": _partition(key.counters)},
            "sk": {"S": f"{_archives_of(key)}{_number(shard.archives)}.{digest}"},
            "marks": {"BS": list(shard.marks)},
            "until": {"N": str(int(now.timestamp()))},
            "expires_at": {"N": str(int((now + _ARCHIVES_KEPT).timestamp()))},
        }
        values: dict[str, Any] = {":next": {"N": str(shard.archives + 1)}}
        same = [_OPEN, _archived(shard.archives, values)]
        for slot in _RING:
            same.append(f"{slot} = :{slot}" if slot in item else f"attribute_not_exists({slot})")
            values |= {f":{slot}": item[slot]} if slot in item else {}
        update = {
            "UpdateExpression": f"SET archives = :next REMOVE {','.join(_RING)}",
            "ConditionExpression": " AND ".join(same),
            "ExpressionAttributeNames": {"#status": "status"},
            "ExpressionAttributeValues": values,
            "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
        }

        def put() -> None:
            with translated():
                self._client.put_item(TableName=self._table, Item=archive)

        retry(put)
        try:
            self._update(key, update)
        except ConditionFailed as refused:
            return _shard(refused.item)
        return Shard("open", frozenset(), shard.archives + 1)

    def read_archives(self, key: ShardKey, first: int, since: datetime) -> set[bytes]:
        newest_first = query_all(
            self._client,
            TableName=self._table,
            KeyConditionExpression="pk = :image AND sk BETWEEN :first AND :last",
            ExpressionAttributeValues={
                ":image": {"S": _partition(key.counters)},
                ":first": {"S": f"{_archives_of(key)}{_number(first)}"},
                ":last": {"S": f"{_archives_of(key)}~"},
            },
            ScanIndexForward=False,
            ConsistentRead=True,
        )
        made_since = takewhile(lambda item: int(item["until"]["N"]) >= since.timestamp(), newest_first)
        return {mark for item in made_since for mark in item["marks"]["BS"]}

    def close(self, key: CounterKey) -> None:
        """Close all shards. Closing again continues where an earlier attempt failed.

        The tombstones outlive every writer that knows the image; then the table's TTL removes them.
        """
        now = int(time.time())
        expiry = now + _TOMBSTONE_SECONDS
        if self._close(ShardKey(key, ROOT), expiry):
            return
        lasting = {_path(shard) for shard in self._shards(key) if _expiry(shard) > now + _TOMBSTONE_SECONDS // 2}
        below = child_paths(ROOT)
        with ThreadPoolExecutor(_PARALLEL_CLOSES) as closers:
            while below:
                to_close = [path for path in below if path not in lasting]
                closed = closers.map(lambda path: self._close(ShardKey(key, path), expiry), to_close)
                split = [path for path, is_closed in zip(to_close, list(closed), strict=True) if not is_closed]
                below = [child for path in split for child in child_paths(path)]

    def _close(self, key: ShardKey, expiry: int) -> bool:
        """Close a shard; return False if it is split, so that its children must be closed."""
        update = {
            "UpdateExpression": "SET #status = :closed, expires_at = :expiry",
            "ConditionExpression": "attribute_not_exists(#status) OR #status = :closed",
            "ExpressionAttributeNames": {"#status": "status"},
            "ExpressionAttributeValues": {":closed": {"S": "closed"}, ":expiry": {"N": str(expiry)}},
        }
        try:
            self._update(key, update)
        except ConditionFailed:
            return False
        return True

    def _update(self, key: ShardKey, update: dict[str, Any]) -> dict[str, Any]:
        def attempt() -> Any:
            with translated():
                return self._client.update_item(TableName=self._table, Key=_shard_key(key), **update)

        return retry(attempt)

    def read(self, keys: Sequence[CounterKey]) -> dict[CounterKey, Counts]:
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


class DynamoDBSalts:
    """Salts on DynamoDB. Whoever asks first for a day's salt creates it."""

    def __init__(self, client: DynamoDBClient, table: str) -> None:
        self._client = client
        self._table = table
        self._known: dict[date, bytes] = {}

    def salt_of(self, day: date) -> bytes:
        if day not in self._known:
            if len(self._known) >= _SALTS_CACHED:
                self._known.clear()
            self._known[day] = retry(lambda: self._find_or_make(day))
        return self._known[day]

    def _find_or_make(self, day: date) -> bytes:
        ends = datetime(day.year, day.month, day.day, tzinfo=UTC) + _SALT_LIFETIME
        with translated():
            response = self._client.update_item(
                TableName=self._table,
                Key={"pk": {"S": f"visitors#{day.isoformat()}"}},
                UpdateExpression="SET salt = if_not_exists(salt, :salt), expires_at = :ends",
                ExpressionAttributeValues={
                    ":salt": {"B": secrets.token_bytes(_SALT_BYTES)},
                    ":ends": {"N": str(int(ends.timestamp()))},
                },
                ReturnValues="ALL_NEW",
            )
        return bytes(response["Attributes"]["salt"]["B"])


class DynamoDBVisitorCounts:
    """VisitorCounts on DynamoDB."""

    def __init__(self, client: DynamoDBClient, table: str) -> None:
        self._client = client
        self._table = table

    def add(self, gallery: GalleryKey, visitor: str, hour: int, counted: Totals) -> Totals:
        added = ", ".join(f"#{kind} :{kind}" for kind in Totals._fields)
        with translated():
            response = self._client.update_item(
                TableName=self._table,
                Key={"pk": {"S": f"visitor#{gallery.merchant_id}/{gallery.gallery_id}/{visitor}#{hour}"}},
                UpdateExpression=f"ADD {added} SET expires_at = :ends",
                ExpressionAttributeNames={f"#{kind}": kind for kind in Totals._fields},
                ExpressionAttributeValues={
                    **{f":{kind}": {"N": str(amount)} for kind, amount in counted._asdict().items()},
                    ":ends": {"N": str((hour + _VISITOR_HOURS) * 3600)},
                },
                ReturnValues="ALL_NEW",
            )
        return Totals(*(int(response["Attributes"][kind]["N"]) for kind in Totals._fields))


def counter_key(item: Item) -> CounterKey:
    """Return the counters that an item of the table belongs to."""
    merchant_id, gallery_id, image_id = item["pk"]["S"].split("/")
    return CounterKey(GalleryKey(merchant_id, gallery_id), image_id, item["sk"]["S"].split("/")[0])


def shard_state(item: Item, at: int) -> ShardState:
    """Return what a shard had counted at a moment."""
    return ShardState(ShardKey(counter_key(item), _path(item)), at, _state(item) == "closed", amounts_of(item))


def amounts_of(shard: Item) -> dict[str, int]:
    """Return the numbers of a shard by their names."""
    return {name: int(value["N"]) for name, value in shard.items() if "N" in value and name not in _NO_AMOUNTS}


def is_archive(item: Item) -> bool:
    """Return whether an item of the table is an archive; it counts nothing."""
    is_one: bool = item["sk"]["S"].startswith("~")
    return is_one


def whole_count(item: Item) -> Counts | None:
    """Return all counts of the image if this item alone holds them: a root shard that never split. Else None."""
    return None if _path(item) or _state(item) == "split" else _sum([item])


def _partition(key: CounterKey) -> str:
    return f"{key.gallery.merchant_id}/{key.gallery.gallery_id}/{key.image_id}"


def _shard_key(key: ShardKey) -> dict[str, Any]:
    return {"pk": {"S": _partition(key.counters)}, "sk": {"S": f"{key.counters.incarnation}/{key.path}"}}


def _archives_of(key: ShardKey) -> str:
    return f"~{key.counters.incarnation}/{key.path}/"


def _number(archive: int) -> str:
    return f"{archive:09}"


def _archived(archives: int, values: dict[str, Any]) -> str:
    """Return the condition that a shard has this number of archives, and add what it needs to `values`."""
    if not archives:
        return "attribute_not_exists(archives)"
    values[":archives"] = {"N": str(archives)}
    return "archives = :archives"


def _state(item: Item) -> Literal["open", "split", "closed"]:
    state: Literal["open", "split", "closed"] = item.get("status", {}).get("S", "open")
    return state


def _path(item: Item) -> str:
    path: str = item["sk"]["S"].split("/")[1]
    return path


def _expiry(item: Item) -> int:
    return int(item.get("expires_at", {}).get("N", 0))


def _shard(item: Item) -> Shard:
    marks = frozenset(mark for slot in _RING for mark in item.get(slot, {}).get("BS", ()))
    return Shard(_state(item), marks, int(item.get("archives", {}).get("N", 0)))


def _sum(shards: Sequence[Item]) -> Counts:
    return counts_of(amounts_of(shard) for shard in shards)
