"""Snapshots, their queues, counts and audit trails in one table.

| pk | sk | |
|---|---|---|
| `{merchant}/snapshot/{snapshot_id}` | `-` | a snapshot and what it has added to the counts |
| `{merchant}/filename/{product_id}` | `{filename}` | the id of the snapshot with this filename |
| `{merchant}/trail/{snapshot_id}` | `{revision}` | a step |
| `{merchant}/counts` | `all`, `product#…`, `reviewer#…` | counts; a product's queue key; a reviewer's current product |

Two sparse indexes project keys only. `by_queue` (`queue`, `place`) has what is undecided: a product's snapshots under
`{merchant}/{product_id}`, and the merchant's products under `{merchant}`; `place` is the queue key. `by_status`
(`listed_in`, `listed_at`) has all snapshots, for lists: by status, and those on which two disagree by themselves.
Separate writes change a snapshot and what it has added to the counts.
"""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from typing import TYPE_CHECKING, Any, cast

from vitrine.platform.dynamodb import (
    ConditionFailed,
    Contended,
    OnTable,
    TransactionRefused,
    batch_get,
    query_all,
    translated,
    try_update,
)
from vitrine.platform.retries import retry
from vitrine.platform.threads import run_all
from vitrine.platform.times import from_rfc3339, to_rfc3339
from vitrine.review.model import (
    PRODUCT,
    Lease,
    Opinion,
    Snapshot,
    from_instant,
    instant,
    is_available,
    leased_key,
    reviewer_digest,
)
from vitrine.review.ports import ProductCounts, QueueEntry, ReviewerCounts, Step, StoredCounts

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime

    from vitrine.platform.dynamodb import Item
    from vitrine.review.model import Listing
    from vitrine.review.ports import Added, Counts

_REVIEWER = "reviewer#"
_SNAPSHOT = "/snapshot/"
_ONLY = "-"
_AFTER_IDS = "\x7f"
_INDEXES = {"by_queue": ("queue", "place"), "by_status": ("listed_in", "listed_at")}
_RANGES_OF_A_QUEUE = 3
_CHANGING = (
    *("opinions", "opinions_wanted", "judges", "uploaded", "lease_reviewer", "lease_since", "lease_until"),
    *("queue", "place", "listed_in", "revision"),
)


class DynamoDBReview(OnTable):
    """Snapshots, Queue, Tallies and Trail on DynamoDB."""

    def add(self, snapshot: Snapshot) -> Added:
        filename = {
            "pk": {"S": f"{snapshot.merchant_id}/filename/{snapshot.product_id}"},
            "sk": {"S": snapshot.filename},
        }
        puts: list[Any] = [
            {
                "Put": {
                    "TableName": self._table,
                    "Item": item,
                    "ConditionExpression": "attribute_not_exists(pk)",
                }
            }
            for item in (_item(snapshot), {**filename, "snapshot_id": {"S": snapshot.snapshot_id}})
        ]

        def attempt() -> None:
            with translated():
                self._client.transact_write_items(TransactItems=puts)

        try:
            retry(attempt)
        except TransactionRefused as error:
            stored = self.find(snapshot.merchant_id, [snapshot.snapshot_id]).get(snapshot.snapshot_id)
            if stored and stored.same_facts(snapshot):
                return "same"
            return "id_taken" if 0 in error.failed else "filename_taken"
        return "created"

    def find(self, merchant_id: str, snapshot_ids: Iterable[str]) -> Mapping[str, Snapshot]:
        return {name: snapshot for name, (snapshot, _) in self.added_by(merchant_id, list(snapshot_ids)).items()}

    def save(self, snapshot: Snapshot) -> bool:
        item = _item(snapshot)
        written = [name for name in _CHANGING if name in item]
        sets = ", ".join(f"#{name} = :{name}" for name in written)
        removed = ", ".join(f"#{name}" for name in _CHANGING if name not in item)
        return self._update(
            _snapshot_key(snapshot.merchant_id, snapshot.snapshot_id),
            f"SET {sets}" + (f" REMOVE {removed}" if removed else ""),
            "revision = :before",
            {f":{name}": item[name] for name in written} | {":before": {"N": str(snapshot.revision)}},
            {f"#{name}": name for name in _CHANGING},
        )

    def list_snapshots(
        self, merchant_id: str, listing: Listing, product_id: str | None, limit: int, after: str | None
    ) -> tuple[Sequence[Snapshot], str | None]:
        low, high = (f"{product_id}#", f"{product_id}$") if product_id else (" ", "~~")
        page = self._query("by_status", f"{merchant_id}/{listing}", (after + " " if after else low, high), limit)
        snapshot_ids = [item["pk"]["S"].rpartition("/")[2] for item in page]
        stored = self.find(merchant_id, snapshot_ids)
        snapshots = [stored[snapshot_id] for snapshot_id in snapshot_ids if snapshot_id in stored]
        return snapshots, page[-1]["listed_at"]["S"] if len(page) == limit else None

    def available(
        self, merchant_id: str, product_id: str, reviewer: str | None, now: datetime, limit: int
    ) -> Sequence[QueueEntry]:
        own = "1" + reviewer_digest(reviewer) if reviewer else None
        waiting = [("1", own), (own + "~", "3")] if own else [("1", "2"), ("2", "3")]
        ranges = [("0", "0" + instant(now)), *waiting]
        queue = f"{merchant_id}/{product_id}"
        pages = run_all(self._readers, lambda between: self._query("by_queue", queue, between, limit), ranges)
        entries = [
            QueueEntry(item["pk"]["S"].rpartition("/")[2], item["place"]["S"]) for page in pages for item in page
        ]
        return [entry for entry in entries if is_available(entry.queue_key, now)][:limit]

    def lease(self, merchant_id: str, entry: QueueEntry, lease: Lease) -> Snapshot | None:
        update: dict[str, Any] = {
            "TableName": self._table,
            "Key": _snapshot_key(merchant_id, entry.name),
            "UpdateExpression": (
                "SET lease_reviewer = :reviewer, lease_since = :since, lease_until = :until, place = :leased "
                "ADD revision :one"
            ),
            "ConditionExpression": "place = :place AND NOT contains(judges, :reviewer)",
            "ExpressionAttributeValues": {
                **{f":{name}": value for name, value in _lease_values(lease).items()},
                ":place": {"S": entry.queue_key},
                ":leased": {"S": leased_key(entry.queue_key, lease.until)},
                ":one": {"N": "1"},
            },
            "ReturnValues": "ALL_NEW",
        }
        try:
            with translated():
                return _snapshot(cast("Item", self._client.update_item(**update)["Attributes"]))
        except (ConditionFailed, Contended):
            return None

    def first_expiry(self, merchant_id: str, product_id: str, now: datetime) -> datetime | None:
        queue = f"{merchant_id}/{product_id}"
        page = self._query("by_queue", queue, ("0" + instant(now), "1"), 1)
        return from_instant(page[0]["place"]["S"][1:]) if page else None

    def open_products(self, merchant_id: str, now: datetime, limit: int) -> Sequence[QueueEntry]:
        page = self._query("by_queue", merchant_id, ("0", instant(now)), limit)
        return [QueueEntry(item["sk"]["S"].removeprefix(PRODUCT), item["place"]["S"]) for item in page]

    def move_product(self, merchant_id: str, entry: QueueEntry, until: datetime) -> QueueEntry | None:
        condition, values = "place = :place", {":place": {"S": entry.queue_key}, ":until": {"S": instant(until)}}
        if entry.revision is not None:
            condition += " AND revision = :revision"
            values[":revision"] = {"N": str(entry.revision)}
        update = {
            "UpdateExpression": "SET place = :until",
            "ConditionExpression": condition,
            "ExpressionAttributeValues": values,
            "ReturnValues": "ALL_NEW",
        }
        try:
            moved = retry(lambda: self._update_item(_counts_key(merchant_id, PRODUCT + entry.name), **update))
        except ConditionFailed:
            return None
        item = moved["Attributes"]
        return QueueEntry(entry.name, item["place"]["S"], int(item["revision"]["N"]))

    def current_product(self, merchant_id: str, reviewer: str) -> str | None:
        counts = self._find(_counts_key(merchant_id, _REVIEWER + reviewer)) or {}
        return counts["product_id"]["S"] if "product_id" in counts else None

    def set_current_product(self, merchant_id: str, reviewer: str, product_id: str) -> None:
        key = _counts_key(merchant_id, _REVIEWER + reviewer)
        self._update(key, "SET product_id = :product", None, {":product": {"S": product_id}})

    def added_by(self, merchant_id: str, snapshot_ids: Sequence[str]) -> Mapping[str, tuple[Snapshot, str | None]]:
        keys = [_snapshot_key(merchant_id, snapshot_id) for snapshot_id in dict.fromkeys(snapshot_ids)]
        found = {}
        for item in batch_get(self._client, self._table, keys):
            snapshot = _snapshot(item)
            found[snapshot.snapshot_id] = (snapshot, item["added"]["S"] if "added" in item else None)
        return found

    def find_counts(self, merchant_id: str, names: Iterable[str]) -> Mapping[str, StoredCounts]:
        items = batch_get(self._client, self._table, [_counts_key(merchant_id, name) for name in names])
        return {
            item["sk"]["S"]: StoredCounts(
                _counts(item), int(item.get("revision", {"N": "0"})["N"]), item.get("place", {}).get("S")
            )
            for item in items
        }

    def commit(
        self, merchant_id: str, added: Mapping[str, tuple[str | None, str]], counts: Mapping[str, StoredCounts]
    ) -> bool:
        writes: list[Any] = [
            self._guarded(
                _snapshot_key(merchant_id, snapshot_id),
                "SET added = :after",
                "attribute_not_exists(added)" if before is None else "added = :before",
                {":after": {"S": after}} | ({} if before is None else {":before": {"S": before}}),
            )
            for snapshot_id, (before, after) in added.items()
        ]
        writes += [self._count(merchant_id, name, stored) for name, stored in counts.items()]
        try:
            with translated():
                self._client.transact_write_items(TransactItems=writes)
        except (TransactionRefused, Contended):
            return False
        return True

    def totals(self, merchant_id: str) -> Counts:
        stored = self.find_counts(merchant_id, ["all"]).get("all")
        return stored.counts if stored else {}

    def products(self, merchant_id: str, limit: int, after: str | None, prefix: str = "") -> Sequence[ProductCounts]:
        low, high = PRODUCT + (after + " " if after else prefix), PRODUCT + prefix + _AFTER_IDS
        items = self._counts_of(merchant_id, low, high, limit)
        return [ProductCounts(item["sk"]["S"].removeprefix(PRODUCT), _counts(item)) for item in items]

    def reviewers(self, merchant_id: str) -> Sequence[ReviewerCounts]:
        items = query_all(self._client, **self._counts_query(merchant_id, _REVIEWER, "reviewer$"))
        return [ReviewerCounts(item["sk"]["S"].removeprefix(_REVIEWER), _counts(item)) for item in items]

    def record(self, merchant_id: str, snapshot_id: str, step: Step) -> None:
        optional = {"reviewer": step.reviewer, "reason": step.reason}
        item: Item = {
            "pk": {"S": f"{merchant_id}/trail/{snapshot_id}"},
            "sk": {"S": f"{step.revision:08d}"},
            "at": {"S": to_rfc3339(step.at)},
            "status": {"S": step.status},
            "action": {"S": step.action},
            **{name: {"S": value} for name, value in optional.items() if value is not None},
        }
        self._put_item(item)

    def read(self, merchant_id: str, snapshot_id: str) -> Sequence[Step]:
        items = self._partition(f"{merchant_id}/trail/{snapshot_id}")
        return [
            Step(
                revision=int(item["sk"]["S"]),
                at=from_rfc3339(item["at"]["S"]),
                status=item["status"]["S"],
                action=item["action"]["S"],
                reviewer=item.get("reviewer", {}).get("S"),
                reason=item.get("reason", {}).get("S"),
            )
            for item in items
        ]

    @cached_property
    def _readers(self) -> ThreadPoolExecutor:
        return ThreadPoolExecutor(_RANGES_OF_A_QUEUE)

    def _query(self, index: str, within: str, between: tuple[str, str], limit: int) -> Sequence[Item]:
        partition, sort = _INDEXES[index]
        with translated():
            page = self._client.query(
                TableName=self._table,
                IndexName=index,
                KeyConditionExpression=f"{partition} = :partition AND {sort} BETWEEN :low AND :high",
                ExpressionAttributeValues={
                    ":partition": {"S": within},
                    ":low": {"S": between[0]},
                    ":high": {"S": between[1]},
                },
                Limit=limit,
            )
        return cast("Sequence[Item]", page["Items"])

    def _counts_query(self, merchant_id: str, low: str, high: str) -> dict[str, Any]:
        return {
            "TableName": self._table,
            "KeyConditionExpression": "pk = :pk AND sk BETWEEN :low AND :high",
            "ExpressionAttributeValues": {
                ":pk": {"S": f"{merchant_id}/counts"},
                ":low": {"S": low},
                ":high": {"S": high},
            },
        }

    def _counts_of(self, merchant_id: str, low: str, high: str, limit: int) -> Sequence[Item]:
        with translated():
            page = self._client.query(**self._counts_query(merchant_id, low, high), Limit=limit)
        return cast("Sequence[Item]", page["Items"])

    def _count(self, merchant_id: str, name: str, stored: StoredCounts) -> dict[str, Any]:
        values: dict[str, Any] = {
            ":counts": {"S": json.dumps(stored.counts, separators=(",", ":"))},
            ":revision": {"N": str(stored.revision + 1)},
        }
        expression = "SET counts = :counts, revision = :revision"
        if stored.queue_key:
            expression += ", queue = :queue, place = :place"
            values |= {":queue": {"S": merchant_id}, ":place": {"S": stored.queue_key}}
        else:
            expression += " REMOVE queue, place"
        if stored.revision:
            values[":before"] = {"N": str(stored.revision)}
        condition = "revision = :before" if stored.revision else "attribute_not_exists(revision)"
        return self._guarded(_counts_key(merchant_id, name), expression, condition, values)

    def _guarded(self, key: dict[str, Any], expression: str, condition: str, values: dict[str, Any]) -> dict[str, Any]:
        return {
            "Update": {
                "TableName": self._table,
                "Key": key,
                "UpdateExpression": expression,
                "ConditionExpression": condition,
                "ExpressionAttributeValues": values,
            }
        }

    def _update(
        self,
        key: dict[str, Any],
        expression: str,
        condition: str | None,
        values: dict[str, Any],
        names: dict[str, str] | None = None,
    ) -> bool:
        return try_update(
            self._client,
            TableName=self._table,
            Key=key,
            UpdateExpression=expression,
            ConditionExpression=condition,
            ExpressionAttributeValues=values,
            ExpressionAttributeNames=names,
        )


def snapshot_of(item: Item) -> Snapshot | None:
    """Return the snapshot of an item in the stream; None if the item is of another kind."""
    return _snapshot(item) if _SNAPSHOT in item["pk"]["S"] else None


def _snapshot_key(merchant_id: str, snapshot_id: str) -> dict[str, Any]:
    return {"pk": {"S": f"{merchant_id}{_SNAPSHOT}{snapshot_id}"}, "sk": {"S": _ONLY}}


def _counts_key(merchant_id: str, name: str) -> dict[str, Any]:
    return {"pk": {"S": f"{merchant_id}/counts"}, "sk": {"S": name}}


def _counts(item: Item) -> Counts:
    return cast("Counts", json.loads(item["counts"]["S"])) if "counts" in item else {}


def _lease_values(lease: Lease) -> dict[str, Any]:
    return {
        "reviewer": {"S": lease.reviewer},
        "since": {"S": to_rfc3339(lease.since)},
        "until": {"S": to_rfc3339(lease.until)},
    }


def _item(snapshot: Snapshot) -> Item:
    """Return the item of a snapshot at its next revision."""
    facts = {
        "product_id": snapshot.product_id,
        "filename": snapshot.filename,
        "created_at": to_rfc3339(snapshot.created_at),
        "url": snapshot.url,
        "gallery_id": snapshot.gallery_id,
        "known_answer": snapshot.known_answer,
    }
    opinions = [
        [opinion.reviewer, opinion.decision, to_rfc3339(opinion.at), opinion.viewed_ms, opinion.reason]
        for opinion in snapshot.opinions
    ]
    present = {name: value for name, value in facts.items() if value is not None}
    item: Item = {
        **_snapshot_key(snapshot.merchant_id, snapshot.snapshot_id),
        "facts": {"S": json.dumps(present, separators=(",", ":"))},
        "opinions": {"S": json.dumps(opinions, separators=(",", ":"))},
        "opinions_wanted": {"N": str(snapshot.opinions_wanted)},
        "uploaded": {"BOOL": snapshot.uploaded},
        "listed_in": {"S": f"{snapshot.merchant_id}/{snapshot.listing}"},
        "listed_at": {"S": f"{snapshot.product_id}#{instant(snapshot.created_at)}{snapshot.snapshot_id}"},
        "revision": {"N": str(snapshot.revision + 1)},
    }
    if snapshot.opinions:
        item["judges"] = {"SS": [opinion.reviewer for opinion in snapshot.opinions]}
    if snapshot.lease:
        item |= {f"lease_{name}": value for name, value in _lease_values(snapshot.lease).items()}
    if snapshot.queue_key:
        item |= {"queue": {"S": f"{snapshot.merchant_id}/{snapshot.product_id}"}, "place": {"S": snapshot.queue_key}}
    return item


def _snapshot(item: Item) -> Snapshot:
    merchant_id, _, snapshot_id = item["pk"]["S"].split("/")
    facts = json.loads(item["facts"]["S"])
    lease = None
    if "lease_reviewer" in item:
        since, until = from_rfc3339(item["lease_since"]["S"]), from_rfc3339(item["lease_until"]["S"])
        lease = Lease(item["lease_reviewer"]["S"], since, until)
    return Snapshot(
        merchant_id=merchant_id,
        snapshot_id=snapshot_id,
        product_id=facts["product_id"],
        filename=facts["filename"],
        created_at=from_rfc3339(facts["created_at"]),
        url=facts.get("url"),
        gallery_id=facts.get("gallery_id"),
        known_answer=facts.get("known_answer"),
        opinions_wanted=int(item["opinions_wanted"]["N"]),
        uploaded=item["uploaded"]["BOOL"],
        opinions=tuple(
            Opinion(reviewer, decision, from_rfc3339(at), viewed_ms, reason)
            for reviewer, decision, at, viewed_ms, reason in json.loads(item["opinions"]["S"])
        ),
        lease=lease,
        revision=int(item["revision"]["N"]),
    )
