"""Merchants' settings of searches in DynamoDB, beside their galleries.

| table | pk | sk | |
|---|---|---|---|
| galleries | `{merchant_id}//search` | `settings` | declared attributes, synonyms, placed images |
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from vitrine.platform.dynamodb import translated
from vitrine.platform.retries import retry
from vitrine.search.model import AttributeKind, ImageKey, MerchantSettings, Placed, SynonymRule

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from mypy_boto3_dynamodb import DynamoDBClient


class DynamoDBSettings:
    """SettingsRepository on DynamoDB. Writes replace one attribute of the item, so they can be repeated."""

    def __init__(self, client: DynamoDBClient, table: str) -> None:
        self._client = client
        self._table = table

    def find(self, merchant_id: str) -> MerchantSettings:
        with translated():
            item: dict[str, Any] = self._client.get_item(TableName=self._table, Key=_key(merchant_id)).get("Item", {})
        attributes, synonyms, placed = (json.loads(item[name]["S"]) if name in item else () for name in _STORED)
        return MerchantSettings(
            {name: AttributeKind(kind) for name, kind in attributes},
            tuple(SynonymRule(tuple(words), source) for words, source in synonyms),
            {
                query: Placed(*(tuple(ImageKey(*key) for key in keys) for keys in of_query))
                for query, of_query in placed
            },
        )

    def put_attributes(self, merchant_id: str, attributes: Mapping[str, AttributeKind]) -> None:
        self._put(merchant_id, "attributes", list(attributes.items()))

    def put_placed(self, merchant_id: str, placed: Mapping[str, Placed]) -> None:
        self._put(merchant_id, "placed", list(placed.items()))

    def put_synonyms(self, merchant_id: str, synonyms: Sequence[SynonymRule]) -> None:
        self._put(merchant_id, "synonyms", synonyms)

    def _put(self, merchant_id: str, name: str, value: Any) -> None:
        def attempt() -> None:
            with translated():
                self._client.update_item(
                    TableName=self._table,
                    Key=_key(merchant_id),
                    UpdateExpression="SET #name = :value",
                    ExpressionAttributeNames={"#name": name},
                    ExpressionAttributeValues={":value": {"S": json.dumps(value, ensure_ascii=False)}},
                )

        retry(attempt)


_STORED = ("attributes", "synonyms", "placed")


def _key(merchant_id: str) -> Any:
    return {"pk": {"S": f"{merchant_id}//search"}, "sk": {"S": "settings"}}
