"""Many clients count into the same few pictures, and send much of it again."""

from __future__ import annotations

import os
import random
import statistics
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING, Any

from tests.e2e.api import Api, eventually

if TYPE_CHECKING:
    from collections.abc import Iterable

EVENTS = int(os.environ.get("VITRINE_EVENTS", "4000"))
CLIENTS = 50
PICTURES = [f"picture-{number:02d}" for number in range(20)]
RESENT = 0.3
BATCH = 20


def test_concurrent_clients_that_send_again_are_counted_exactly(shop: Api, web_page: Api, gallery: str):
    images = [{"id": name, "name": name, "url": f"https://shop.example/{name}.jpg"} for name in PICTURES]
    shop.post(f"/galleries/{gallery}/images", {"images": images})
    chance = random.Random(7)
    events = [
        {
            "event_id": f"{gallery}-{number}",
            "type": "click" if chance.random() < 0.1 else "view",
            "image_id": PICTURES[number % len(PICTURES)],
            "session_id": f"visitor-{number}",
        }
        for number in range(EVENTS)
    ]
    sent = events + chance.sample(events, int(EVENTS * RESENT))
    chance.shuffle(sent)
    batches = [sent[start : start + BATCH] for start in range(0, len(sent), BATCH)]

    started = time.monotonic()
    with ThreadPoolExecutor(CLIENTS) as clients:
        responses = list(clients.map(lambda batch: send(web_page, gallery, batch), batches))
    seconds = time.monotonic() - started

    statuses = Counter(result["status"] for results in responses for result in results)
    assert statuses == {"accepted": EVENTS, "duplicate": len(sent) - EVENTS}
    expected = totals(events)
    eventually(lambda: shown(shop, gallery) == expected)
    whole = shop.get(f"/galleries/{gallery}").json
    assert (whole["views"], whole["clicks"]) == tuple(map(sum, zip(*expected.values(), strict=True)))
    assert shop.get(f"/galleries/{gallery}/audit").json == {"images": len(PICTURES), "mismatched": [], "withdrawn": []}
    print(f"{len(sent):,} events of {CLIENTS} clients in {seconds:.1f} s: {EVENTS:,} counted, each once")


def test_visitors_who_look_and_click_again_and_again_count_once(shop: Api, web_page: Api, gallery: str):
    images = [{"id": name, "name": name, "url": f"https://shop.example/{name}.jpg"} for name in PICTURES]
    shop.post(f"/galleries/{gallery}/images", {"images": images})
    chance = random.Random(8)
    visitors = [f"visitor-{number}" for number in range(EVENTS // 80)]
    events = [
        {
            "event_id": f"{gallery}-{number}",
            "type": "click" if chance.random() < 0.3 else "view",
            "image_id": chance.choice(PICTURES),
            "session_id": chance.choice(visitors),
        }
        for number in range(EVENTS)
    ]
    sent = events + chance.sample(events, int(EVENTS * RESENT))
    chance.shuffle(sent)
    batches = [sent[start : start + BATCH] for start in range(0, len(sent), BATCH)]
    while time.time() % 3600 > 3480:
        time.sleep(1)  # all in one hour

    with ThreadPoolExecutor(CLIENTS) as clients:
        responses = list(clients.map(lambda batch: send(web_page, gallery, batch), batches))

    truth = {(event["session_id"], event["image_id"], event["type"]): event for event in events}
    expected = totals(truth.values())
    eventually(lambda: shown(shop, gallery) == expected)
    assert shop.get(f"/galleries/{gallery}/audit").json == {"images": len(PICTURES), "mismatched": [], "withdrawn": []}
    statuses = Counter(result["status"] for results in responses for result in results)
    assert statuses["accepted"] <= len(truth) <= statuses["accepted"] + statuses["duplicate"]
    assert set(statuses) == {"accepted", "duplicate", "filtered"}
    print(f"{len(sent):,} events of {len(visitors)} visitors: {len(truth):,} counted, {dict(statuses)}")


def test_a_new_order_shows_soon(shop: Api, web_page: Api, gallery: str):
    images = [{"id": name, "name": name, "url": f"https://shop.example/{name}.jpg"} for name in PICTURES]
    shop.post(f"/galleries/{gallery}/images", {"images": images})

    def is_counted(name: str, before: Any) -> bool:
        return shown(shop, gallery)[name] != before

    lags = []
    for number in range(21):
        name = PICTURES[number % len(PICTURES)]
        before = shown(shop, gallery)[name]
        event = {"event_id": f"{gallery}-{number}", "type": "click", "image_id": name, "session_id": f"s{number}"}
        assert send(web_page, gallery, [event]) == [{"event_id": event["event_id"], "status": "accepted"}]
        answered = time.monotonic()
        eventually(partial(is_counted, name, before))
        lags.append(time.monotonic() - answered)
    print(f"event answered to order shown: median {statistics.median(lags) * 1000:.0f} ms of {len(lags)}")


def send(api: Api, gallery: str, events: list[dict[str, str]]) -> list[dict[str, str]]:
    """Send until the answer is 202: what was stored before a refusal is a duplicate then."""
    for _ in range(20):
        response = api.post(f"/galleries/{gallery}/events", {"events": events})
        if response.status == 202:
            return response.json["results"]
        assert response.status in {429, 503}, response
        time.sleep(float(response.headers.get("Retry-After", "1")))
    raise AssertionError("the events were refused for too long")


def totals(events: Iterable[dict[str, str]]) -> dict[str, tuple[int, int]]:
    counted = Counter((event["image_id"], event["type"]) for event in events)
    return {name: (counted[name, "view"], counted[name, "click"]) for name in PICTURES}


def shown(api: Api, gallery: str) -> dict[str, tuple[int, int]]:
    items = api.get(f"/galleries/{gallery}/images?limit=100").json["items"]
    return {item["id"]: (item["events"]["views"], item["events"]["clicks"]) for item in items}
