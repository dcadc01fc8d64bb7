"""Merchants, keys and quota windows in the access table; failed requests and changes in the table of logs.

| pk | what |
|---|---|
| `merchant#{merchant_id}` | a merchant |
| `key#{digest}` | a key; index `by_merchant` on `merchant_id`, `created_at` |
| `quota#{key_id}#{window}` | requests of a key in a window; expires |
| `quota#{key_id}/{digest}#{window}` | requests of one address with a key, above its free share |

| pk of a log | sk | |
|---|---|---|
| `{merchant_id}/errors` | `{time}#{request_id}` | a failed request; index `by_request` on `failed_request`; expires |
| `{merchant_id}/changes` | `{time}#{request_id}` | a change; expires |
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, cast

from vitrine.access.model import KEPT, WINDOW_SECONDS, ApiKey, IdentitySecret, LoggedRequest, Merchant
from vitrine.platform.dynamodb import (
    ConditionFailed,
    OnTable,
    query_all,
    query_some,
    translated,
    try_transaction,
    try_update,
)
from vitrine.platform.times import epoch_seconds, from_rfc3339, to_rfc3339

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mypy_boto3_dynamodb import DynamoDBClient

    from vitrine.access.model import KeyRole, Log
    from vitrine.platform.dynamodb import Item


_NO_IDENTITY = {"S": "[]"}
_NOTHING = {"S": ""}
_NOT_REVOKED = "attribute_not_exists(revoked_at)"
_AFTER_ALL = "~"


class DynamoDBAccess(OnTable):
    """KeyRepository and QuotaRepository on one table."""

    def add_merchant(self, merchant: Merchant) -> bool:
        item = {
            "pk": {"S": f"merchant#{merchant.merchant_id}"},
            "name": {"S": merchant.name},
            "secret": {"S": merchant.secret},
            "created_at": {"S": to_rfc3339(merchant.created_at)},
            "identity_secrets": _identity_item(merchant.identity_secrets),
        }
        try:
            self._put_item(item, ConditionExpression="attribute_not_exists(pk)")
        except ConditionFailed:
            return False
        return True

    def find_merchant(self, merchant_id: str) -> Merchant | None:
        item = self._get(f"merchant#{merchant_id}")
        if item is None:
            return None
        return Merchant(
            merchant_id,
            item["name"]["S"],
            item["secret"]["S"],
            from_rfc3339(item["created_at"]["S"]),
            tuple(
                IdentitySecret(text, from_rfc3339(ends_at) if ends_at else None)
                for text, ends_at in json.loads(item.get("identity_secrets", _NO_IDENTITY)["S"])
            ),
        )

    def replace_identity_secrets(
        self, merchant_id: str, before: Sequence[IdentitySecret], after: Sequence[IdentitySecret]
    ) -> bool:
        return try_update(
            self._client,
            TableName=self._table,
            Key={"pk": {"S": f"merchant#{merchant_id}"}},
            UpdateExpression="SET identity_secrets = :after",
            ConditionExpression="identity_secrets = :before"
            + ("" if before else " OR (attribute_exists(pk) AND attribute_not_exists(identity_secrets))"),
            ExpressionAttributeValues={":before": _identity_item(before), ":after": _identity_item(after)},
        )

    def merchants(self) -> list[str]:
        """The ids of all merchants."""
        merchant_ids: list[str] = []
        scan: dict[str, Any] = {
            "TableName": self._table,
            "FilterExpression": "begins_with(pk, :merchant)",
            "ExpressionAttributeValues": {":merchant": {"S": "merchant#"}},
            "ProjectionExpression": "pk",
        }
        while True:
            with translated():
                page = self._client.scan(**scan)
            merchant_ids += [cast("Item", item)["pk"]["S"].removeprefix("merchant#") for item in page["Items"]]
            if "LastEvaluatedKey" not in page:
                return merchant_ids
            scan["ExclusiveStartKey"] = page["LastEvaluatedKey"]

    def add_key(self, key: ApiKey) -> None:
        self._put_item(_key_item(key))

    def find_key(self, digest: str) -> ApiKey | None:
        item = self._get(f"key#{digest}")
        return None if item is None else _key(item)

    def list_keys(self, merchant_id: str) -> Sequence[ApiKey]:
        items = query_all(
            self._client,
            TableName=self._table,
            IndexName="by_merchant",
            KeyConditionExpression="merchant_id = :merchant",
            ExpressionAttributeValues={":merchant": {"S": merchant_id}},
        )
        return [_key(item) for item in items]

    def newest_keys(self, merchant_id: str, limit: int, after: ApiKey | None) -> Sequence[ApiKey]:
        start: dict[str, Any] = {}
        if after:
            item = _key_item(after)
            start = {"ExclusiveStartKey": {name: item[name] for name in ("pk", "merchant_id", "created_at")}}
        items = query_some(
            self._client,
            limit,
            TableName=self._table,
            IndexName="by_merchant",
            KeyConditionExpression="merchant_id = :merchant",
            ExpressionAttributeValues={":merchant": {"S": merchant_id}},
            ScanIndexForward=False,
            **start,
        )
        return [_key(item) for item in items]

    def revoke_key(self, digest: str, revoked_at: datetime) -> None:
        try_update(
            self._client,
            TableName=self._table,
            Key={"pk": {"S": f"key#{digest}"}},
            UpdateExpression="SET revoked_at = :at",
            ConditionExpression=f"attribute_exists(pk) AND ({_NOT_REVOKED} OR revoked_at > :at)",
            ExpressionAttributeValues={":at": {"S": to_rfc3339(revoked_at)}},
        )

    def replace_key(self, digest: str, revoked_at: datetime, successor: ApiKey) -> bool:
        writes: list[Any] = [
            {"Put": {"TableName": self._table, "Item": _key_item(successor)}},
            {
                "Update": {
                    "TableName": self._table,
                    "Key": {"pk": {"S": f"key#{digest}"}},
                    "UpdateExpression": "SET revoked_at = :at",
                    "ConditionExpression": f"attribute_exists(pk) AND {_NOT_REVOKED}",
                    "ExpressionAttributeValues": {":at": {"S": to_rfc3339(revoked_at)}},
                }
            },
        ]
        return try_transaction(self._client, writes)

    def note_use(self, digest: str, used_at: datetime, unless_after: datetime) -> None:
        try_update(
            self._client,
            TableName=self._table,
            Key={"pk": {"S": f"key#{digest}"}},
            UpdateExpression="SET last_used_at = :now",
            ConditionExpression="attribute_exists(pk) AND "
            "(attribute_not_exists(last_used_at) OR last_used_at <= :unless_after)",
            ExpressionAttributeValues={
                ":now": {"N": str(epoch_seconds(used_at))},
                ":unless_after": {"N": str(epoch_seconds(unless_after))},
            },
        )

    def spend(self, spender: str, window: int, amount: int, limit: int) -> bool:
        if amount > limit:
            return False
        try:
            self._update_item(
                {"pk": {"S": f"quota#{spender}#{window}"}},
                UpdateExpression="ADD spent :amount SET expires_at = :expiry",
                ConditionExpression="attribute_not_exists(spent) OR spent <= :room",
                ExpressionAttributeValues={
                    ":amount": {"N": str(amount)},
                    ":room": {"N": str(limit - amount)},
                    ":expiry": {"N": str((window + 2) * WINDOW_SECONDS)},
                },
            )
        except ConditionFailed:
            return False
        return True

    def _get(self, pk: str) -> Item | None:
        return self._find({"pk": {"S": pk}})


class DynamoDBRequestLog:
    """RequestLog on a table. `write_client` adds entries while a request waits, so it should give up soon."""

    def __init__(self, client: DynamoDBClient, write_client: DynamoDBClient, table: str) -> None:
        self._client = client
        self._write_client = write_client
        self._table = table

    def add(self, merchant_id: str, log: Log, entry: LoggedRequest) -> None:
        with translated():
            self._write_client.put_item(TableName=self._table, Item=_log_item(merchant_id, log, entry))

    def newest(
        self, merchant_id: str, log: Log, limit: int, before: str | None, now: datetime
    ) -> Sequence[LoggedRequest]:
        items = query_some(
            self._client,
            limit,
            TableName=self._table,
            KeyConditionExpression="pk = :pk AND sk < :before",
            ExpressionAttributeValues={":pk": {"S": f"{merchant_id}/{log}"}, ":before": {"S": before or _AFTER_ALL}},
            ScanIndexForward=False,
        )
        return _lasting(items, log, now)

    def find_error(self, merchant_id: str, request_id: str, now: datetime) -> LoggedRequest | None:
        items = query_some(
            self._client,
            1,
            TableName=self._table,
            IndexName="by_request",
            KeyConditionExpression="pk = :pk AND failed_request = :id",
            ExpressionAttributeValues={":pk": {"S": f"{merchant_id}/errors"}, ":id": {"S": request_id}},
        )
        return next(iter(_lasting(items, "errors", now)), None)


def _log_item(merchant_id: str, log: Log, entry: LoggedRequest) -> Item:
    texts = {
        "pk": f"{merchant_id}/{log}",
        "sk": entry.position,
        "request_id": entry.request_id,
        "at": to_rfc3339(entry.at),
        "method": entry.method,
        "route": entry.route,
        "key_id": entry.key_id,
        "key_label": entry.key_label,
        "role": entry.role,
        "reviewer": entry.reviewer,
        "code": entry.code,
        "detail": entry.detail,
        "failed_request": entry.request_id if log == "errors" else None,
    }
    item: Item = {name: {"S": text} for name, text in texts.items() if text}
    item["ids"] = {"M": {name: {"S": value} for name, value in entry.ids.items()}}
    item["status"] = {"N": str(entry.status)}
    item["expires_at"] = {"N": str(epoch_seconds(entry.at + KEPT[log]))}
    return item


def _lasting(items: Sequence[Item], log: Log, now: datetime) -> list[LoggedRequest]:
    """The entries of items that have not expired; DynamoDB may delete them days later."""
    entries = [_logged_request(item) for item in items]
    return [entry for entry in entries if entry.at > now - KEPT[log]]


def _logged_request(item: Item) -> LoggedRequest:
    def text(name: str) -> str | None:
        return cast("str | None", item.get(name, {}).get("S"))

    return LoggedRequest(
        request_id=item["request_id"]["S"],
        at=from_rfc3339(item["at"]["S"]),
        method=item["method"]["S"],
        route=item["route"]["S"],
        ids={name: value["S"] for name, value in item["ids"]["M"].items()},
        status=int(item["status"]["N"]),
        key_id=item["key_id"]["S"],
        key_label=text("key_label") or "",
        role=cast("KeyRole", item["role"]["S"]),
        reviewer=text("reviewer"),
        code=text("code"),
        detail=text("detail"),
    )


def _identity_item(secrets: Sequence[IdentitySecret]) -> dict[str, Any]:
    return {
        "S": json.dumps([[secret.text, to_rfc3339(secret.ends_at) if secret.ends_at else None] for secret in secrets])
    }


def _key_item(key: ApiKey) -> dict[str, Any]:
    item: dict[str, Any] = {
        "pk": {"S": f"key#{key.digest}"},
        "key_id": {"S": key.key_id},
        "merchant_id": {"S": key.merchant_id},
        "merchant_secret": {"S": key.merchant_secret},
        "role": {"S": key.role},
        "requests_per_minute": {"N": str(key.requests_per_minute)},
        "created_at": {"S": to_rfc3339(key.created_at)},
    }
    if key.label:
        item["label"] = {"S": key.label}
    if key.origins:
        item["origins"] = {"S": " ".join(key.origins)}
    if key.reviewer:
        item["reviewer"] = {"S": key.reviewer}
    return item


def _key(item: Item) -> ApiKey:
    revoked, used = item.get("revoked_at"), item.get("last_used_at")
    return ApiKey(
        digest=item["pk"]["S"].removeprefix("key#"),
        key_id=item["key_id"]["S"],
        merchant_id=item["merchant_id"]["S"],
        merchant_secret=item["merchant_secret"]["S"],
        role=cast("KeyRole", (item.get("role") or item["kind"])["S"]),  # keys had a kind before they had roles
        requests_per_minute=int(item["requests_per_minute"]["N"]),
        created_at=from_rfc3339(item["created_at"]["S"]),
        revoked_at=from_rfc3339(revoked["S"]) if revoked else None,
        label=item.get("label", _NOTHING)["S"],
        origins=tuple(item.get("origins", _NOTHING)["S"].split()),
        reviewer=item["reviewer"]["S"] if "reviewer" in item else None,
        last_used_at=datetime.fromtimestamp(int(used["N"]), UTC) if used else None,
    )
