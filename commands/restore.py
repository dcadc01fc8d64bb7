"""Make a table of the stack equal to a restored copy of it, completely or for one merchant's items.

DynamoDB restores into a new table. This command copies its items back into the stack's table, and removes items that
the copy does not have; the stack, its streams and its indexes stay. It can be interrupted and started again. Nobody
should write meanwhile. Works on the account that `AWS_ENDPOINT_URL` and the credentials point to.
"""

from __future__ import annotations

import argparse
import os
import sys
from itertools import islice
from typing import TYPE_CHECKING, Any, NamedTuple

from commands import merchant_data
from vitrine.platform.aws import client
from vitrine.platform.dynamodb import BATCH_GET_LIMIT, batch_get, batch_put, batch_write

if TYPE_CHECKING:
    from collections.abc import Iterator

    from vitrine.platform.dynamodb import Item

_TABLES = ("AccessTable", *("".join(word.capitalize() for word in name.split("_")) for name in merchant_data.TABLES))


class Restored(NamedTuple):
    """The numbers of items written and removed; the others were equal."""

    written: int
    removed: int


def main(arguments: list[str] | None = None) -> int:
    """Run the command; returns the exit status."""
    options = _parser().parse_args(arguments)
    if options.stack:
        merchant_data.use_stack(options.stack)
    variable = merchant_data.variable_of(options.table)
    only = merchant_data.condition_of(variable, options.merchant) if options.merchant else {}
    done = copy_back(options.copy, os.environ[variable], only)
    print(f"{options.table}: {done.written:,} items written, {done.removed:,} removed")
    return 0


def copy_back(source: str, target: str, only: dict[str, Any]) -> Restored:
    """Make `target` equal to `source`. `only` are arguments of a scan that limit this to some items."""
    dynamodb = client("dynamodb")
    schema = dynamodb.describe_table(TableName=target)["Table"]["KeySchema"]
    names = [attribute["AttributeName"] for attribute in schema]

    def key_of(item: Item) -> dict[str, Any]:
        return {name: item[name] for name in names}

    def key_text(item: Item) -> str:
        return str([item[name] for name in names])

    written = removed = 0
    for items in _together(merchant_data.scan(source, **only)):
        stored = {key_text(item): item for item in batch_get(dynamodb, target, [key_of(item) for item in items])}
        changed = [item for item in items if stored.get(key_text(item)) != item]
        batch_put(dynamodb, target, changed)
        written += len(changed)
    for items in _together(merchant_data.scan(target, names, **only)):
        kept = {key_text(item) for item in batch_get(dynamodb, source, items)}
        gone = [{"DeleteRequest": {"Key": key}} for key in items if key_text(key) not in kept]
        batch_write(dynamodb, target, gone)
        removed += len(gone)
    return Restored(written, removed)


def _together(items: Iterator[Item]) -> Iterator[list[Item]]:
    while some := list(islice(items, BATCH_GET_LIMIT)):
        yield some


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m commands.restore", description=__doc__)
    parser.add_argument("--stack", help="the stack's name; without it the environment names the table")
    parser.add_argument("--merchant", help="restore only this merchant's items")
    parser.add_argument("table", choices=_TABLES)
    parser.add_argument("copy", help="the table that DynamoDB restored")
    return parser


if __name__ == "__main__":
    sys.exit(main())
