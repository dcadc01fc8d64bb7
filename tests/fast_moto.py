"""What moto does slowly, done fast for DynamoDB. Importing this module changes moto.

moto copies each table of a transaction once for every write in it: a hundred copies for a hundred writes. Here it keeps
the written items alone, which is all that undoing a transaction needs. And it looks for each of the ten kinds of value
in each attribute of a response under every name that a class of Python might have for it, which takes a third of a
call; attributes are dictionaries with exactly these names. It lists the methods of a service's class for each call.
"""

from __future__ import annotations

import copy
from collections import defaultdict
from functools import cache
from threading import RLock
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

from moto.core import responses
from moto.core.serialize import ResponseSerializer
from moto.core.utils import method_names_from_class
from moto.dynamodb import models
from moto.dynamodb.models import DynamoDBBackend
from moto.dynamodb.models.dynamo_type import DynamoType
from moto.dynamodb.models.table import Table

if TYPE_CHECKING:
    from collections.abc import Iterable

    from moto.core.model import Shape

_transact = DynamoDBBackend.transact_write_items
_get_value = ResponseSerializer.get_value
_one_at_a_time = RLock()


def _transact_write_items(self: DynamoDBBackend, transact_items: list[dict[str, Any]]) -> None:
    writes = [write for item in transact_items for write in item.values()]
    before = {
        name: _before(self.tables[name], [write for write in writes if write.get("TableName") == name])
        for name in {write.get("TableName") for write in writes}
        if name in self.tables
    }

    def copied(thing: Any) -> Any:
        return before[thing.name] if isinstance(thing, Table) else copy.deepcopy(thing)

    with _one_at_a_time, patch.object(models, "copy", SimpleNamespace(deepcopy=copied, copy=copy.copy)):
        _transact(self, transact_items)


def _before(table: Table, writes: Iterable[dict[str, Any]]) -> Table:
    """The table as it is now, whatever becomes of the items written."""
    kept = copy.copy(table)
    kept.items = defaultdict(dict)
    for partition, items in table.items.items():
        kept.items[partition] = dict(items) if table.has_range_key else items
    for write in writes:
        key = write.get("Key") or write.get("Item") or {}
        if table.hash_key_attr not in key:
            continue
        partition = DynamoType(key[table.hash_key_attr])
        if partition not in kept.items:
            continue
        if not table.has_range_key:
            kept.items[partition] = copy.deepcopy(kept.items[partition])
        elif table.range_key_attr in key and (place := DynamoType(key[table.range_key_attr])) in kept.items[partition]:
            kept.items[partition][place] = copy.deepcopy(kept.items[partition][place])
    if table.stream_shard:
        kept.stream_shard = copy.copy(table.stream_shard)
        kept.stream_shard.items = list(table.stream_shard.items)
        kept.stream_shard.table = kept
    return kept


def _value_of(self: ResponseSerializer, value: Any, key: str, shape: Shape) -> Any:
    if type(value) is dict and getattr(shape, "parent", shape).name == "AttributeValue":
        return value.get(key)
    return _get_value(self, value, key, shape)


ResponseSerializer.get_value = _value_of  # type: ignore[method-assign]
DynamoDBBackend.transact_write_items = _transact_write_items  # type: ignore[method-assign]
responses.method_names_from_class = cache(method_names_from_class)  # type: ignore[attr-defined]
