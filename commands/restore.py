"""Make a table of the stack hold what a restored copy of it holds: all of it, or one merchant's items.

DynamoDB restores into a new table. This brings its items back into the stack's own, and removes from there what the
copy has not; the stack, its streams and its indexes stay as they are. Stopped, it can be started again. Nobody should
write meanwhile. Works where `AWS_ENDPOINT_URL` and the credentials point to.
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

_TABLES = ("AccessTable", *("".join(it.capitalize() for it in name.split("_")) for name in merchant_data.TABLES))


class Restored(NamedTuple):
    """How many items were written and removed; the others were the same already."""

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
    """Let `target` hold what `source` holds. `only` is what a scan takes to leave other items alone."""
    dynamodb = client("dynamodb")
    schema = dynamodb.describe_table(TableName=target)["Table"]["KeySchema"]
    names = [it["AttributeName"] for it in schema]

    def key_of(item: Item) -> dict[str, Any]:
        return {name: item[name] for name in names}

    def told(item: Item) -> str:
        return str([item[name] for name in names])

    written = removed = 0
    for items in _together(merchant_data.scan(source, **only)):
        standing = {told(it): it for it in batch_get(dynamodb, target, [key_of(it) for it in items])}
        changed = [it for it in items if standing.get(told(it)) != it]
        batch_put(dynamodb, target, changed)
        written += len(changed)
    for items in _together(merchant_data.scan(target, names, **only)):
        kept = {told(it) for it in batch_get(dynamodb, source, items)}
        gone = [{"DeleteRequest": {"Key": it}} for it in items if told(it) not in kept]
        batch_write(dynamodb, target, gone)
        removed += len(gone)
    return Restored(written, removed)


def _together(items: Iterator[Item]) -> Iterator[list[Item]]:
    while some := list(islice(items, BATCH_GET_LIMIT)):
        yield some


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m commands.restore", description=__doc__)
    parser.add_argument("--stack", help="the stack's name; its table is found by it, else by the environment")
    parser.add_argument("--merchant", help="bring back this merchant's items alone")
    parser.add_argument("table", choices=_TABLES)
    parser.add_argument("copy", help="the table that DynamoDB restored")
    return parser


if __name__ == "__main__":
    sys.exit(main())
