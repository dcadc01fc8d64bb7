"""Merchants' settings of searches in DynamoDB, beside their galleries, and what is counted for queries.

| table | pk | sk | |
|---|---|---|---|
| galleries | `{merchant_id}//search` | `settings` | declared attributes, synonyms, placed images, language |
| queries | `{merchant_id}//queries` | query id | what was counted for a query |
| queries | `{merchant_id}/{query id}/{what is counted}` | `-/{path}` | shards of counters, as for images |

Items of queries are deleted when nothing was counted for them in `QUERIES_ARE_KEPT`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import timedelta
from itertools import islice
from typing import TYPE_CHECKING, Any

from vitrine.platform.dynamodb import ConditionFailed, Contended, OnTable
from vitrine.platform.retries import retry
from vitrine.search.languages import Language
from vitrine.search.model import AttributeKind, ImageKey, MerchantSettings, Placed, SynonymRule
from vitrine.search.queries import Amount, QueryCounts

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Unpack

    from vitrine.platform.dynamodb import Item
    from vitrine.search.model import ChangedSettings

QUERIES_ARE_KEPT = timedelta(days=90)
MOST_QUERIES_LISTED = 10_000


class DynamoDBSettings(OnTable):
    """What merchants have set for searches. Writes replace attributes of the item, so they can be repeated."""

    def find(self, merchant_id: str, *, consistent: bool = True) -> MerchantSettings:
        """Return a merchant's settings; they are empty until it sets some.

        Who changes a part of them reads consistently, or the next change may drop the one before.
        """
        item = self._find(_key(merchant_id), consistent=consistent) or {}
        attributes, synonyms, placed = (json.loads(item[name]["S"]) if name in item else () for name in _STORED)
        return MerchantSettings(
            {name: AttributeKind(kind) for name, kind in attributes},
            tuple(SynonymRule(tuple(words), source) for words, source in synonyms),
            {
                query: Placed(*(tuple(ImageKey(*key) for key in keys) for keys in of_query))
                for query, of_query in placed
            },
            _language(item),
        )

    def newest_language(self, merchant_id: str) -> Language | None:
        """Return the language of the next index (a consistent read)."""
        return _language(self._find(_key(merchant_id)) or {})

    def put(self, merchant_id: str, **changed: Unpack[ChangedSettings]) -> None:
        """Replace the setting that is given."""
        [(name, value)] = changed.items()
        stored = list(value.items()) if isinstance(value, Mapping) else value
        retry(
            lambda: self._update_item(
                _key(merchant_id),
                UpdateExpression="SET #name = :value",
                ExpressionAttributeNames={"#name": name},
                ExpressionAttributeValues={":value": {"S": json.dumps(stored, ensure_ascii=False)}},
            )
        )


_STORED = ("attributes", "synonyms", "placed")


def _language(item: Item) -> Language | None:
    code = json.loads(item["language"]["S"]) if "language" in item else None
    return None if code is None else Language(code)


def _key(merchant_id: str) -> Any:
    return {"pk": {"S": f"{merchant_id}//search"}, "sk": {"S": "settings"}}


class DynamoDBQueries(OnTable):
    """QueryRepository on DynamoDB."""

    def find(self, merchant_id: str, query_id: str) -> QueryCounts:
        item = self._find(_query_key(merchant_id, query_id), consistent=False)
        return _query_counts(query_id, item)

    def find_newest(self, merchant_id: str, query_id: str) -> tuple[QueryCounts, int]:
        item = self._find(_query_key(merchant_id, query_id))
        return _query_counts(query_id, item), int(item["revision"]["N"]) if item else 0

    def put(self, merchant_id: str, counts: QueryCounts, revision: int, now: int) -> None:
        content = {
            "found": counts.found,
            "nothing": counts.nothing_found,
            "images": list(counts.images.items()),
            "previous": list(counts.previous.items()),
        }
        item: Item = {
            **_query_key(merchant_id, counts.query_id),
            "content": {"S": json.dumps(content, separators=(",", ":"))},
            "revision": {"N": str(revision + 1)},
            "expires_at": {"N": str(now + int(QUERIES_ARE_KEPT.total_seconds()))},
        }
        try:
            self._put_item(
                item,
                ConditionExpression="revision = :revision" if revision else "attribute_not_exists(pk)",
                **({"ExpressionAttributeValues": {":revision": {"N": str(revision)}}} if revision else {}),
            )
        except ConditionFailed as error:
            raise Contended from error

    def list_queries(self, merchant_id: str) -> Iterator[QueryCounts]:
        items = self._partition(f"{merchant_id}//queries")
        return (_query_counts(item["sk"]["S"], item) for item in islice(items, MOST_QUERIES_LISTED))


def _query_counts(query_id: str, item: Item | None) -> QueryCounts:
    if not item:
        return QueryCounts(query_id)
    content = json.loads(item["content"]["S"])
    return QueryCounts(
        query_id,
        Amount(*content["found"]),
        Amount(*content["nothing"]),
        {ImageKey(*key): Amount(*amount) for key, amount in content["images"]},
        {previous: Amount(*amount) for previous, amount in content["previous"]},
    )


def _query_key(merchant_id: str, query_id: str) -> Any:
    return {"pk": {"S": f"{merchant_id}//queries"}, "sk": {"S": query_id}}
