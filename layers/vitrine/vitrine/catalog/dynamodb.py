"""Products and interactions in two tables.

| table | pk | sk | |
|---|---|---|---|
| products | `{merchant_id}` | `{product_id}` | a product |
| interactions | `{merchant_id}/{user_id}` | `i/{interaction_id}` | an interaction; in `by_time` and `by_part` too |
| | | `b/{product_id}` | digests of the user's purchases of this product; absent without any |
| | | `user` | `revision`, raised whenever the set of bought products changes |
| interactions | `{merchant_id}//earnings` | `{day}/{part}` | sums earned: `clicks`, `purchases`, `worth` |

Ids contain no slash, so keys are unambiguous.
"""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, date
from decimal import Decimal
from typing import TYPE_CHECKING, Any, cast

from vitrine.catalog.items import bought_key, product_item, product_key, product_of, user_key, user_partition
from vitrine.catalog.model import Earnings, Interaction, earnings_of, part_of
from vitrine.catalog.ports import StaleInteractions
from vitrine.platform.dynamodb import (
    BATCH_WRITE_LIMIT,
    ConditionFailed,
    OnTable,
    TransactionRefused,
    batch_get,
    batch_put,
    batch_write,
    query_all,
    query_some,
    translated,
)
from vitrine.platform.retries import retry
from vitrine.platform.times import from_rfc3339

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from vitrine.catalog.model import Product, UserKey
    from vitrine.platform.dynamodb import Item


class DynamoDBProducts(OnTable):
    """ProductRepository on DynamoDB."""

    def put_products(self, merchant_id: str, products: Sequence[Product]) -> None:
        latest = {product.product_id: product for product in products}
        items = [product_item(merchant_id, product) for product in latest.values()]
        if len(items) == 1:
            self._put_item(items[0])
            return
        batch_put(self._client, self._table, items)

    def find_product(self, merchant_id: str, product_id: str) -> Product | None:
        item = self._find(product_key(merchant_id, product_id))
        return product_of(item) if item else None

    def find_products(self, merchant_id: str, product_ids: Iterable[str]) -> dict[str, Product]:
        keys = [product_key(merchant_id, product_id) for product_id in dict.fromkeys(product_ids)]
        products = [product_of(item) for item in batch_get(self._client, self._table, keys)]
        return {product.product_id: product for product in products}

    def list_products(self, merchant_id: str, limit: int, after: str | None) -> Sequence[Product]:
        items = query_some(
            self._client,
            limit,
            TableName=self._table,
            KeyConditionExpression="pk = :merchant AND sk > :after",
            ExpressionAttributeValues={":merchant": {"S": merchant_id}, ":after": {"S": after or " "}},
        )
        return [product_of(item) for item in items]

    def all_products(self, merchant_id: str) -> Iterator[Product]:
        """Iterate over all products of a merchant, in the order of their ids."""
        items = self._partition(merchant_id)
        return (product_of(item) for item in items)

    def delete_product(self, merchant_id: str, product_id: str) -> bool:
        response = self._delete_item(product_key(merchant_id, product_id), ReturnValues="ALL_OLD")
        return "Attributes" in response


class DynamoDBInteractions(OnTable):
    """InteractionRepository on DynamoDB."""

    def find_interactions(self, user: UserKey, interaction_ids: Sequence[str]) -> dict[str, Interaction]:
        keys = [_interaction_key(user, interaction_id) for interaction_id in interaction_ids]
        interactions = [_interaction(item) for item in batch_get(self._client, self._table, keys)]
        return {interaction.interaction_id: interaction for interaction in interactions}

    def replace_interactions(
        self, user: UserKey, changes: Sequence[tuple[Interaction | None, Interaction | None]]
    ) -> None:
        writes = [self._replacement(user, before, after) for before, after in changes]
        consequences = [*self._bought(user, changes), *self._earned(user, changes)]
        try:
            if consequences:
                retry(lambda: self._transact([*writes, *consequences]))
                return
            for write in writes:
                self._write(write)
        except (ConditionFailed, TransactionRefused) as error:
            raise StaleInteractions from error

    def newest_interactions(
        self, user: UserKey, limit: int, after: str | None
    ) -> tuple[Sequence[Interaction], str | None]:
        query: dict[str, Any] = {
            "TableName": self._table,
            "IndexName": "by_time",
            "KeyConditionExpression": "pk = :user" + (" AND #at < :after" if after else ""),
            "ExpressionAttributeValues": {":user": {"S": user_partition(user)}},
            "ScanIndexForward": False,
            "Limit": limit,
            "ConsistentRead": True,
        }
        if after:
            query["ExpressionAttributeNames"] = {"#at": "at"}
            query["ExpressionAttributeValues"][":after"] = {"S": after}
        with translated():
            page = self._client.query(**query)
        items = cast("list[Item]", page["Items"])
        return [_interaction(item) for item in items], items[-1]["at"]["S"] if len(items) == limit else None

    def part(self, merchant_id: str, part: int) -> Iterator[Interaction]:
        items = query_all(
            self._client,
            TableName=self._table,
            IndexName="by_part",
            KeyConditionExpression="#part = :part",
            ExpressionAttributeNames={"#part": "part"},
            ExpressionAttributeValues={":part": {"S": f"{merchant_id}/{part}"}},
        )
        return (_interaction(item) for item in items)

    def earnings(self, merchant_id: str, first: date, last: date) -> dict[date, Earnings]:
        """Return what the merchant's recommendations earned, by day."""
        items = query_all(
            self._client,
            TableName=self._table,
            KeyConditionExpression="pk = :earnings AND sk BETWEEN :first AND :last",
            ExpressionAttributeValues={
                ":earnings": {"S": _earnings_partition(merchant_id)},
                ":first": {"S": f"{first.isoformat()}/"},
                ":last": {"S": f"{last.isoformat()}/~"},
            },
            ConsistentRead=True,
        )
        days: dict[date, Earnings] = {}
        for item in items:
            day = date.fromisoformat(item["sk"]["S"].partition("/")[0])
            earned = Earnings(int(item["clicks"]["N"]), int(item["purchases"]["N"]), Decimal(item["worth"]["N"]))
            days[day] = days.get(day, Earnings()).plus(earned)
        return days

    def erase(self, user: UserKey, time_is_left: Callable[[], bool]) -> bool:
        keys = self._partition(user_partition(user), ProjectionExpression="pk, sk", ConsistentRead=True)
        deletions: list[Any] = []
        for key in keys:
            deletions.append({"DeleteRequest": {"Key": key}})
            if len(deletions) == BATCH_WRITE_LIMIT:
                batch_write(self._client, self._table, deletions)
                deletions = []
                if not time_is_left():
                    return False
        batch_write(self._client, self._table, deletions)
        return True

    def _replacement(self, user: UserKey, before: Interaction | None, after: Interaction | None) -> dict[str, Any]:
        condition: dict[str, Any] = {"ConditionExpression": "attribute_not_exists(pk)"}
        if before:
            condition = {
                "ConditionExpression": "#content = :before",
                "ExpressionAttributeNames": {"#content": "content"},
                "ExpressionAttributeValues": {":before": {"S": _content(before)}},
            }
        if after:
            return {"Put": {"TableName": self._table, "Item": _interaction_item(user, after), **condition}}
        assert before is not None, "a change has a before or an after"  # noqa: S101 - tells the type checker
        return {
            "Delete": {
                "TableName": self._table,
                "Key": _interaction_key(user, before.interaction_id),
                **condition,
            }
        }

    def _bought(
        self, user: UserKey, changes: Sequence[tuple[Interaction | None, Interaction | None]]
    ) -> list[dict[str, Any]]:
        """Return updates of the sets of purchase digests, one set per product.

        Adding a digest to a set, or removing it, gives the same result when it is repeated.
        """
        verbs: dict[tuple[str, str], set[str]] = {}
        for before, after in changes:
            was = before.product_id if before and before.type == "purchase" else None
            now = after.product_id if after and after.type == "purchase" else None
            if was != now:
                if was and before:
                    verbs.setdefault((was, "DELETE"), set()).add(before.interaction_id)
                if now and after:
                    verbs.setdefault((now, "ADD"), set()).add(after.interaction_id)
        if not verbs:
            return []
        revised = self._update(user_key(user), "ADD revision :one", {":one": {"N": "1"}})
        return [
            self._update(
                bought_key(user, product_id),
                f"{verb} purchases :digests",
                {":digests": {"BS": sorted(map(purchase_digest, ids))}},
            )
            for (product_id, verb), ids in verbs.items()
        ] + [revised]

    def _earned(
        self, user: UserKey, changes: Sequence[tuple[Interaction | None, Interaction | None]]
    ) -> list[dict[str, Any]]:
        """Return updates of what recommendations earned, one a day. They succeed together with the changes or not."""
        days: dict[date, Earnings] = {}
        for change in changes:
            for interaction, sign in zip(change, (-1, 1), strict=True):
                if interaction:
                    day = interaction.occurred_at.astimezone(UTC).date()
                    days[day] = days.get(day, Earnings()).plus(earnings_of(interaction), sign)
        part = part_of(user.user_id)
        return [
            self._update(
                {"pk": {"S": _earnings_partition(user.merchant_id)}, "sk": {"S": f"{day.isoformat()}/{part}"}},
                "ADD clicks :clicks, purchases :purchases, worth :worth",
                {
                    ":clicks": {"N": str(earned.clicks)},
                    ":purchases": {"N": str(earned.purchases)},
                    ":worth": {"N": str(earned.value)},
                },
            )
            for day, earned in days.items()
            if earned != Earnings()
        ]

    def _update(self, key: Mapping[str, Any], expression: str, values: Mapping[str, Any]) -> dict[str, Any]:
        return {
            "Update": {
                "TableName": self._table,
                "Key": key,
                "UpdateExpression": expression,
                "ExpressionAttributeValues": values,
            }
        }

    def _write(self, write: dict[str, Any]) -> None:
        [(verb, arguments)] = write.items()
        with translated():
            if verb == "Put":
                self._client.put_item(**arguments)
            else:
                self._client.delete_item(**arguments)

    def _transact(self, writes: list[dict[str, Any]]) -> None:
        with translated():
            self._client.transact_write_items(TransactItems=writes)  # type: ignore[arg-type]


def purchase_digest(interaction_id: str) -> bytes:
    """Return the digest of a purchase. An item holds 50,000 of them, however long the ids are."""
    return hashlib.blake2b(interaction_id.encode(), digest_size=8).digest()


def _earnings_partition(merchant_id: str) -> str:
    return f"{merchant_id}//earnings"


def _interaction_key(user: UserKey, interaction_id: str) -> Item:
    return {"pk": {"S": user_partition(user)}, "sk": {"S": f"i/{interaction_id}"}}


def _content(interaction: Interaction) -> str:
    content = [interaction.product_id, interaction.type, _fixed_width(interaction), interaction.value]
    if interaction.recommendation_id is not None:  # stored interactions without one compare as they were written
        content.append(interaction.recommendation_id)
    return json.dumps(content)


def _fixed_width(interaction: Interaction) -> str:
    return interaction.occurred_at.isoformat(timespec="microseconds")


def _interaction_item(user: UserKey, interaction: Interaction) -> Item:
    return {
        **_interaction_key(user, interaction.interaction_id),
        "content": {"S": _content(interaction)},
        "at": {"S": f"{_fixed_width(interaction)}/{interaction.interaction_id}"},
        "part": {"S": f"{user.merchant_id}/{part_of(user.user_id)}"},
    }


def _interaction(item: Item) -> Interaction:
    product_id, kind, occurred_at, value, *recommendation = json.loads(item["content"]["S"])
    return Interaction(
        interaction_id=item["sk"]["S"].removeprefix("i/"),
        user_id=item["pk"]["S"].split("/")[1],
        product_id=product_id,
        type=kind,
        occurred_at=from_rfc3339(occurred_at),
        value=value,
        recommendation_id=recommendation[0] if recommendation else None,
    )
