"""Imports and their rejections in the imports table.

| pk | sk | what |
|---|---|---|
| `{merchant_id}` | `{import_id}` | an import; index `by_time` on `merchant_id`, `made` |
| `{merchant_id}/{import_id}` | the number of rows before the chunk, 12 digits | the chunk's rejections |

All items expire.
"""

from __future__ import annotations

import json
from contextlib import suppress
from datetime import timedelta
from itertools import islice
from typing import TYPE_CHECKING, Any, cast

from vitrine.imports.model import Import, ImportFailure, ImportKey, ObjectVersion, Progress, Rejection
from vitrine.imports.ports import ImportBusy, LeaseLost, RejectionPage
from vitrine.platform.dynamodb import ConditionFailed, OnTable, query_all, translated
from vitrine.platform.times import epoch_seconds, from_rfc3339, to_rfc3339

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from vitrine.imports.ports import Lease
    from vitrine.platform.dynamodb import Item

RETENTION = timedelta(days=90)
_CHUNKS_READ_AT_ONCE = 4
_OWNED = "lease_owner = :owner"


class DynamoDBImports(OnTable):
    """ImportStore on one table."""

    def add(self, new: Import) -> None:
        with suppress(ConditionFailed):
            self._put_item(_item(new), ConditionExpression="attribute_not_exists(pk)")

    def find(self, key: ImportKey) -> Import | None:
        item = self._find(_key(key))
        return _import(item) if item else None

    def newest(self, merchant_id: str, limit: int, after: Any) -> tuple[Sequence[Import], Any]:
        with translated():
            page = self._client.query(
                TableName=self._table,
                IndexName="by_time",
                KeyConditionExpression="merchant_id = :merchant AND made < :after",
                ExpressionAttributeValues={":merchant": {"S": merchant_id}, ":after": {"S": after or "~"}},
                ScanIndexForward=False,
                Limit=limit,
            )
        items = [cast("Item", item) for item in page["Items"]]
        return [_import(item) for item in items], items[-1]["made"]["S"] if "LastEvaluatedKey" in page else None

    def attach(self, key: ImportKey, upload: ObjectVersion) -> bool:
        try:
            self._update(
                key,
                "SET etag = :etag, #size = :size",
                "attribute_exists(pk) AND (attribute_not_exists(etag) OR etag = :etag)",
                {":etag": {"S": upload.etag}, ":size": {"N": str(upload.size)}},
                {"#size": "size"},
            )
        except ConditionFailed:
            return False
        return True

    def lease(self, key: ImportKey, lease: Lease, now: datetime) -> Import | None:
        try:
            item = self._update(
                key,
                "SET #status = :running, lease_owner = :owner, lease_until = :until, "
                "started_at = if_not_exists(started_at, :started)",
                "#status IN (:waiting, :running) AND "
                "(attribute_not_exists(lease_until) OR lease_until < :now OR lease_owner = :owner)",
                {
                    ":waiting": {"S": "waiting"},
                    ":running": {"S": "running"},
                    ":owner": {"S": lease.owner},
                    ":until": {"N": str(_milliseconds(lease.until))},
                    ":started": {"S": to_rfc3339(now)},
                    ":now": {"N": str(_milliseconds(now))},
                },
                {"#status": "status"},
            )
        except ConditionFailed as refused:
            if refused.item.get("status", {}).get("S") in ("waiting", "running"):
                raise ImportBusy((int(refused.item["lease_until"]["N"]) - _milliseconds(now)) / 1000) from refused
            return None
        return _import(item)

    def advance(self, key: ImportKey, lease: Lease, before: Progress, after: Progress) -> None:
        try:
            self._update(
                key,
                "SET rows_read = :read, rows_imported = :imported, rows_rejected = :rejected, bytes_read = :offset",
                f"{_OWNED} AND rows_read = :before",
                {
                    ":owner": {"S": lease.owner},
                    ":before": {"N": str(before.read)},
                    ":read": {"N": str(after.read)},
                    ":imported": {"N": str(after.imported)},
                    ":rejected": {"N": str(after.rejected)},
                    ":offset": {"N": str(after.offset)},
                },
            )
        except ConditionFailed as refused:
            # If the response to a write is lost, the AWS client sends the write again.
            is_ours = refused.item.get("lease_owner", {}).get("S") == lease.owner
            if not (is_ours and _progress(refused.item) == after):
                raise LeaseLost from refused

    def finish(self, key: ImportKey, lease: Lease, failure: ImportFailure | None, now: datetime) -> None:
        fields = {"#status": "status"}
        values: dict[str, Any] = {
            ":owner": {"S": lease.owner},
            ":status": {"S": "failed" if failure else "completed"},
            ":now": {"S": to_rfc3339(now)},
        }
        expression = "SET #status = :status, finished_at = :now"
        if failure:
            expression += ", failure = :failure"
            values[":failure"] = {"S": json.dumps(failure)}
        try:
            self._update(key, expression, _OWNED, values, fields)
        except ConditionFailed as refused:
            raise LeaseLost from refused

    def release(self, key: ImportKey, lease: Lease) -> None:
        try:
            self._update(key, "REMOVE lease_owner, lease_until", _OWNED, {":owner": {"S": lease.owner}})
        except ConditionFailed:
            return

    def put_rejections(self, import_: Import, after_row: int, rejections: Sequence[Rejection]) -> None:
        item = {
            "pk": {"S": "/".join(import_.key)},
            "sk": {"S": f"{after_row:012d}"},
            "rejections": {"S": json.dumps(rejections, separators=(",", ":"), ensure_ascii=False)},
            "expires_at": _expiry(import_),
        }
        self._put_item(item)

    def rejections(self, key: ImportKey, limit: int, after: Any) -> RejectionPage:
        chunks = query_all(
            self._client,
            TableName=self._table,
            KeyConditionExpression="pk = :import AND sk >= :chunk",
            ExpressionAttributeValues={":import": {"S": "/".join(key)}, ":chunk": {"S": after[0] if after else "0"}},
            Limit=_CHUNKS_READ_AT_ONCE,
        )
        numbered = (
            ([chunk["sk"]["S"], index], Rejection(*fields))
            for chunk in chunks
            for index, fields in enumerate(json.loads(chunk["rejections"]["S"]))
        )
        page = list(islice((entry for entry in numbered if not after or entry[0] >= after), limit + 1))
        return RejectionPage([rejection for _, rejection in page[:limit]], page[limit][0] if page[limit:] else None)

    def _update(
        self,
        key: ImportKey,
        expression: str,
        condition: str,
        values: dict[str, Any],
        names: dict[str, str] | None = None,
    ) -> Item:
        """Return the updated item. Raises ConditionFailed with the stored item."""
        update: dict[str, Any] = {
            "TableName": self._table,
            "Key": _key(key),
            "UpdateExpression": expression,
            "ConditionExpression": condition,
            "ExpressionAttributeValues": values,
            "ReturnValues": "ALL_NEW",
            "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
        }
        if names:
            update["ExpressionAttributeNames"] = names
        with translated():
            return cast("Item", self._client.update_item(**update)["Attributes"])


def _key(key: ImportKey) -> dict[str, Any]:
    return {"pk": {"S": key.merchant_id}, "sk": {"S": key.import_id}}


def _milliseconds(moment: datetime) -> int:
    return round(moment.timestamp() * 1000)


def _expiry(new: Import) -> dict[str, str]:
    return {"N": str(epoch_seconds(new.created_at + RETENTION))}


def _item(new: Import) -> Item:
    item: Item = {
        **_key(new.key),
        "merchant_id": {"S": new.key.merchant_id},
        "made": {"S": f"{_milliseconds(new.created_at):015d}/{new.key.import_id}"},
        "created_at": {"S": to_rfc3339(new.created_at)},
        "kind": {"S": new.kind},
        "object_key": {"S": new.object_key},
        "columns": {"S": json.dumps(dict(new.columns), ensure_ascii=False)},
        "status": {"S": new.status},
        "rows_read": {"N": str(new.progress.read)},
        "rows_imported": {"N": str(new.progress.imported)},
        "rows_rejected": {"N": str(new.progress.rejected)},
        "expires_at": _expiry(new),
    }
    if new.gallery_id:
        item["gallery_id"] = {"S": new.gallery_id}
    if new.upload:
        item["etag"] = {"S": new.upload.etag}
        item["size"] = {"N": str(new.upload.size)}
    if new.finished_at:
        item["finished_at"] = {"S": to_rfc3339(new.finished_at)}
    if new.failure:
        item["failure"] = {"S": json.dumps(new.failure)}
    return item


def _import(item: Item) -> Import:
    object_key = item["object_key"]["S"]
    return Import(
        key=ImportKey(item["pk"]["S"], item["sk"]["S"]),
        kind=item["kind"]["S"],
        gallery_id=item["gallery_id"]["S"] if "gallery_id" in item else None,
        object_key=object_key,
        created_at=from_rfc3339(item["created_at"]["S"]),
        columns=json.loads(item["columns"]["S"]),
        upload=ObjectVersion(object_key, item["etag"]["S"], int(item["size"]["N"])) if "etag" in item else None,
        status=item["status"]["S"],
        progress=_progress(item),
        started_at=from_rfc3339(item["started_at"]["S"]) if "started_at" in item else None,
        finished_at=from_rfc3339(item["finished_at"]["S"]) if "finished_at" in item else None,
        failure=ImportFailure(*json.loads(item["failure"]["S"])) if "failure" in item else None,
    )


def _progress(item: Item) -> Progress:
    fields = ("rows_read", "rows_imported", "rows_rejected", "bytes_read")
    return Progress(*(int(item[field]["N"]) if field in item else 0 for field in fields))
