"""Fifty reviewers at once, and what a claim and a decision cost at any length of the queue.

    make bench-review

On Amazon's DynamoDB Local, which reports what each request consumes. First 50 reviewers judge 5,000 snapshots while
some crash, judge too late, repeat themselves and lose answers (tests/faults/test_review_faults.py says what must hold).
Then claims of 10 and decisions go through the API's function while 100 and while 1,000,000 snapshots wait.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, redirect_stdout
from datetime import UTC, datetime, timedelta
from typing import Any

from functions.review_api.handler import lambda_handler as review
from tests.aws import api_event, create_tables, environment_of, send
from tests.dynamodb_local import running_dynamodb, use_dynamodb
from vitrine.platform.aws import client
from vitrine.platform.dynamodb import batch_put
from vitrine.review.dynamodb import _counts_key, _item
from vitrine.review.model import Snapshot, instant

OF_A_PRODUCT = 50
CLAIMED = 10
ROUNDS = 10
SHARED_BY_ALL = {"AccessTable", "IdempotencyTable", "LogsTable"}
START = datetime(2026, 1, 1, tzinfo=UTC)
TABLES = ("AccessTable", "IdempotencyTable", "LogsTable", "GalleriesTable", "ProductsTable", "ReviewTable")

units: Counter[str] = Counter()
requests: Counter[str] = Counter()


def watch(dynamodb):
    """Have every request report its units, and add them up by whether it read or wrote."""

    def ask(params, model, **_):
        params.setdefault("ReturnConsumedCapacity", "TOTAL")

    def add(parsed, model, **_):
        consumed = parsed.get("ConsumedCapacity", [])
        for one in consumed if isinstance(consumed, list) else [consumed]:
            if one["TableName"] not in SHARED_BY_ALL:
                units["read" if model.name in {"GetItem", "BatchGetItem", "Query"} else "write"] += one["CapacityUnits"]
                requests[model.name] += 1

    dynamodb.meta.events.register("provide-client-params.dynamodb.*", ask)
    dynamodb.meta.events.register("after-call.dynamodb.*", add)


def fill(merchant_id, waiting):
    """Put snapshots and their products' counts straight into the table."""

    def put(number):
        product = f"product-{number:06d}"
        first = number * OF_A_PRODUCT
        items = [
            _item(
                Snapshot(
                    merchant_id=merchant_id,
                    snapshot_id=f"snapshot-{at:08d}",
                    product_id=product,
                    filename=f"{at:08d}.jpg",
                    created_at=START + timedelta(seconds=at),
                    url=f"https://photos.example/{at:08d}.jpg",
                )
            )
            for at in range(first, first + OF_A_PRODUCT)
        ]
        place = {"queue": {"S": merchant_id}, "place": {"S": instant(START + timedelta(seconds=first))}}
        counts = {"counts": {"S": f'{{"waiting":{OF_A_PRODUCT}}}'}, "revision": {"N": "1"}}
        batch_put(
            client("dynamodb"),
            "ReviewTable",
            [*items, {**_counts_key(merchant_id, f"product#{product}"), **place, **counts}],
        )

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(put, range(waiting // OF_A_PRODUCT)))


def ask(merchant_id, method, path, body, **path_parameters):
    event = api_event(method, path, body=body, headers={"X-Reviewer": "ann"}, merchant=merchant_id, **path_parameters)
    status, response, _ = send(review, event)
    assert status == 200, response
    return response


@contextmanager
def counted(into, name):
    units.clear()
    requests.clear()
    started = time.perf_counter()
    yield
    into.setdefault(name, []).append(
        (units["read"], units["write"], dict(requests), (time.perf_counter() - started) * 1000)
    )


def cost(waiting):
    """Units and requests of a claim that begins a product, one that stays at it, and a decision."""
    merchant_id = f"shop-of-{waiting}"
    fill(merchant_id, waiting)
    found: dict[str, list[Any]] = {}
    for at in range(ROUNDS):
        with counted(found, "claim" if at % (OF_A_PRODUCT // CLAIMED) else "claim, another product"):
            items = ask(merchant_id, "POST", "/review/claims", {"limit": CLAIMED})["items"]
        assert len(items) == CLAIMED
        path = "/review/snapshots/{snapshot_id}/decision"
        for item in items:
            with counted(found, "decision"):
                ask(merchant_id, "PUT", path, {"decision": "disapproved"}, snapshot_id=item["snapshot_id"])
    return found


def at_once():
    """The fault test at full size."""
    from tests.faults import test_review_faults as faults  # noqa: PLC0415 - its sizes come from the environment

    started = time.monotonic()
    floor = faults.review_all(faults.LosesResponses(client("dynamodb"), "ReviewTable"))
    print(f"{faults.REVIEWERS} reviewers, {faults.SNAPSHOTS:,} snapshots in {time.monotonic() - started:.0f} s:")
    print(f"  each decided once, none with two at a time ({len(floor.served_to_two())}), none forgotten")
    for what, times in sorted(floor.happened.items()):
        print(f"  {times:>7,} {what}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--waiting", type=int, nargs="*", default=[100, 1_000_000])
    parser.add_argument("--reviewers", type=int, default=50)
    parser.add_argument("--snapshots", type=int, default=5000, help="0: leave them out")
    options = parser.parse_args()
    os.environ.update(environment_of({}))
    os.environ.update({"VITRINE_REVIEWERS": str(options.reviewers), "VITRINE_REVIEW_SNAPSHOTS": str(options.snapshots)})
    with running_dynamodb() as address:
        use_dynamodb(address)
        create_tables(*TABLES)
        if options.snapshots:
            at_once()
        watch(client("dynamodb"))
        for waiting in options.waiting:
            with open(os.devnull, "w") as nowhere, redirect_stdout(nowhere):  # noqa: PTH123 - the functions' log lines
                found = cost(waiting)
            tell(waiting, found)


def tell(waiting, found):
    print(f"{waiting:,} waiting")
    for name, measured in found.items():
        reads, writes, made, _ = measured[-1]
        times = sorted(milliseconds for *_, milliseconds in measured)
        print(
            f"  {name:<23} read units {reads:g}, write units {writes:g}, "
            f"{sum(made.values())} requests {made}, {times[len(times) // 2]:.0f} ms at the median"
        )


if __name__ == "__main__":
    sys.exit(main())
