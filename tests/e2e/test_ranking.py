"""Simulated visitors read galleries under two policies: totals are exact, scores right, estimates near the truth.
And an order of the past is recomputed from what the stream recorded.

`VITRINE_VISITORS=10000 pytest -s tests/e2e/test_ranking.py` sends more of them and prints what became of it.
"""

from __future__ import annotations

import os
import random
import subprocess
import sys
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from local.state import ROOT, aws_environment
from tests.e2e.api import eventually

if TYPE_CHECKING:
    from local.state import Stack
    from tests.e2e.api import Api

VISITORS = int(os.environ.get("VITRINE_VISITORS", "200"))
CLIENTS = 8
IMAGES = 70
LOOKS = [0.93**place for place in range(20)]
CHANCE = random.Random(11)
RATES = {f"image-{at:02d}": CHANCE.gammavariate(2, 0.04) for at in range(IMAGES)}


class Visitors:
    """Shoppers who look down a page and click as the true rates say."""

    def __init__(self, web_page: Api, gallery: str) -> None:
        self._web_page = web_page
        self._gallery = gallery

    def visit(self, number: int) -> Counter[tuple[str, str]]:
        chance = random.Random(f"{self._gallery}-{number}")
        visitor = f"visitor:{number:022d}"
        page = self._web_page.get(f"/galleries/{self._gallery}/images?session_id={visitor}").json["items"]
        events: list[dict[str, Any]] = []
        for look, image in zip(LOOKS, page, strict=True):
            if chance.random() < look:
                events.append({"type": "view", "image_id": image["id"]})
                if chance.random() < RATES[image["id"]]:
                    events.append({"type": "click", "image_id": image["id"]})
        arms = {image["id"]: image["arm"] for image in page if "arm" in image}
        for at, event in enumerate(events):
            event |= {"event_id": f"{visitor}-{at}", "session_id": visitor}
            if arms:
                event["arm"] = arms[event["image_id"]]
        response = self._web_page.post(f"/galleries/{self._gallery}/events", {"events": events})
        assert {result["status"] for result in response.json["results"]} == {"accepted"}
        return Counter((event["type"], event["image_id"]) for event in events)


@pytest.mark.parametrize("policy", ["interest", "optimistic_rate"])
def test_a_policy_counts_exactly_and_says_what_others_would_earn(
    shop: Api, web_page: Api, gallery: str, policy: str
) -> None:
    shop.put(f"/galleries/{gallery}", {"ranking": {"policy": policy, "lab_share": 0.2}})
    images = [{"id": name, "name": name, "url": f"https://shop.example/{name}.jpg"} for name in RATES]
    shop.post(f"/galleries/{gallery}/images", {"images": images})
    eventually(lambda: shop.get(f"/galleries/{gallery}").json["next_ranking_version"] is None)

    visitors = Visitors(web_page, gallery)
    with ThreadPoolExecutor(CLIENTS) as clients:
        done = sum(clients.map(visitors.visit, range(VISITORS)), Counter())

    views, clicks = (sum(amount for (what, _), amount in done.items() if what == kind) for kind in ("view", "click"))

    def counts() -> tuple[int, int]:
        found = shop.get(f"/galleries/{gallery}").json
        return found["views"], found["clicks"]

    eventually(lambda: counts() == (views, clicks))
    eventually(
        lambda: shop.get(f"/galleries/{gallery}/audit").json == {"images": IMAGES, "mismatched": [], "withdrawn": []}
    )

    found = shop.post(f"/galleries/{gallery}/ranking-estimates", {"policy": "smoothed_rate"}).json
    truth = sum(look * RATES[image["id"]] for look, image in zip(LOOKS, found["order"], strict=True))
    print(
        f"\n{policy}: {VISITORS} visitors, {views} views, {clicks} clicks; smoothed_rate would earn "
        f"{found['clicks_per_page']:.3f} a page ({found['interval']['low']:.3f} to {found['interval']['high']:.3f}), "
        f"in truth {truth:.3f}; lift {found['lift']:.2f}, enough: {found['enough']}"
    )
    assert found["support"] > 0.9
    width = found["interval"]["high"] - found["interval"]["low"]
    assert abs(found["clicks_per_page"] - truth) < width  # four standard errors
    page = shop.get(f"/galleries/{gallery}/images?explain=true").json["items"]
    assert all(image["explanation"]["sentence"] for image in page)


def test_an_experiment_counts_each_visitor_of_each_arm(shop: Api, web_page: Api, gallery: str) -> None:
    images = [{"id": name, "name": name, "url": f"https://shop.example/{name}.jpg"} for name in RATES]
    shop.post(f"/galleries/{gallery}/images", {"images": images})
    arms = [{"policy": "interest"}, {"policy": "optimistic_rate"}]
    path = f"/galleries/{gallery}/experiments/spring"
    assert shop.post(path, {"arms": arms}).status == 201
    eventually(lambda: shop.get(path).json["ready"])
    visitors = Visitors(web_page, gallery)
    with ThreadPoolExecutor(CLIENTS) as clients:
        done = sum(clients.map(visitors.visit, range(VISITORS)), Counter())
    clicks = sum(amount for (what, _), amount in done.items() if what == "click")
    found = shop.get(path).json
    print(f"\nexperiment: {VISITORS} visitors, {clicks} clicks: {found}")
    assert sum(arm["visitors"] for arm in found["arms"]) == VISITORS
    assert sum(arm["clicks"] for arm in found["arms"]) == clicks
    assert not found["srm"]["flagged"]
    eventually(
        lambda: shop.get(f"/galleries/{gallery}/audit").json == {"images": IMAGES, "mismatched": [], "withdrawn": []}
    )
    eventually(lambda: shop.get(path).json["events_without_visitor"] == 0)
    assert shop.delete(path).status == 200
    eventually(lambda: shop.get(f"/galleries/{gallery}").json["next_ranking_version"] is None)
    eventually(
        lambda: shop.get(f"/galleries/{gallery}/audit").json == {"images": IMAGES, "mismatched": [], "withdrawn": []}
    )


def test_interleaved_pages_count_each_visitor_and_each_click(shop: Api, web_page: Api, gallery: str) -> None:
    images = [{"id": name, "name": name, "url": f"https://shop.example/{name}.jpg"} for name in RATES]
    shop.post(f"/galleries/{gallery}/images", {"images": images})
    path = f"/galleries/{gallery}/experiments/mixed"
    arms = [{"policy": "interest"}, {"policy": "optimistic_rate"}]
    assert shop.post(path, {"mode": "interleave", "arms": arms}).status == 201
    eventually(lambda: shop.get(path).json["ready"])
    eventually(lambda: "by_visitor" in shop.get(f"/galleries/{gallery}/images").json)
    visitors = Visitors(web_page, gallery)
    with ThreadPoolExecutor(CLIENTS) as clients:
        visits = list(clients.map(visitors.visit, range(VISITORS)))
    clickers = sum(any(what == "click" for what, _ in visit) for visit in visits)
    clicks = sum(amount for visit in visits for (what, _), amount in visit.items() if what == "click")
    found = shop.get(path).json
    print(f"\ninterleaved: {VISITORS} visitors, {clickers} of them clicked, {clicks} clicks: {found}")
    assert [arm["visitors"] for arm in found["arms"]] == [VISITORS] * 2
    assert sum(arm["clickers"] for arm in found["arms"]) == clickers
    assert sum(arm["clicks"] for arm in found["arms"]) == clicks
    assert found["preference"] == found["arms"][1]["clickers"] / clickers
    eventually(lambda: shop.get(path).json["events_without_visitor"] == 0)
    clean = {"images": IMAGES, "mismatched": [], "withdrawn": []}
    eventually(lambda: shop.get(f"/galleries/{gallery}/audit").json == clean)
    assert shop.delete(path).status == 200
    eventually(lambda: shop.get(f"/galleries/{gallery}").json["next_ranking_version"] is None)
    eventually(lambda: shop.get(f"/galleries/{gallery}/audit").json == clean)


def replay(stack: Stack, gallery: str, at: datetime, now: datetime) -> subprocess.CompletedProcess[str]:
    """Run `python -m commands.ranking replay` as it would run at `now`."""
    run = (
        "import sys; from datetime import datetime; from commands.ranking import main; "
        "sys.exit(main(sys.argv[2:], datetime.fromisoformat(sys.argv[1])))"
    )
    arguments = [now.isoformat(), "--stack", stack.stack_name, "replay", stack.merchant_id, gallery]
    arguments += ["--at", at.isoformat()]
    environment = aws_environment(stack.endpoint_url) | {"PYTHONPATH": f"{ROOT}:{ROOT / 'layers/vitrine'}"}
    command = [sys.executable, "-c", run, *arguments]
    return subprocess.run(command, env=environment, cwd=ROOT, capture_output=True, text=True, check=False)


def test_an_order_of_an_earlier_hour_is_recomputed_from_what_the_stream_recorded(
    stack: Stack, shop: Api, gallery: str
) -> None:
    names = [f"image-{at}" for at in range(6)]
    images = [{"id": name, "name": name, "url": f"https://shop.example/{name}.jpg"} for name in names]
    shop.post(f"/galleries/{gallery}/images", {"images": images})
    for at, name in enumerate(names):
        kinds = ["view"] * (3 * at) + ["click"] * (at % 3)
        events = [{"event_id": f"{name}-{one}", "type": kind, "image_id": name} for one, kind in enumerate(kinds)]
        assert not events or shop.post(f"/galleries/{gallery}/events", {"events": events}).status == 202
    shop.patch(f"/galleries/{gallery}/images/image-1", {"pinned_position": 2})
    shop.patch(f"/galleries/{gallery}/images/image-2", {"hidden": True})
    assert shop.delete(f"/galleries/{gallery}/images/image-3").status == 204
    shown = ["image-5", "image-1", "image-4", "image-0"]
    eventually(lambda: [image["id"] for image in shop.get(f"/galleries/{gallery}/images").json["items"]] == shown)
    hour = (datetime.now(UTC) + timedelta(hours=1)).replace(minute=0, second=0, microsecond=0)

    def replayed() -> list[list[str]]:
        found = replay(stack, gallery, hour, hour + timedelta(hours=1))
        assert found.returncode == 0, found.stderr
        print(found.stdout)
        return [line.split()[1:3] for line in found.stdout.splitlines()[2:-1]]

    counted = [["image-5", "15/2"], ["^image-1", "3/1"], ["image-4", "12/1"], ["image-0", "0/0"]]
    eventually(lambda: replayed() == counted, 120)
    too_early = replay(stack, gallery, hour - timedelta(hours=2), hour)
    assert (too_early.returncode, "was created later" in too_early.stderr) == (1, True)
