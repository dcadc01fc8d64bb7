"""The demo: a merchant, real product pictures, and visitors with real click rates."""

from __future__ import annotations

import csv
import json
import random
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import urllib3

from local.deployment import client
from local.state import ROOT, STATE, LocalCloudError, aws_environment, step, write_whole
from vitrine.ranking.model import CLICK_WEIGHT

if TYPE_CHECKING:
    from collections.abc import Iterator

    from local.emulator import Emulator
    from local.state import Stack

MERCHANT = "demo"
GALLERY = "default"
_DEMO = Path(__file__).parent / "demo"
_SEEDED = STATE / "seeded"
_SOLD = STATE / "sold"
_VISITORS = 180
_PICTURES_SEEN = 27
_EVENTS_AT_ONCE = 500
_IMPORT_SECONDS = 60
_SETTLE_SECONDS = 60
_OK = 300
_http = urllib3.PoolManager(retries=urllib3.Retry(3, status_forcelist=[429, 502, 503], allowed_methods=None))


class Picture(NamedTuple):
    """A picture in the order of the gallery."""

    image_id: str
    name: str
    views: int
    clicks: int
    weight: int


def make_merchant(emulator: Emulator, outputs: dict[str, str]) -> tuple[str, str]:
    """Create the demo's merchant, or only keys if it exists already. Returns the publishable and the secret key."""
    made = run_merchants(emulator.endpoint_url, outputs, "create", MERCHANT, "--name", "The demo shop")
    if made is None:
        publishable = run_merchants(emulator.endpoint_url, outputs, "create-key", MERCHANT, "publishable")
        secret = run_merchants(emulator.endpoint_url, outputs, "create-key", MERCHANT, "secret")
        if publishable is None or secret is None:
            raise LocalCloudError("No keys could be created for the demo's merchant. Run: make reset")
        made = publishable | secret
    return made["publishable_key"], made["secret_key"]


def run_merchants(endpoint_url: str, outputs: dict[str, str], *arguments: str) -> dict[str, str] | None:
    """Run `commands.merchants`; return the values that it prints as name=value, or None if it fails."""
    tables = {"ACCESS_TABLE": outputs["AccessTable"], "GALLERIES_TABLE": outputs["GalleriesTable"]}
    done = subprocess.run(
        [sys.executable, "-m", "commands.merchants", *arguments],
        env=aws_environment(endpoint_url) | tables | {"PYTHONPATH": f"{ROOT}:{ROOT / 'layers/vitrine'}"},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        return None
    return dict(line.split("=", 1) for line in done.stdout.splitlines() if "=" in line)


def seed_gallery(stack: Stack, pictures_bucket: str) -> None:
    """Fill the merchant's gallery and send visitors' events, unless that is done already."""
    if _SEEDED.exists() and _SEEDED.read_text() == stack.secret_key:
        print("  demo: the gallery is already filled")
        return
    images = [json.loads(line) for line in (_DEMO / "images.jsonl").read_text().splitlines()]
    with step(f"put {len(images)} product pictures into S3"):
        urls = _put_pictures(stack, pictures_bucket)
    with step(f"import {len(images)} rows from S3 into the gallery {GALLERY}"):
        file = {"kind": "images", "gallery_id": GALLERY, "filename": "products.jsonl"}
        _import(stack, file, [image | {"url": urls[image["id"]]} for image in images])
    before = gallery_order(stack)
    events = list(_visits([image["id"] for image in images]))
    clicks = sum(event["type"] == "click" for event in events)
    with step(f"{_VISITORS} visitors see {len(events) - clicks:,} pictures and click {clicks}, at real rates"):
        _send(stack, events)
        wait_until_ordered(stack, len(events))
    _show(before, gallery_order(stack))
    write_whole(_SEEDED, stack.secret_key)


def demo_products(stack: Stack, outputs: dict[str, str]) -> list[dict[str, Any]]:
    """The demo's products."""
    with (_DEMO / "prices.csv").open(newline="") as file:
        prices = {row["product_id"]: float(row["price"]) for row in csv.DictReader(file)}
    images = [json.loads(line) for line in (_DEMO / "images.jsonl").read_text().splitlines()]
    return [
        {
            "product_id": image["id"],
            "name": image["name"],
            "category": image["tags"][-1],
            "tags": image["tags"],
            "price": prices[image["id"]],
            "currency": "USD",
            "image_url": f"{stack.endpoint_url}/{outputs['PicturesBucket']}/demo/{image['id']}.jpg",
            "attributes": {"description": image["caption"]},
        }
        for image in images
    ]


def seed_products(stack: Stack, outputs: dict[str, str]) -> None:
    """Import the demo's products and real households' purchases, and build a model, unless that is done already."""
    if _SOLD.exists() and _SOLD.read_text() == stack.secret_key:
        print("  demo: the shop is already filled")
        return
    products = demo_products(stack, outputs)
    with (_DEMO / "purchases.csv").open(newline="") as file:
        purchases = [
            {
                "interaction_id": f"{row['user_id']}-{row['product_id']}",
                "user_id": row["user_id"],
                "product_id": row["product_id"],
                "type": "purchase",
                "occurred_at": f"{row['day']}T12:00:00Z",
                "value": float(row["value"]),
            }
            for row in csv.DictReader(file)
        ]
    with step(f"import {len(products)} products and {len(purchases)} purchases, and build a model"):
        _import(stack, {"kind": "products", "filename": "products.jsonl"}, products)
        _import(stack, {"kind": "interactions", "filename": "purchases.jsonl"}, purchases)
        client("lambda", stack.endpoint_url).invoke(
            FunctionName=outputs["ModelsFunction"],
            InvocationType="Event",
            Payload=json.dumps({"merchant_id": stack.merchant_id}),
        )
    write_whole(_SOLD, stack.secret_key)


def gallery_order(stack: Stack) -> list[Picture]:
    """The gallery in its present order."""
    items = _call(stack, "GET", f"/galleries/{GALLERY}/images?limit=100")["items"]
    return [
        Picture(item["id"], item["name"], item["events"]["views"], item["events"]["clicks"], item["weight"])
        for item in items
    ]


def _put_pictures(stack: Stack, bucket: str) -> dict[str, str]:
    s3 = client("s3", stack.endpoint_url)

    def put(picture: Path) -> tuple[str, str]:
        key = f"demo/{picture.name}"
        s3.put_object(Bucket=bucket, Key=key, Body=picture.read_bytes(), ContentType="image/jpeg")
        return picture.stem, f"{stack.endpoint_url}/{bucket}/{key}"

    with ThreadPoolExecutor(8) as pool:
        return dict(pool.map(put, sorted((_DEMO / "pictures").glob("*.jpg"))))


def _import(stack: Stack, file: dict[str, str], content: list[dict[str, Any]]) -> None:
    """Import rows as a merchant does, through the uploads bucket, and wait for the end."""
    made = _call(stack, "POST", "/imports", file)
    upload = made["upload"]
    rows = "".join(json.dumps(row) + "\n" for row in content).encode()
    response = _http.request(upload["method"], upload["url"], body=rows, headers=upload["headers"])
    if response.status >= _OK:
        raise LocalCloudError(f"The uploads bucket responded with status {response.status}: {response.data[:500]!r}")
    deadline = time.monotonic() + _IMPORT_SECONDS
    while (state := _call(stack, "GET", f"/imports/{made['import_id']}"))["status"] != "completed":
        if state["status"] == "failed" or time.monotonic() > deadline:
            raise LocalCloudError(f"The import did not complete: {state}. See make logs, then run: make up")
        time.sleep(0.2)
    print(f"    {state['rows_imported']} of {state['rows_read']} rows are imported as {file['kind']}", flush=True)


def _visits(image_ids: list[str]) -> Iterator[dict[str, Any]]:
    """The events of all visitors. Their ids are always the same, so that repeating them counts nothing twice."""
    with (_DEMO / "rates.csv").open(newline="") as file:
        rates = [int(row["clicks"]) / int(row["views"]) for row in csv.DictReader(file)]
    dice = random.Random(2013)  # noqa: S311 - a repeatable demo
    dice.shuffle(rates)
    rate_of = dict(zip(image_ids, rates, strict=True))
    now = datetime.now(UTC)
    for visitor in range(_VISITORS):
        seen_at = now - timedelta(seconds=3 * (_VISITORS - visitor))
        for image_id in dice.sample(image_ids, _PICTURES_SEEN):
            kinds = ["view", "click"] if dice.random() < rate_of[image_id] else ["view"]
            for kind in kinds:
                yield {
                    "event_id": f"demo-{visitor}-{image_id}-{kind}",
                    "type": kind,
                    "image_id": image_id,
                    "occurred_at": seen_at.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
                    "session_id": f"visitor-{visitor}",
                }


def _send(stack: Stack, events: list[dict[str, Any]]) -> None:
    for first in range(0, len(events), _EVENTS_AT_ONCE):
        batch = events[first : first + _EVENTS_AT_ONCE]
        results = _call(stack, "POST", f"/galleries/{GALLERY}/events", {"events": batch})["results"]
        bad = [result for result in results if result["status"] not in {"accepted", "duplicate", "queued"}]
        if bad:
            raise LocalCloudError(f"The API did not count {len(bad)} events, the first: {bad[0]}. See make logs")
        print(f"    {first + len(batch):,} of {len(events):,} events", flush=True)


def wait_until_ordered(stack: Stack, events: int) -> None:
    """Wait until the gallery's totals have all events, which may be in a queue, and its images show what was counted.

    As long as something is counted in `_SETTLE_SECONDS`, it goes on.
    """
    before = -1
    deadline = 0.0
    while (counted := _counted(stack)) < events or _call(stack, "GET", f"/galleries/{GALLERY}/audit")["mismatched"]:
        if counted > before:
            before, deadline = counted, time.monotonic() + _SETTLE_SECONDS
        if time.monotonic() > deadline:
            raise LocalCloudError(
                f"{counted:,} of {events:,} events are counted, and no more follow. See make logs, then run: make reset"
            )
        time.sleep(0.2)


def _counted(stack: Stack) -> int:
    gallery = _call(stack, "GET", f"/galleries/{GALLERY}")
    counted: int = gallery["views"] + gallery["clicks"]
    return counted


def _show(before: list[Picture], after: list[Picture]) -> None:
    came_from = {picture.image_id: position for position, picture in enumerate(before, 1)}
    print(f"\n  The order before (newest first)    and after (weight = views + {CLICK_WEIGHT} clicks)")
    for position, (old, new) in enumerate(list(zip(before, after, strict=True))[:5], 1):
        story = f"{new.views} views, {new.clicks} clicks, weight {new.weight}, was {came_from[new.image_id]}"
        print(f"  {position}. {old.name:<31} {position}. {new.name}: {story}")
    print()


def _call(stack: Stack, method: str, path: str, body: Any = None) -> Any:
    response = _http.request(method, stack.api_url + path, json=body, headers={"X-Api-Key": stack.secret_key})
    if response.status >= _OK:
        text = response.data.decode(errors="replace")[:500]
        raise LocalCloudError(
            f"{method} {path} failed with status {response.status}: {text}\n  See make logs, then run: make up"
        )
    return response.json()
