"""Submitting and asking after a job of 10 and one of 10,000 pictures, against the stack that is up.

`make up`, then `python -m bench.submit_jobs`. The pictures do not exist, so the jobs fail quickly.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from typing import Any

import urllib3

from local.deployment import client, stack_outputs
from local.state import find_stack

SIZES = (10, 10_000)
VISITS = 5


def submission(pictures: int) -> bytes:
    each = pictures // VISITS
    visits = [
        {
            "store_id": f"S{number:08}",
            "image_url": [
                f"https://pictures.example/shelf/{number}/{at:06}/a-photo-of-a-shelf.jpg" for at in range(each)
            ],
            "visit_time": "2023-03-09T12:00:00",
        }
        for number in range(VISITS)
    ]
    return json.dumps({"count": len(visits), "visits": visits}).encode()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    rounds = parser.parse_args().rounds
    stack = find_stack()
    if stack is None:
        raise SystemExit("The local cloud is not up. Run: make up")
    http = urllib3.PoolManager()
    headers = {"X-Api-Key": stack.secret_key, "Content-Type": "application/json"}
    requests = {size: submission(size) for size in SIZES}
    times: dict[str, dict[int, list[float]]] = {
        "submit": {size: [] for size in SIZES},
        "status": {size: [] for size in SIZES},
    }
    jobs: dict[int, str] = {}

    def timed(what: str, size: int, method: str, path: str, body: bytes | None = None) -> Any:
        started = time.perf_counter()
        response = http.request(method, stack.api_url + path, body=body, headers=headers)
        times[what][size].append((time.perf_counter() - started) * 1000)
        return response.json()

    for _ in range(rounds + 1):
        for size in SIZES:
            jobs[size] = timed("submit", size, "POST", "/api/submit", requests[size])["job_id"]
            timed("status", size, "GET", f"/api/status?jobid={jobs[size]}")
    table = stack_outputs(stack.endpoint_url)["VisitsTable"]
    results: dict[str, Any] = {}
    for size in SIZES:
        read = client("dynamodb", stack.endpoint_url).get_item(
            TableName=table,
            Key={"pk": {"S": f"jobs/{stack.merchant_id}"}, "sk": {"S": jobs[size]}},
            ConsistentRead=True,
            ReturnConsumedCapacity="TOTAL",
        )
        results[f"{size:,} pictures"] = {
            "body_bytes": len(requests[size]),
            "submit_ms_median": round(statistics.median(times["submit"][size][1:]), 1),
            "status_ms_median": round(statistics.median(times["status"][size][1:]), 1),
            "status_read_units": read["ConsumedCapacity"]["CapacityUnits"],
            "job_item_bytes": item_bytes(read["Item"]),
        }
    print(json.dumps(results, indent=2))


def item_bytes(item: dict[str, Any]) -> int:
    """An item's size as DynamoDB counts it, rounded up: a read unit is 4,096 of them."""
    size = 0
    for name, typed in item.items():
        [(kind, value)] = typed.items()
        values = value if kind.endswith("S") and isinstance(value, list) else [value]
        numbers = "N" in kind
        size += len(name) + 3 + sum((len(value) + 3) // 2 + 1 if numbers else len(value) for value in values)
    return size


if __name__ == "__main__":
    main()
