"""Simulated visitors read galleries under two policies: totals are exact, scores right, estimates near the truth.

`VITRINE_VISITORS=10000 pytest -s tests/e2e/test_ranking.py` sends more of them and prints what became of it.
"""

from __future__ import annotations

import os
import random
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest

from tests.e2e.api import eventually

if TYPE_CHECKING:
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
        for at, event in enumerate(events):
            event |= {"event_id": f"{visitor}-{at}", "session_id": visitor}
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
    eventually(lambda: shop.get(f"/galleries/{gallery}").json["next_ranking_version"] is None, 60)

    visitors = Visitors(web_page, gallery)
    with ThreadPoolExecutor(CLIENTS) as clients:
        done = sum(clients.map(visitors.visit, range(VISITORS)), Counter())

    views, clicks = (sum(amount for (what, _), amount in done.items() if what == kind) for kind in ("view", "click"))

    def counts() -> tuple[int, int]:
        found = shop.get(f"/galleries/{gallery}").json
        return found["views"], found["clicks"]

    eventually(lambda: counts() == (views, clicks), 60)
    eventually(
        lambda: shop.get(f"/galleries/{gallery}/audit").json == {"images": IMAGES, "mismatched": [], "withdrawn": []},
        60,
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
    eventually(lambda: shop.get(path).json["ready"], 60)
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
        lambda: shop.get(f"/galleries/{gallery}/audit").json == {"images": IMAGES, "mismatched": [], "withdrawn": []},
        60,
    )
    eventually(lambda: shop.get(path).json["events_without_visitor"] == 0, 60)
    assert shop.delete(path).status == 200
    eventually(lambda: shop.get(f"/galleries/{gallery}").json["next_ranking_version"] is None, 60)
    eventually(
        lambda: shop.get(f"/galleries/{gallery}/audit").json == {"images": IMAGES, "mismatched": [], "withdrawn": []},
        60,
    )
