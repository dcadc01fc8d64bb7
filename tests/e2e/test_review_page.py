"""The reviewing page in a real browser: photos taken in shops, judged by keyboard against their true product."""

from __future__ import annotations

import csv
import time
import uuid
from collections import Counter
from itertools import cycle, islice
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest
import urllib3

from tests.e2e.api import Api, eventually
from tests.e2e.browser import PATIENCE_MS, opened, picture, violations
from tests.e2e.conftest import open_shop
from tests.real_data import DATA

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from local.state import Stack

PHOTOS = DATA / "store-photos"
VERDICTS = 200
DELAY_MS = 150
_http = urllib3.PoolManager(maxsize=16)


class Photo(NamedTuple):
    path: Path
    filename: str
    claimed: str
    is_right: bool


def photos(count: int) -> list[Photo]:
    """Photos with the product that they are said to show; every fifth is said to show its neighbour.

    Where fewer were taken they come again under other names.
    """
    with (PHOTOS / "classes.csv").open() as classes:
        names = [row["Class Name (str)"] for row in csv.DictReader(classes)]
    with (PHOTOS / "manifest.csv").open() as manifest:
        rows = sorted(csv.DictReader(manifest), key=lambda row: (int(row["fine_label"]) * 7 % 81, row["path"]))
    found, run = [], uuid.uuid4().hex[:6]
    for at, row in enumerate(islice(cycle(rows), count)):
        label, is_right = int(row["fine_label"]), at % 5 != 0
        claimed = names[label if is_right else (label + 1) % len(names)]
        found.append(Photo(PHOTOS / row["path"], f"{run}-{at:03d}.jpg", claimed, is_right))
    return found


@pytest.fixture
def desk(stack: Stack) -> Api:
    """The API with the secret key of a merchant of this test alone, for whom nothing waits."""
    return Api(stack.api_url, open_shop(stack).secret_key)


@pytest.fixture
def page(stack: Stack, desk: Api) -> Iterator[Any]:
    with opened(stack, f"#/review?key={desk.headers['X-Api-Key']}") as page:
        yield page


def upload(desk: Api, taken: list[Photo]) -> dict[str, Photo]:
    """Submit the photos as snapshots and put their bytes; answers them by snapshot id."""
    by_id: dict[str, Photo] = {}
    for start in range(0, len(taken), 100):
        sent = [
            {
                "snapshot_id": uuid.uuid4().hex,
                "product_id": photo.claimed,
                "filename": photo.filename,
                "upload": True,
                "gallery_id": "default",
            }
            for photo in taken[start : start + 100]
        ]
        results = desk.post("/snapshots", {"snapshots": sent}).json["results"]
        for result, photo in zip(results, taken[start : start + 100], strict=True):
            assert result["status"] == "created", result
            by_id[result["snapshot_id"]] = photo
            put = result["upload"]
            response = _http.request(put["method"], put["url"], body=photo.path.read_bytes(), headers=put["headers"])
            assert response.status == 200, response.data
    return by_id


def describe(desk: Api, taken: list[Photo], shop: Api) -> None:
    """Tell the catalogue of the products, with the pictures that the demo's gallery has of them."""
    pictures = {image["id"]: image["url"] for image in shop.get("/galleries/default/images?limit=100").json["items"]}
    for claimed in {photo.claimed for photo in taken}:
        product = {"name": claimed.replace("-", " "), "image_url": pictures.get(claimed.lower())}
        assert desk.put(f"/products/{claimed}", product).status == 200


def slow_down(page: Any) -> None:
    network = page.context.new_cdp_session(page)
    network.send("Network.enable")
    network.send(
        "Network.emulateNetworkConditions",
        {"offline": False, "latency": DELAY_MS, "downloadThroughput": -1, "uploadThroughput": -1},
    )


def on_screen(page: Any) -> str:
    """`look` for a first look, `empty` while no picture is there to judge, or the filename of the snapshot."""
    return page.evaluate(
        """() => {
            if (document.querySelector('.first-look')) return 'look';
            const picture = document.querySelector('figure img');
            return picture?.complete ? document.querySelector('figcaption').textContent : 'empty';
        }"""
    )


def is_sent(page: Any) -> None:
    """Wait until no verdict is on its way."""
    page.wait_for_function("[...document.querySelectorAll('.figure')].at(-1).querySelector('b').textContent === '0'")


def test_two_hundred_verdicts_by_keyboard(page: Any, desk: Api, shop: Api) -> None:
    taken = photos(VERDICTS)
    describe(desk, taken, shop)
    uploaded = upload(desk, taken)
    truth = {photo.filename: photo for photo in uploaded.values()}
    assert len(truth) == VERDICTS
    eventually(lambda: desk.get("/review/stats").json["waiting"] >= VERDICTS)
    slow_down(page)
    page.get_by_label("Your name").fill("ann")
    page.get_by_role("button", name="Start").click()
    page.wait_for_selector(".first-look")
    picture(page, "review-first-look")
    started, decided, last = time.monotonic(), 0, ""
    while decided < VERDICTS:
        shown = on_screen(page)
        if shown == "look":
            page.keyboard.press("Enter")
        elif shown in {"empty", last}:
            page.wait_for_timeout(10)
        else:
            if decided == VERDICTS // 2:
                picture(page, "review")
            page.keyboard.press("ArrowLeft" if truth[shown].is_right else "ArrowRight")
            decided, last = decided + 1, shown
    seconds = time.monotonic() - started
    print(f"\n{decided} verdicts in {seconds:.1f} s: {decided / seconds:.2f} a second with {DELAY_MS} ms of delay")
    is_sent(page)
    expected = Counter("approved" if photo.is_right else "disapproved" for photo in uploaded.values())

    def counted() -> bool:
        after = desk.get("/review/stats").json
        return all(after[status] == expected[status] for status in expected)

    eventually(counted)
    for snapshot_id, photo in uploaded.items():
        snapshot = desk.get(f"/snapshots/{snapshot_id}").json
        assert (snapshot["status"], snapshot["decided_by"]) == ("approved" if photo.is_right else "disapproved", "ann")


def test_undo_help_and_a_conflict_have_a_way_back(page: Any, desk: Api) -> None:
    product = f"product-{uuid.uuid4().hex[:6]}"
    assert desk.put(f"/products/{product}", {"name": product}).status == 200
    for name in ("one", "two"):
        photo = {"product_id": product, "filename": f"{name}.jpg", "url": f"https://photos.example/{name}.jpg"}
        desk.post("/snapshots", {"snapshots": [photo]})
    eventually(lambda: desk.get("/review/stats").json["waiting"] >= 2)
    page.get_by_label("Your name").fill("bob")
    page.get_by_role("button", name="Start").click()
    page.wait_for_selector(f".first-look :text('{product}')")
    page.keyboard.press("ArrowLeft")
    assert on_screen(page) == "look", "a verdict before the first look is not taken"
    page.keyboard.press("Enter")
    page.keyboard.press("?")
    page.get_by_role("dialog").wait_for()
    picture(page, "review-keys")
    page.keyboard.press("Escape")
    eventually(lambda: on_screen(page) not in {"look", "empty"})
    first = on_screen(page)
    page.keyboard.press("ArrowRight")
    page.wait_for_function("name => document.querySelector('figcaption')?.textContent !== name", arg=first)
    page.keyboard.press("u")
    page.wait_for_selector(".notice:has-text('Taken back')")
    eventually(lambda: on_screen(page) == first)
    page.keyboard.press("ArrowLeft")
    page.wait_for_function("name => document.querySelector('figcaption')?.textContent !== name", arg=first)
    is_sent(page)  # else the refusal would meet the first verdict, which waits for its undo
    page.route("**/decision", lambda route: route.fulfill(status=409, json={"detail": "cyd decided it: approved."}))
    eventually(lambda: on_screen(page) not in {"look", "empty", first})
    second = on_screen(page)
    page.keyboard.press("ArrowLeft")
    refused = page.get_by_text(f"{second} was not approved. cyd decided it")
    refused.wait_for()
    is_sent(page)
    page.unroute("**/decision")
    page.keyboard.press("u")
    page.wait_for_selector(f".notice:has-text('Taken back: {first}')")
    assert refused.is_visible(), "a refusal stays whatever follows it"
    assert violations(page) == []
    page.keyboard.press("x")
    refused.wait_for(state="detached")


def test_a_verdict_is_taken_back_after_the_page_was_loaded_again(page: Any, desk: Api) -> None:
    product = f"product-{uuid.uuid4().hex[:6]}"
    assert desk.put(f"/products/{product}", {"name": product}).status == 200
    photo = {"product_id": product, "filename": "one.jpg", "url": "https://photos.example/one.jpg"}
    [added] = desk.post("/snapshots", {"snapshots": [photo]}).json["results"]

    def status() -> str:
        return desk.get(f"/snapshots/{added['snapshot_id']}").json["status"]

    page.get_by_label("Your name").fill("flo")
    page.get_by_role("button", name="Start").click()
    page.get_by_role("button", name="I had a look").click()
    eventually(lambda: on_screen(page) == "one.jpg")
    page.keyboard.press("ArrowRight")
    eventually(lambda: status() == "disapproved")
    is_sent(page)
    page.reload()
    page.get_by_role("button", name="Undo").and_(page.locator(":enabled")).wait_for()
    assert page.locator(".figure b").first.text_content() == "1"
    latest = page.get_by_role("list", name="Latest verdicts").get_by_role("img", name="one.jpg: Disapproved")
    latest.wait_for(state="attached")
    assert violations(page) == []
    page.keyboard.press("u")
    page.wait_for_selector(".notice:has-text('Taken back: one.jpg')")
    latest.wait_for(state="detached")
    eventually(lambda: status() == "waiting")
    page.keyboard.press("ArrowLeft")
    eventually(lambda: status() == "approved")


def test_who_is_unsure_passes_a_snapshot_to_another_reviewer(page: Any, desk: Api) -> None:
    photo = photos(231)[-1]._replace(claimed=f"Unsure-{uuid.uuid4().hex[:6]}")
    describe(desk, [photo], desk)
    [snapshot_id] = upload(desk, [photo])
    product = photo.claimed.replace("-", " ")

    def begin(page: Any, reviewer: str) -> None:
        page.get_by_label("Your name").fill(reviewer)
        page.get_by_role("button", name="Start").press("Enter")
        page.get_by_role("heading", name=product).wait_for()
        page.get_by_role("button", name="I had a look").press("Enter")
        page.wait_for_selector("figure img")

    eventually(lambda: desk.get(f"/snapshots/{snapshot_id}").json["status"] == "waiting")
    begin(page, "dee")
    unsure = page.get_by_role("button", name="↓ Unsure")
    eventually(unsure.is_enabled)
    for size in ({"width": 390, "height": 800}, {"width": 1100, "height": 760}):
        page.set_viewport_size(size)
        for scheme in ("dark", "light"):
            page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
            assert violations(page) == []
    page.keyboard.press("ArrowDown")
    page.get_by_role("heading", name=product).wait_for(state="detached")
    eventually(lambda: len(desk.get(f"/snapshots/{snapshot_id}").json["opinions"]) == 1)
    page.keyboard.press("u")
    page.get_by_role("heading", name=product).wait_for()
    eventually(lambda: desk.get(f"/snapshots/{snapshot_id}").json["opinions"] == [])
    unsure.press("Enter")
    eventually(lambda: len(desk.get(f"/snapshots/{snapshot_id}").json["opinions"]) == 1)
    other = page.context.browser.new_page()
    other.set_default_timeout(PATIENCE_MS)
    other.goto(f"{page.url.partition('#')[0]}#/review?key={desk.headers['X-Api-Key']}")
    begin(other, "eve")
    other.keyboard.press("ArrowLeft")
    eventually(lambda: desk.get(f"/snapshots/{snapshot_id}").json["status"] == "approved")
    said = [(each["reviewer"], each["decision"]) for each in desk.get(f"/snapshots/{snapshot_id}").json["opinions"]]
    assert said == [("dee", "unsure"), ("eve", "approved")]

    def counted() -> dict[str, int]:
        return {each["reviewer"]: each["unsure"] for each in desk.get("/review/stats").json["reviewers"]}

    eventually(lambda: counted().get("dee") == 1)


def test_the_page_fits_a_phone_and_says_what_it_shows(page: Any, desk: Api) -> None:
    photo = photos(230)[-1]._replace(claimed=f"Phone-{uuid.uuid4().hex[:6]}")
    describe(desk, [photo], desk)
    upload(desk, [photo])
    eventually(lambda: desk.get("/review/stats").json["waiting"] >= 1)
    page.set_viewport_size({"width": 390, "height": 800})
    page.get_by_label("Your name").fill("cyd")
    page.get_by_role("button", name="Start").click()
    page.get_by_role("button", name="I had a look").click()
    page.wait_for_selector("figure img")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert "Is it Phone " in page.get_by_role("status").first.text_content()
    assert "said to show Phone " in page.locator("figure img").get_attribute("alt")
    picture(page, "review-phone")
    page.get_by_role("button", name="← Approve").click()
    page.wait_for_selector("text=Nothing waits")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert page.locator(".figure b").first.text_content() == "1"
