"""Calls of DynamoDB with its errors translated, and with retries."""

from __future__ import annotations

from contextlib import contextmanager
from itertools import islice
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from vitrine.platform.problems import Unavailable, Unstorable
from vitrine.platform.retries import Superseded, retry

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from mypy_boto3_dynamodb import DynamoDBClient

    Item = dict[str, Any]

BATCH_GET_LIMIT = 100
BATCH_WRITE_LIMIT = 25
_BUSY = "The store is busy. Send the request again."
_RETRYABLE = frozenset(
    {
        "InternalServerError",
        "ItemCollectionSizeLimitExceededException",
        "LimitExceededException",
        "ProvisionedThroughputExceededException",
        "RequestLimitExceeded",
        "ServiceUnavailable",
        "ThrottlingException",
        "TransactionConflictException",
        "TransactionInProgressException",
    }
)


class ConditionFailed(Exception):
    """A conditional write was refused. `item` is the stored item, empty if there is none."""

    def __init__(self, item: Item | None = None) -> None:
        super().__init__("the condition does not hold")
        self.item: Item = item or {}


class TransactionRefused(Exception):
    """A transaction was refused. `failed` are the positions of the writes whose conditions do not hold."""

    def __init__(self, failed: Sequence[int]) -> None:
        super().__init__(f"conditions {list(failed)} do not hold")
        self.failed = tuple(failed)


class Contended(Superseded):
    """Another writer is changing the same items at this moment."""


@contextmanager
def translated() -> Iterator[None]:
    """Turn botocore's errors into ConditionFailed, TransactionRefused, Contended, Unstorable or Unavailable."""
    try:
        yield
    except ClientError as error:
        raise _translate(error) from error
    except BotoCoreError as error:
        raise Unavailable("The store did not answer in time. Send the request again.", 1) from error


def _translate(error: ClientError) -> Exception:
    code = error.response["Error"]["Code"]
    if code == "ConditionalCheckFailedException":
        return ConditionFailed(error.response.get("Item"))  # type: ignore[arg-type]
    if code == "TransactionCanceledException":
        return _translate_cancellation(error)
    if code == "TransactionConflictException":
        return Contended()
    if code == "ValidationException":
        return Unstorable(error.response["Error"].get("Message", code))
    if code in _RETRYABLE:
        return Unavailable(_BUSY, 1)
    return error


def _translate_cancellation(error: ClientError) -> Exception:
    reasons = [reason.get("Code") for reason in error.response.get("CancellationReasons", [])]
    if "ValidationError" in reasons:
        return Unstorable(error.response["Error"].get("Message", ""))
    refused = [position for position, reason in enumerate(reasons) if reason == "ConditionalCheckFailed"]
    return TransactionRefused(refused) if refused else Contended()


def find_item(client: DynamoDBClient, table: str, key: Mapping[str, Any], *, consistent: bool = True) -> Item | None:
    """The item with this key, or None."""
    with translated():
        return client.get_item(TableName=table, Key=key, ConsistentRead=consistent).get("Item")


def try_update(client: DynamoDBClient, **update: Any) -> bool:
    """`update_item` without the arguments that are None, with retries; False if its condition fails."""
    given = {name: value for name, value in update.items() if value is not None}

    def attempt() -> None:
        with translated():
            client.update_item(**given)

    try:
        retry(attempt)
    except ConditionFailed:
        return False
    return True


def try_transaction(client: DynamoDBClient, writes: Sequence[Any]) -> bool:
    """`transact_write_items` with retries; False if a condition fails."""

    def attempt() -> None:
        with translated():
            client.transact_write_items(TransactItems=writes)

    try:
        retry(attempt)
    except TransactionRefused:
        return False
    return True


def batch_get(
    client: DynamoDBClient, table: str, keys: Sequence[Mapping[str, Any]], *, consistent: bool = True
) -> list[Item]:
    """The items with these keys (any number, none twice), in no order; absent ones are left out."""
    items: list[Item] = []
    for start in range(0, len(keys), BATCH_GET_LIMIT):
        items += get_together(client, {table: keys[start : start + BATCH_GET_LIMIT]}, consistent=consistent)[table]
    return items


def get_together(
    client: DynamoDBClient, keys: Mapping[str, Sequence[Mapping[str, Any]]], *, consistent: bool
) -> dict[str, list[Item]]:
    """Items of several tables, at most `BATCH_GET_LIMIT`, in one round trip unless the store leaves some out."""
    items_by_table: dict[str, list[Item]] = {table: [] for table in keys}
    left: Any = {table: {"Keys": list(some), "ConsistentRead": consistent} for table, some in keys.items()}

    def attempt() -> None:
        nonlocal left
        with translated():
            response = client.batch_get_item(RequestItems=left)
        for table, items in response["Responses"].items():
            items_by_table[table] += items
        left = response.get("UnprocessedKeys")
        if left:
            raise Contended

    retry(attempt, refusal=_BUSY)
    return items_by_table


def query_some(client: DynamoDBClient, limit: int, **query: Any) -> list[Item]:
    """The first `limit` items of a query, over as many pages of 1 MB as they take."""
    return list(islice(query_all(client, Limit=limit, **query), limit))


def batch_put(client: DynamoDBClient, table: str, items: Sequence[Mapping[str, Any]]) -> None:
    """Put items (any number, no key twice); not atomic."""
    batch_write(client, table, [{"PutRequest": {"Item": item}} for item in items])


def batch_write(client: DynamoDBClient, table: str, requests: Sequence[Any]) -> None:
    """Put and delete items (any number, no key twice); not atomic."""
    for start in range(0, len(requests), BATCH_WRITE_LIMIT):
        left = list(requests[start : start + BATCH_WRITE_LIMIT])

        def attempt() -> None:
            nonlocal left
            with translated():
                response = client.batch_write_item(RequestItems={table: left})
            left = list(response.get("UnprocessedItems", {}).get(table, []))
            if left:
                raise Contended

        retry(attempt, refusal=_BUSY)


def query_all(client: DynamoDBClient, **query: Any) -> Iterator[Item]:
    """All items of a query, page after page."""
    while True:
        with translated():
            page = client.query(**query)
        yield from page["Items"]
        if "LastEvaluatedKey" not in page:
            return
        query["ExclusiveStartKey"] = page["LastEvaluatedKey"]


def query_partition(client: DynamoDBClient, table: str, pk: str, **query: Any) -> Iterator[Item]:
    """All items of a partition, page after page."""
    condition = {"KeyConditionExpression": "pk = :pk", "ExpressionAttributeValues": {":pk": {"S": pk}}}
    return query_all(client, TableName=table, **condition, **query)


class OnTable:
    """What adapters on one table have in common."""

    def __init__(self, client: DynamoDBClient, table: str) -> None:
        self._client = client
        self._table = table

    def _find(self, key: Mapping[str, Any], *, consistent: bool = True) -> Item | None:
        return find_item(self._client, self._table, key, consistent=consistent)

    def _put_item(self, item: Item, **options: Any) -> None:
        with translated():
            self._client.put_item(TableName=self._table, Item=item, **options)

    def _update_item(self, key: Item, **update: Any) -> Item:
        """Update an item; return the response."""
        with translated():
            return self._client.update_item(TableName=self._table, Key=key, **update)  # type: ignore[return-value]

    def _delete_item(self, key: Item, **options: Any) -> Item:
        """Delete an item; return the response."""
        with translated():
            return self._client.delete_item(TableName=self._table, Key=key, **options)  # type: ignore[return-value]

    def _partition(self, pk: str, **query: Any) -> Iterator[Item]:
        return query_partition(self._client, self._table, pk, **query)
