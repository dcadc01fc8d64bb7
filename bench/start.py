"""Import-to-first-answer and warm overhead of each HTTP function, beside bare boto3, FastAPI + Mangum and Powertools.

    make bench-start

Each start is a fresh interpreter that imports a handler and answers one request; DynamoDB is a stub on loopback
that answers at once with the same items for all three. Runs are interleaved; medians and their ratios are printed.
Warm overhead is a function's time per request beyond the bare handler's, both in one process, by turns.

    make bench-start INSTRUCTIONS=1

counts instructions instead, with Valgrind: they are nearly the same however busy the machine is.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import statistics
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

ROOT = Path(__file__).parents[1]
PEERS = ROOT / "bench" / "start_peers"
SCENES = ["galleries_api", "events_api", "authorizer", "fallback_api", "docs_api"]
KINDS = ["vitrine", "bare", "fastapi"]
# Powertools' resolver validates and serializes; its router alone declares routes and leaves the rest to a look-up.
POWERTOOLS = ["powertools", "router"]
POWERTOOLS_SCENES = ["galleries_api", "events_api"]

IMAGE = {
    "pk": {"S": "shop/summer"},
    "description": {
        "S": json.dumps(
            {"name": "A chair", "url": "https://pictures.example/1.jpg", "created_at": "2024-01-01T00:00:00Z"}
        )
    },
    "incarnation": {"S": "0123456789ab"},
    "score": {"S": "1 24 0"},
    "views": {"N": "10"},
    "clicks": {"N": "2"},
    "weight": {"N": "24"},
    "revision": {"N": "3"},
    "ranked_in": {"S": "shop/summer#1"},
    "rank": {"S": "1"},
}
KEY = {
    "pk": {"S": "key#0"},
    "name": {"S": "Shop"},
    "secret": {"S": "secret"},
    "identity_secrets": {"S": '[["secret", null]]'},
    "key_id": {"S": "key_1"},
    "merchant_id": {"S": "shop"},
    "merchant_secret": {"S": "secret"},
    "kind": {"S": "publishable"},
    "requests_per_minute": {"N": "60000"},
    "created_at": {"S": "2024-01-01T00:00:00Z"},
}
ANSWERS = {
    "Query": {"Items": [{**IMAGE, "sk": {"S": f"image-{at}"}} for at in range(20)], "Count": 20},
    "UpdateItem": {
        "Attributes": {"salt": {"B": "c2FsdA=="}, "views": {"N": "1"}, "clicks": {"N": "0"}},
        "ConsumedCapacity": {"TableName": "t", "CapacityUnits": 1.0},
    },
}


GALLERY = {
    "pk": {"S": "shop"},
    "sk": {"S": "summer"},
    "live": {
        "S": json.dumps(
            {
                "number": 1,
                "policy": "interest",
                "half_life_days": 14,
                "lab_share": 0.0,
                "mean_rate": 0.01,
                "slot": "a",
                "created_at": "2024-01-01T00:00:00Z",
                "reason": "created",
            }
        )
    },
    "last_version": {"N": "1"},
    "created_at": {"S": "2024-01-01T00:00:00Z"},
    **{name: {"N": "20"} for name in ("images", "views", "clicks", "revision")},
    "settling": {"M": {}},
}
FOUND = {"access_table": KEY, "galleries_table": GALLERY, "images_table": {**IMAGE, "sk": {"S": "image-1"}}}


class Stub(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = 65536

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        operation = self.headers["X-Amz-Target"].split(".")[1]
        table = asked.get("TableName", "").removesuffix("_table")
        response = {"Item": FOUND[f"{table}_table"]} if operation == "GetItem" else ANSWERS[operation]
        body = json.dumps(response).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/x-amz-json-1.0")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
        self.wfile.flush()

    def log_message(self, *_: object) -> None:
        pass


def run(kind: str, scene: str, mode: str, environment: dict[str, str]) -> list[float]:
    done = subprocess.run(
        [sys.executable, str(ROOT / "bench" / "start_once.py"), kind, scene, mode],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        sys.exit(done.stderr)
    return [float(each) for each in done.stdout.splitlines()[-1].split()]


def instructions(kind: str, scene: str, requests: int, environment: dict[str, str]) -> int:
    """Instructions of a process that answers so many requests."""
    valgrind = ["valgrind", "--tool=cachegrind", "--cache-sim=no", "--cachegrind-out-file=/dev/null"]
    python = [sys.executable, str(ROOT / "bench" / "start_once.py"), kind, scene, str(requests)]
    done = subprocess.run(
        [*valgrind, *python], env={**environment, "PYTHONHASHSEED": "0"}, capture_output=True, text=True, check=False
    )
    counted = re.search(r"I\s+refs:\s+([\d,]+)", done.stderr)
    if done.returncode or counted is None:
        sys.exit(done.stderr)
    return int(counted[1].replace(",", ""))


def show_instructions(environment: dict[str, str]) -> None:
    """Print the instructions of a start with its first request, and of each request after it."""
    print(f"millions of instructions\n{'function':<16}{'kind':<9}{'start':>8}{'request':>9}")
    for scene in SCENES[:2]:
        for kind in KINDS[:2]:
            run(kind, scene, "1", environment)
            start, more = (instructions(kind, scene, requests, environment) for requests in (1, 201))
            print(f"{scene:<16}{kind:<9}{start / 1e6:>8.0f}{(more - start) / 200e6:>9.2f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=15)
    parser.add_argument("--layer", default=str(ROOT / ".aws-sam/build/VitrineLayer/python"))
    parser.add_argument("--instructions", action="store_true", help="count instructions")
    options = parser.parse_args()
    server = ThreadingHTTPServer(("127.0.0.1", 0), Stub)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    environment = {
        "PATH": os.environ["PATH"],
        "AWS_ACCESS_KEY_ID": "bench",
        "AWS_SECRET_ACCESS_KEY": "bench",
        "AWS_DEFAULT_REGION": "eu-west-1",
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{server.server_port}",
        "AWS_LAMBDA_FUNCTION_NAME": "bench",
        "POWERTOOLS_SERVICE_NAME": "vitrine",
        "PYDANTIC_DISABLE_PLUGINS": "__all__",
        "PYTHONPATH": f"{ROOT}:{options.layer}",
        **{
            f"{name}_TABLE": f"{name.lower()}_table"
            for name in ("ACCESS", "IDEMPOTENCY", "GALLERIES", "IMAGES", "COUNTERS")
        },
        "GALLERY_TASKS_QUEUE": "http://127.0.0.1/queue",
        "KEY_CACHE_SECONDS": "60",
    }
    if options.instructions:
        show_instructions(environment)
        return
    print(f"import to first answer, ms, median of {options.runs} (Python {sys.version.split()[0]})")
    shown = [*KINDS, *POWERTOOLS]
    print(
        f"{'function':<16}"
        + "".join(f"{kind:>11}" for kind in shown)
        + "".join(f"{'v/' + kind:>13}" for kind in shown[1:])
    )
    for scene in SCENES:
        kinds = shown if scene in POWERTOOLS_SCENES else KINDS
        for kind in kinds:
            run(kind, scene, "start", environment)
        samples: dict[str, list[float]] = {kind: [] for kind in kinds}
        for _ in range(options.runs):
            for kind in kinds:
                samples[kind] += run(kind, scene, "start", environment)
        took = {kind: statistics.median(samples[kind]) for kind in kinds}
        columns = [f"{took[kind]:>11.0f}" if kind in took else f"{'':>11}" for kind in shown]
        ratios = [f"{took['vitrine'] / took[kind]:>13.2f}" if kind in took else f"{'':>13}" for kind in shown[1:]]
        print(f"{scene:<16}" + "".join(columns + ratios))
    print("\nwarm, microseconds a request, median, a request of each by turns")
    print(f"{'function':<16}{'vitrine':>9}{'bare':>9}{'overhead':>10}")
    for scene in SCENES[:2]:
        ours, bare = run("vitrine", scene, "warm", environment)
        print(f"{scene:<16}{ours:>9.0f}{bare:>9.0f}{ours - bare:>10.0f}")


if __name__ == "__main__":
    main()
