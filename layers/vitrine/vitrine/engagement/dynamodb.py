"""Counters in one table, and salts in the table of saved responses.

| pk | sk | |
|---|---|---|
| `{merchant_id}/{gallery_id}/{image_id}` | `{incarnation}/{path}` | a shard; the first has an empty path |
| the same | `{incarnation}.{tree}/{path}` | a shard of a later tree, once others were folded |
| the same | `~{incarnation}/{path}/{number}.{digest}` | an archive: `marks` that were in the shard `until` then |
| the same | `~{incarnation}//{number}.tree{tree}` | an archive of the root: the shards of this `tree` hold more |

A shard holds `views`, `clicks`, `robots`, `status` (absent while open) and sets of marks: the ring's slots `a`…`e`, and
`f` for events from a queue. `archives` is the number of its archives. An archive is named by what it holds, so that a
late writer replaces none.
The root holds the number of its `tree`, and while it is split `looked_at` and `looked_events`, how many events had been
counted then; `closing` if the image is being deleted. A tree is exact when it folds because all of its shards are
frozen before one conditional write adds their sum to the root and opens it: until then the sum counts in the tree, from
then on in the root, and whoever counts an event that the tree may hold reads the frozen shards of its path first.

A shard also holds `lab_views`, `lab_clicks`, `suspect_views` and `suspect_clicks`, which `views` and `clicks` include,
and the sums of aged events: `v14.40` sums views with a half-life of 14 days in epoch 40, `c14.40` clicks. The sums of
an experiment's arm end in `@` and the arm; `v@7.1` and `c@7.1` are all views and clicks of the arm 7.1.
The shards of an image share a partition, so one query sums them.

A salt is an item `visitors#{day}` of the table of saved responses, which has a TTL and no backups. So are the counts of
a visitor that may be automated, `visitor#{merchant_id}/{gallery_id}/{visitor}#{hour}`.
"""

from __future__ import annotations

import hashlib
import itertools
import secrets
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from itertools import takewhile
from typing import TYPE_CHECKING, Any, Literal

from vitrine.engagement.amounts import counts_of, sum_name
from vitrine.engagement.model import COUNTERS, MARK_BYTES, ROOT, SLOTS, Shard, child_paths
from vitrine.engagement.ports import Archived, CountedEvents, CounterKey, Look, ShardKey, ShardState
from vitrine.galleries.model import GalleryKey, Totals
from vitrine.platform.dynamodb import (
    ConditionFailed,
    OnTable,
    batch_get,
    query_all,
    translated,
)
from vitrine.platform.retries import retry
from vitrine.ranking.decay import SumKey

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import date

    from mypy_boto3_dynamodb import DynamoDBClient

    from vitrine.engagement.model import PendingEvent, Slots
    from vitrine.galleries.model import Counts
    from vitrine.platform.dynamodb import Item

_TOMBSTONE_SECONDS = 6 * 3600
_PARALLEL = 16
_SALT_BYTES = 32
_SALTS_CACHED = 4
_SALT_LIFETIME = timedelta(days=3)
_VISITOR_HOURS = 3
_OPEN = "attribute_not_exists(#status)"
_DIGEST_BYTES = 6
_UNIT_BYTES = 1024
_SET_BYTES = MARK_BYTES + 1
_NO_AMOUNTS = frozenset({"archives", "closing", "expires_at", "looked_at", "looked_events", "tree"})
_LONGEST_INVOCATION = timedelta(minutes=15)
_ARCHIVES_KEPT = timedelta(days=20)  # events may wait in a queue, and then in its failure queue, for 14 days


class DynamoDBCounters(OnTable):
    """CounterRepository on DynamoDB. With a `lifetime`, what is not counted for so long is deleted.

    `archives`: full shards are archived, so one is full before a write of it costs two units, and not only after.
    """

    def __init__(
        self, client: DynamoDBClient, table: str, lifetime: timedelta | None = None, *, archives: bool = False
    ) -> None:
        super().__init__(client, table)
        self._lifetime = lifetime
        self._archives = archives

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
        unseen = [_OPEN, _numbered("archives", archives, values)]
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
            "ReturnValues": "ALL_NEW" if self._archives else "NONE",
            "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
        }
        try:
            response = self._update(key, update)
        except ConditionFailed as refused:
            return _shard(refused.item)
        next_size = _bytes(response.get("Attributes", {})) + _SET_BYTES * len(values[":marks"]["BS"])
        return CountedEvents(full=response["ConsumedCapacity"]["CapacityUnits"] > 1 or next_size > _UNIT_BYTES)

    def find_shard(self, key: ShardKey) -> Shard:
        return _shard(self._item(key))

    def _item(self, key: ShardKey) -> Item:
        return self._find(_shard_key(key)) or {}

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
        item = self._item(key)
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
        same = [_OPEN, _numbered("archives", shard.archives, values)]
        for slot in SLOTS:
            same.append(f"{slot} = :{slot}" if slot in item else f"attribute_not_exists({slot})")
            values |= {f":{slot}": item[slot]} if slot in item else {}
        update = {
            "UpdateExpression": f"SET archives = :next REMOVE {','.join(SLOTS)}",
            "ConditionExpression": " AND ".join(same),
            "ExpressionAttributeNames": {"#status": "status"},
            "ExpressionAttributeValues": values,
            "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
        }

        retry(lambda: self._put_item(archive))
        try:
            self._update(key, update)
        except ConditionFailed as refused:
            return _shard(refused.item)
        return Shard("open", frozenset(), shard.archives + 1)

    def read_archives(self, key: ShardKey, first: int, since: datetime) -> Archived:
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
        made_since = list(takewhile(lambda item: int(item["until"]["N"]) >= since.timestamp(), newest_first))
        return Archived(
            {mark for item in made_since for mark in item.get("marks", {}).get("BS", ())},
            {int(item["tree"]["N"]) for item in made_since if "tree" in item},
        )

    def read_folded(self, key: CounterKey, tree: int, paths: Iterable[str], since: datetime) -> set[bytes]:
        ends = {path[:depth] for path in paths for depth in range(1, len(path) + 1)}
        keys = {ShardKey(key, end, tree) for end in ends}
        marks: set[bytes] = set()
        for item in batch_get(self._client, self._table, [_shard_key(shard) for shard in keys]):
            shard = _shard(item)
            marks |= shard.marks
            if shard.archives:
                marks |= self.read_archives(ShardKey(key, _path(item), tree), 0, since).marks
        return marks

    def fold(self, key: CounterKey, tree: int, now: datetime) -> Shard:
        root_key = ShardKey(key, ROOT)
        item = self._item(root_key)
        root = _shard(item)
        if root.state != "split" or root.tree != tree:
            return root
        if "closing" in item or not self._freeze(key, tree):
            return root._replace(state="closed")
        amounts: Counter[str] = Counter()
        for shard in self._tree(key, tree):
            amounts.update(amounts_of(shard))
        self._archive_tree(root_key, root, now)
        names = {"#status": "status", **{f"#a{at}": name for at, name in enumerate(amounts)}}
        values: dict[str, Any] = {
            ":split": {"S": "split"},
            ":next": {"N": str(root.archives + 1)},
            ":tree": {"N": str(tree + 1)},
            **{f":a{at}": {"N": str(amount)} for at, amount in enumerate(amounts.values())},
        }
        same = ["#status = :split", "attribute_not_exists(closing)", _numbered("tree", tree, values)]
        same.append(_numbered("archives", root.archives, values))
        adds = f" ADD {','.join(f'#a{at} :a{at}' for at in range(len(amounts)))}" if amounts else ""
        update = {
            "UpdateExpression": f"SET archives = :next, tree = :tree "
            f"REMOVE #status, looked_at, looked_events, {','.join(SLOTS)}{adds}",
            "ConditionExpression": " AND ".join(same),
            "ExpressionAttributeNames": names,
            "ExpressionAttributeValues": values,
            "ReturnValues": "ALL_NEW",
            "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
        }
        try:
            return _shard(self._update(root_key, update)["Attributes"])
        except ConditionFailed as refused:
            found = _shard(refused.item)
            return found._replace(state="closed") if "closing" in refused.item else found

    def _freeze(self, key: CounterKey, tree: int) -> bool:
        """Freeze all shards of a tree, also those that do not exist yet; return False if one of them is closed.

        What is frozen already takes no write, so that an attempt which died is continued.
        """
        known = {_path(shard): _state(shard) for shard in self._tree(key, tree)}

        def freeze(path: str) -> str:
            state = known.get(path, "open")
            return self._try_to_freeze(ShardKey(key, path, tree)) if state == "open" else state

        below = child_paths(ROOT)
        with ThreadPoolExecutor(_PARALLEL) as pool:
            while below:
                states = list(pool.map(freeze, below))
                if "closed" in states:
                    return False
                split = [path for path, state in zip(below, states, strict=True) if state == "split"]
                below = [child for path in split for child in child_paths(path)]
        return True

    def _try_to_freeze(self, key: ShardKey) -> str:
        """Freeze an open shard; return its state."""
        update = {
            "UpdateExpression": "SET #status = :folded",
            "ConditionExpression": _OPEN,
            "ExpressionAttributeNames": {"#status": "status"},
            "ExpressionAttributeValues": {":folded": {"S": "folded"}},
            "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
        }
        try:
            self._update(key, update)
        except ConditionFailed as refused:
            return _state(refused.item)
        return "folded"

    def _archive_tree(self, key: ShardKey, root: Shard, now: datetime) -> None:
        """Keep the root's marks in an archive, which also says that the tree's shards hold more."""
        values: dict[str, Any] = {
            ":tree": {"N": str(root.tree)},
            ":until": {"N": str(int((now + _LONGEST_INVOCATION).timestamp()))},
            ":expiry": {"N": str(int((now + _ARCHIVES_KEPT).timestamp()))},
        }
        change = "SET tree = :tree, #until = :until, expires_at = :expiry"
        if root.marks:
            values[":held"] = {"BS": list(root.marks)}
            change += ", marks = :held"

        archive = {
            "pk": {"S": _partition(key.counters)},
            "sk": {"S": f"{_archives_of(key)}{_number(root.archives)}.tree{root.tree}"},
        }
        update = {
            "UpdateExpression": change,
            "ExpressionAttributeNames": {"#until": "until"},
            "ExpressionAttributeValues": values,
        }
        retry(lambda: self._update_item(archive, **update))

    def look(self, key: CounterKey, now: datetime) -> tuple[Shard, Look | None, Look]:
        item = self._item(ShardKey(key, ROOT))
        root = _shard(item)
        shards = [item, *(self._tree(key, root.tree) if root.state == "split" else ())]
        events = sum(amounts_of(shard).get(name, 0) for shard in shards for name in COUNTERS)
        before = None
        if "looked_at" in item:
            looked_at = datetime.fromtimestamp(int(item["looked_at"]["N"]), UTC)
            before = Look(looked_at, int(item["looked_events"]["N"]))
        return root, before, Look(now, events)

    def note_look(self, key: CounterKey, tree: int, look: Look) -> None:
        values: dict[str, Any] = {
            ":split": {"S": "split"},
            ":at": {"N": str(int(look.at.timestamp()))},
            ":events": {"N": str(look.events)},
        }
        update = {
            "UpdateExpression": "SET looked_at = :at, looked_events = :events",
            "ConditionExpression": f"#status = :split AND {_numbered('tree', tree, values)}",
            "ExpressionAttributeNames": {"#status": "status"},
            "ExpressionAttributeValues": values,
        }
        with suppress(ConditionFailed):
            self._update(ShardKey(key, ROOT), update)

    def expire(self, key: CounterKey, tree: int, now: datetime) -> None:
        update = {
            "UpdateExpression": "SET expires_at = :expiry",
            "ExpressionAttributeValues": {":expiry": {"N": str(int((now + _ARCHIVES_KEPT).timestamp()))}},
        }
        lasting = [ShardKey(key, _path(shard), tree) for shard in self._tree(key, tree) if not _expiry(shard)]
        with ThreadPoolExecutor(_PARALLEL) as pool:
            list(pool.map(lambda shard: self._update(shard, update), lasting))

    def close(self, key: CounterKey) -> None:
        """Close all shards. Closing again continues where an earlier attempt failed.

        The tombstones outlive every writer that knows the image; then the table's TTL removes them. A split root is
        marked first, so that it does not open when a tree folds meanwhile.
        """
        now = int(time.time())
        expiry = now + _TOMBSTONE_SECONDS
        tree = None
        while tree is None:
            if self._close(ShardKey(key, ROOT), expiry):
                return
            tree = self._begin_closing(key)
        lasting = {_path(shard) for shard in self._tree(key, tree) if _expiry(shard) > now + _TOMBSTONE_SECONDS // 2}
        below = child_paths(ROOT)
        with ThreadPoolExecutor(_PARALLEL) as closers:
            while below:
                to_close = [path for path in below if path not in lasting]
                closed = closers.map(lambda path: self._close(ShardKey(key, path, tree), expiry), to_close)
                split = [path for path, is_closed in zip(to_close, list(closed), strict=True) if not is_closed]
                below = [child for path in split for child in child_paths(path)]

    def _begin_closing(self, key: CounterKey) -> int | None:
        """Mark a split root; return the number of its tree, or None if it is not split any more."""
        update = {
            "UpdateExpression": "SET closing = :closing",
            "ConditionExpression": "#status = :split",
            "ExpressionAttributeNames": {"#status": "status"},
            "ExpressionAttributeValues": {":split": {"S": "split"}, ":closing": {"N": "1"}},
            "ReturnValues": "ALL_NEW",
        }
        try:
            return _shard(self._update(ShardKey(key, ROOT), update)["Attributes"]).tree
        except ConditionFailed:
            return None

    def _close(self, key: ShardKey, expiry: int) -> bool:
        """Close a shard; return False if it is split, so that its children must be closed."""
        update = {
            "UpdateExpression": "SET #status = :closed, expires_at = :expiry",
            "ConditionExpression": f"{_OPEN} OR #status IN (:closed, :folded)",
            "ExpressionAttributeNames": {"#status": "status"},
            "ExpressionAttributeValues": {
                ":closed": {"S": "closed"},
                ":folded": {"S": "folded"},
                ":expiry": {"N": str(expiry)},
            },
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
        """Return absolute counts. The root says first whether its tree counts; all trees are read side by side."""
        roots = {
            counter_key(root): root
            for root in batch_get(self._client, self._table, [_shard_key(ShardKey(key, ROOT)) for key in keys])
        }
        trees = {key: _shard(root).tree for key, root in roots.items() if _state(root) == "split"}
        below = self._trees(trees)
        return {key: _sum([root, *below.get(key, ())]) for key, root in roots.items()}

    def _tree(self, key: CounterKey, number: int) -> list[Item]:
        return self._trees({key: number})[key]

    def _trees(self, numbers: Mapping[CounterKey, int]) -> dict[CounterKey, list[Item]]:
        """Return the shards of trees, without the roots: the first page of each, then the rest side by side."""
        if not numbers:
            return {}
        with ThreadPoolExecutor(_PARALLEL) as pool:
            pages = list(pool.map(self._first_page, numbers, numbers.values()))
            shards = {key: found for key, (found, _) in zip(numbers, pages, strict=True)}
            left = [(key, query) for key, (_, rest) in zip(numbers, pages, strict=True) for query in rest]
            found = pool.map(lambda each: list(query_all(self._client, **each[1])), left)
            for (key, _), items in zip(left, found, strict=True):
                shards[key] += items
        return shards

    def _first_page(self, key: CounterKey, number: int) -> tuple[list[Item], list[dict[str, Any]]]:
        """Return the first megabyte of a tree's shards, and the queries for the others, one for each first digit."""
        before = f"{_tree_name(key, number)}/"

        def between(first: str, last: str) -> dict[str, Any]:
            return {
                "TableName": self._table,
                "KeyConditionExpression": "pk = :image AND sk BETWEEN :first AND :last",
                "ExpressionAttributeValues": {
                    ":image": {"S": _partition(key)},
                    ":first": {"S": f"{before}{first}"},
                    ":last": {"S": f"{before}{last}~"},
                },
                "ConsistentRead": True,
            }

        with translated():
            page = self._client.query(**between("0", "f"))
        ended = page.get("LastEvaluatedKey")
        if ended is None:
            return page["Items"], []
        digit, *after = itertools.dropwhile(lambda each: each != _path(ended)[0], child_paths(ROOT))
        rest = [between(each, each) for each in after]
        return page["Items"], [{**between(digit, digit), "ExclusiveStartKey": ended}, *rest]


class DynamoDBSalts(OnTable):
    """Salts on DynamoDB. Whoever asks first for a day's salt creates it."""

    def __init__(self, client: DynamoDBClient, table: str) -> None:
        super().__init__(client, table)
        self._known: dict[date, bytes] = {}

    def salt_of(self, day: date) -> bytes:
        if day not in self._known:
            if len(self._known) >= _SALTS_CACHED:
                self._known.clear()
            self._known[day] = retry(lambda: self._find_or_make(day))
        return self._known[day]

    def _find_or_make(self, day: date) -> bytes:
        ends = datetime(day.year, day.month, day.day, tzinfo=UTC) + _SALT_LIFETIME
        response = self._update_item(
            {"pk": {"S": f"visitors#{day.isoformat()}"}},
            UpdateExpression="SET salt = if_not_exists(salt, :salt), expires_at = :ends",
            ExpressionAttributeValues={
                ":salt": {"B": secrets.token_bytes(_SALT_BYTES)},
                ":ends": {"N": str(int(ends.timestamp()))},
            },
            ReturnValues="ALL_NEW",
        )
        return bytes(response["Attributes"]["salt"]["B"])


class DynamoDBVisitorCounts(OnTable):
    """VisitorCounts on DynamoDB."""

    def add(self, gallery: GalleryKey, visitor: str, hour: int, counted: Totals) -> Totals:
        added = ", ".join(f"#{kind} :{kind}" for kind in Totals._fields)
        response = self._update_item(
            {"pk": {"S": f"visitor#{gallery.merchant_id}/{gallery.gallery_id}/{visitor}#{hour}"}},
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
    return CounterKey(GalleryKey(merchant_id, gallery_id), image_id, item["sk"]["S"].split("/")[0].split(".")[0])


def shard_state(item: Item, at: int) -> ShardState:
    """Return what a shard had counted at a moment."""
    path = _path(item)
    tree = _tree_of(item) if path else _shard(item).tree
    key = ShardKey(counter_key(item), path, tree if path else 0)
    return ShardState(key, at, _state(item) == "closed", amounts_of(item), tree)


def amounts_of(shard: Item) -> dict[str, int]:
    """Return the numbers of a shard by their names."""
    return {name: int(value["N"]) for name, value in shard.items() if "N" in value and name not in _NO_AMOUNTS}


def is_frozen(item: Item) -> bool:
    """Return whether an item of the table is an archive, split or folded: a change of it changes no count."""
    return item["sk"]["S"].startswith("~") or _state(item) in {"split", "folded"}


def whole_count(item: Item) -> Counts | None:
    """Return all counts of the image if this item alone holds them: a root shard that never split. Else None."""
    return None if _path(item) or _state(item) == "split" else _sum([item])


def _partition(key: CounterKey) -> str:
    return f"{key.gallery.merchant_id}/{key.gallery.gallery_id}/{key.image_id}"


def _shard_key(key: ShardKey) -> dict[str, Any]:
    return {"pk": {"S": _partition(key.counters)}, "sk": {"S": f"{_tree_name(key.counters, key.tree)}/{key.path}"}}


def _tree_name(key: CounterKey, number: int) -> str:
    return f"{key.incarnation}.{number}" if number else key.incarnation


def _tree_of(shard: Item) -> int:
    _, _, number = shard["sk"]["S"].split("/")[0].partition(".")
    return int(number or 0)


def _archives_of(key: ShardKey) -> str:
    return f"~{_tree_name(key.counters, key.tree)}/{key.path}/"


def _number(archive: int) -> str:
    return f"{archive:09}"


def _numbered(name: str, number: int, values: dict[str, Any]) -> str:
    """Return the condition that a shard has this number, 0 if none, and add what it needs to `values`."""
    if not number:
        return f"attribute_not_exists({name})"
    values[f":is_{name}"] = {"N": str(number)}
    return f"{name} = :is_{name}"


def _state(item: Item) -> Literal["open", "split", "folded", "closed"]:
    state: Literal["open", "split", "folded", "closed"] = item.get("status", {}).get("S", "open")
    return state


def _path(item: Item) -> str:
    path: str = item["sk"]["S"].split("/")[1]
    return path


def _expiry(item: Item) -> int:
    return int(item.get("expires_at", {}).get("N", 0))


def _bytes(item: Item) -> int:
    """Return how many bytes DynamoDB bills at most for an item with texts, numbers and sets of marks."""
    size = 0
    for name, value in item.items():
        marks = value.get("BS", ())
        size += len(name) + len(value.get("S", "")) + len(value.get("N", "")) + _SET_BYTES * len(marks)
    return size


def _shard(item: Item) -> Shard:
    marks = frozenset(mark for slot in SLOTS for mark in item.get(slot, {}).get("BS", ()))
    archives, tree = (int(item.get(name, {}).get("N", 0)) for name in ("archives", "tree"))
    return Shard(_state(item), marks, archives, tree)


def _sum(shards: Sequence[Item]) -> Counts:
    return counts_of(amounts_of(shard) for shard in shards)
