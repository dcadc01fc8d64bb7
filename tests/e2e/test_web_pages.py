"""Every page of the web app in a real browser, at a desk and on a phone."""

from __future__ import annotations

import base64
import gzip
import re
import time
import uuid
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import urllib3

from local.deployment import stack_outputs
from local.state import ROOT
from tests.e2e.api import Api, eventually
from tests.e2e.browser import is_accessible, is_sound, opened, picture, rests, violations
from tests.e2e.conftest import add_store, learn, open_shop

if TYPE_CHECKING:
    from collections.abc import Iterator

    from local.state import Stack

LARGEST_SCRIPT_BYTES = 90_000


@pytest.fixture
def page(stack: Stack) -> Iterator[Any]:
    with opened(stack, f"#/keys?key={stack.secret_key}") as page:
        page.get_by_role("heading", name="Your key").wait_for()
        yield page


def turn_to(page: Any, title: str) -> None:
    page.get_by_role("navigation", name="Pages").get_by_role("link", name=title, exact=True).click()


def fill(shop: Api, gallery: str, count: int) -> list[str]:
    """Put pictures of the demo into a gallery; returns their ids in its order."""
    pictures = shop.get(f"/galleries/default/images?limit={count}").json["items"]
    images = [{"id": image["id"], "name": image["name"], "url": image["url"]} for image in pictures]
    shop.post(f"/galleries/{gallery}/images", {"images": images})
    return order_of(shop, gallery)


def shows(page: Any, image_ids: list[str]) -> None:
    """Wait until the grid shows these pictures, and not those of the gallery before, which stay while it loads."""
    page.wait_for_function(
        """ids => !document.querySelector('[aria-busy=true]')
            && ids.join() === [...document.querySelectorAll('.grid li')].map((tile) => tile.dataset.id).join()""",
        arg=image_ids,
    )


def order_of(shop: Api, gallery: str) -> list[str]:
    return [image["id"] for image in shop.get(f"/galleries/{gallery}/images").json["items"]]


def focused(page: Any) -> str | None:
    """The image whose tile has the focus."""
    return page.evaluate("document.activeElement.closest('li')?.dataset.id")


def test_a_gallery_reorders_under_the_clicks_of_a_keyboard(page: Any, shop: Api, gallery: str) -> None:
    shop.put(f"/galleries/{gallery}", {"title": "What shoppers saw in the window of the corner shop that summer"})
    images = fill(shop, gallery, 6)
    turn_to(page, "Gallery")
    page.get_by_label("Show").select_option(gallery)
    page.get_by_label("Act as a shopper").check()
    tiles = page.locator(".grid li")
    shows(page, images)
    last = tiles.last.get_attribute("data-id")
    tiles.last.get_by_role("button").focus()
    for _ in range(3):
        page.keyboard.press("Enter")
    page.wait_for_function("id => document.querySelector('.grid li').dataset.id === id", arg=last)
    eventually(lambda: "3 clicks" in tiles.first.inner_text())
    eventually(lambda: focused(page) == last)
    is_sound(page, "gallery")


def test_pictures_are_pinned_hidden_and_undone_by_keyboard(page: Any, shop: Api, gallery: str) -> None:
    images = fill(shop, gallery, 6)
    first, second, third, *_ = images

    def image(image_id: str) -> dict[str, Any]:
        return shop.get(f"/galleries/{gallery}/images/{image_id}").json

    turn_to(page, "Gallery")
    page.get_by_label("Show").select_option(gallery)
    shows(page, images)
    tiles = page.locator(".grid li")
    held: list[Any] = []
    writes = f"**/galleries/{gallery}/images/*"
    page.route(writes, lambda route: held.append(route) if route.request.method == "PATCH" else route.continue_())
    tiles.first.get_by_role("button").press("Shift+ArrowRight")
    eventually(lambda: tiles.nth(1).get_attribute("data-id") == first and bool(held))  # before the API has answered
    held[0].continue_()
    page.unroute(writes)
    eventually(lambda: image(first)["pinned_position"] == 2)
    eventually(lambda: order_of(shop, gallery)[:3] == [second, first, third])
    eventually(lambda: focused(page) == first)
    page.keyboard.press("Control+z")
    eventually(lambda: image(first)["pinned_position"] is None)
    eventually(lambda: page.locator(".grid li").first.get_attribute("data-id") == first)

    page.context.set_offline(True)
    tiles.first.get_by_role("button").focus()
    page.keyboard.press("h")
    page.get_by_text("Offline: 1 unsent").wait_for()
    page.locator(f"[data-id='{first}']").wait_for(state="detached")
    page.context.set_offline(False)
    eventually(lambda: image(first)["hidden"])
    page.get_by_role("button", name="Undo").press("Enter")
    eventually(lambda: not image(first)["hidden"])
    page.locator(f"[data-id='{first}']").wait_for()

    page.locator(f"[data-id='{second}'] button").press("h")
    page.get_by_text("Hidden pictures").press("Enter")
    page.locator("details[open] button").press("Enter")
    page.get_by_role("complementary", name="Picture").get_by_role("button", name="Show").press("Enter")
    page.locator(f"[data-id='{second}']").wait_for()
    eventually(lambda: second in order_of(shop, gallery))
    counted = shop.get(f"/galleries/{gallery}").json
    assert (counted["views"], counted["clicks"]) == (0, 0), "who edits is no shopper"


def test_a_picture_is_dragged_explained_and_ranked(page: Any, shop: Api, gallery: str) -> None:
    images = fill(shop, gallery, 6)
    first, second, third, fourth, *_ = images
    turn_to(page, "Gallery")
    page.get_by_label("Show").select_option(gallery)
    shows(page, images)
    page.locator(f"[data-id='{fourth}']").drag_to(page.locator(f"[data-id='{first}']"))
    eventually(lambda: order_of(shop, gallery)[:4] == [fourth, first, second, third])
    page.locator(f"[data-id='{fourth}']").get_by_role("button").press("Enter")
    panel = page.get_by_role("complementary", name="Picture")
    panel.get_by_role("heading", name="Why is it here?").wait_for()
    panel.get_by_text("pinned to 1").wait_for()
    panel.get_by_label("Name").fill("Another name")
    panel.get_by_role("button", name="Save").press("Enter")
    eventually(lambda: shop.get(f"/galleries/{gallery}/images/{fourth}").json["name"] == "Another name")
    is_sound(page, "gallery-picture")
    panel.get_by_role("button", name="Close").press("Enter")
    eventually(lambda: focused(page) == fourth)

    page.get_by_role("button", name="Ranking: interest").press("Enter")
    ranking = page.get_by_role("region", name="Ranking", exact=True)
    ranking.get_by_role("radio", name="Newest").check()
    ranking.get_by_role("button", name="Apply").press("Enter")
    eventually(lambda: shop.get(f"/galleries/{gallery}").json["ranking"]["policy"] == "newest")
    ranking.get_by_role("button", name="Estimate").press("Enter")
    ranking.get_by_text("The lab has not seen enough").wait_for()
    ranking.get_by_role("button", name="Restore version 1").wait_for()
    form = ranking.get_by_role("form", name="New rule")
    form.get_by_label("Action").select_option("bury")
    form.get_by_label("Tag or product").fill("autumn")
    form.get_by_role("button", name="Add the rule").press("Enter")
    ranking.get_by_role("button", name="Remove Bury images tagged autumn").wait_for()
    rules = shop.get(f"/galleries/{gallery}").json["rules"]
    assert [(rule["action"], rule["tag"]) for rule in rules] == [("bury", "autumn")]
    is_sound(page, "gallery-ranking")
    page.keyboard.press("Control+z")
    eventually(lambda: shop.get(f"/galleries/{gallery}").json["rules"] == [])


NOTE_FLIGHTS = """() => {
    window.flown = [];
    addEventListener("transitionrun", ({ target, propertyName }) => {
        if (propertyName === "transform") flown.push(target.dataset.id);
    });
}"""


def test_pictures_are_in_their_places_when_a_gallery_opens(page: Any, shop: Api, gallery: str) -> None:
    images = fill(shop, gallery, 6)
    page.evaluate(NOTE_FLIGHTS)
    page.evaluate("id => { location.hash = `#/gallery?gallery=${id}` }", gallery)
    shows(page, images)
    page.evaluate("new Promise((drawn) => requestAnimationFrame(() => requestAnimationFrame(drawn)))")
    assert page.evaluate("flown") == []


def test_a_picture_is_carried_and_dropped_into_its_place_by_mouse_and_keyboard(
    page: Any, shop: Api, gallery: str
) -> None:
    images = fill(shop, gallery, 6)
    first, second, third, *_, last = images
    turn_to(page, "Gallery")
    page.get_by_label("Show").select_option(gallery)
    shows(page, images)
    rests(page)
    page.locator(f"[data-id='{last}']").hover()
    page.mouse.down()
    box = page.locator(f"[data-id='{first}']").bounding_box()
    page.mouse.move(box["x"] + 20, box["y"] + 20, steps=8)
    page.locator("li.carried").wait_for()
    eventually(lambda: page.locator(".grid li").first.get_attribute("data-id") == last)
    assert violations(page) == []
    picture(page, "gallery-carried")
    page.mouse.up()
    eventually(lambda: order_of(shop, gallery)[:2] == [last, first])
    assert page.get_by_role("complementary", name="Picture").count() == 0, "what is let go of was not clicked"
    page.get_by_role("button", name="Undo").press("Enter")
    eventually(lambda: order_of(shop, gallery) == images)
    shows(page, images)
    tile = page.locator(f"[data-id='{first}'] button")
    tile.press("m")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    page.get_by_text("is held at position 3 of 6").wait_for(state="attached")
    page.locator("li.held").wait_for()
    is_accessible(page)
    eventually(lambda: focused(page) == first)
    page.keyboard.press("Escape")
    shows(page, images)
    assert order_of(shop, gallery) == images
    for key in ("m", "ArrowRight", "ArrowRight", "Enter"):
        page.keyboard.press(key)
    eventually(lambda: order_of(shop, gallery)[:3] == [second, third, first])
    page.keyboard.press("Control+z")
    eventually(lambda: order_of(shop, gallery) == images)


def test_a_picture_is_carried_and_dropped_into_its_place_by_a_finger(stack: Stack, shop: Api, gallery: str) -> None:
    images = fill(shop, gallery, 6)
    first, second, *_ = images
    with opened(stack, f"#/gallery?key={stack.secret_key}", has_touch=True) as page:
        page.set_viewport_size({"width": 390, "height": 800})
        page.get_by_label("Show").select_option(gallery)
        shows(page, images)
        page.locator(f"[data-id='{first}']").scroll_into_view_if_needed()
        rests(page)
        box, to = (page.locator(f"[data-id='{name}']").bounding_box() for name in (first, second))
        touch = page.context.new_cdp_session(page)

        def send(kind: str, at: tuple[float, float] | None) -> None:
            points = [{"x": at[0], "y": at[1]}] if at else []
            touch.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})

        start = (box["x"] + 40, box["y"] + 40)
        send("touchStart", start)
        page.locator("li.carried").wait_for()
        steps = count(1)

        def moves_until_it_is_there() -> bool:
            part = min(next(steps) / 5, 1)
            send("touchMove", (start[0] + (to["x"] - box["x"]) * part, start[1] + (to["y"] - box["y"]) * part))
            return page.locator(".grid li").nth(1).get_attribute("data-id") == first

        eventually(moves_until_it_is_there)
        for scheme in ("dark", "light"):
            page.emulate_media(color_scheme=scheme)
            assert violations(page) == []
            assert page.locator("li.carried").count() == 1
        send("touchEnd", None)
        eventually(lambda: order_of(shop, gallery)[:2] == [second, first])
        assert violations(page) == []
        page.get_by_role("button", name="Undo").tap()
        eventually(lambda: order_of(shop, gallery) == images)


PHOTOS = sorted((ROOT / "tests/data/store-photos/train").rglob("*.jpg"))[:3]
BROKEN = ROOT / "tests/data/image-files/pillow/broken.png"
DROP = """files => {
    const data = new DataTransfer();
    for (const [name, text] of files)
        data.items.add(new File([Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0))], name));
    return data;
}"""


def dropped(page: Any, *files: Path) -> None:
    """Drop files on the place for pictures."""
    contents = [(file.name, base64.b64encode(file.read_bytes()).decode()) for file in files]
    place = page.get_by_role("region", name="Add pictures")
    place.dispatch_event("drop", {"dataTransfer": page.evaluate_handle(DROP, contents)})


@pytest.mark.parametrize("width", [1100, 390])
def test_pictures_are_dropped_into_a_gallery(page: Any, shop: Api, gallery: str, width: int, tmp_path: Path) -> None:
    page.evaluate("id => { location.hash = `#/gallery?gallery=${id}` }", gallery)
    page.set_viewport_size({"width": width, "height": 800})
    place = page.get_by_role("region", name="Add pictures")
    place.get_by_role("button", name="Add pictures").wait_for()
    note = tmp_path / "note.jpg"
    note.write_text("not a picture")
    dropped(page, *PHOTOS, BROKEN, note)
    place.get_by_text("3 of 5 in the gallery, 2 refused").wait_for()
    wrong = place.get_by_role("list", name="Pictures that were not added")
    wrong.get_by_role("listitem").filter(has_text="note.jpg").get_by_text("Not a JPEG").wait_for()
    wrong.get_by_role("listitem").filter(has_text="broken.png").wait_for()
    images = shop.get(f"/galleries/{gallery}/images").json["items"]
    assert len(images) == 3
    assert {image["name"] for image in images} == {file.stem.replace("-", " ").replace("_", " ") for file in PHOTOS}

    def has_renditions() -> bool:
        return all(image["renditions"] for image in shop.get(f"/galleries/{gallery}/images").json["items"])

    eventually(has_renditions)
    page.wait_for_function(
        """() => { const shown = [...document.querySelectorAll('.grid img')];
            return shown.length === 3 && shown.every((it) => it.srcset && it.complete && it.naturalWidth); }"""
    )
    if width > 390:
        is_sound(page, "gallery-pictures-in")
    else:
        assert violations(page) == []
    page.reload()
    dropped(page, *PHOTOS)
    place.get_by_text("3 of 3 in the gallery, 3 were there before").wait_for()
    assert len(shop.get(f"/galleries/{gallery}/images").json["items"]) == 3
    place.get_by_role("button", name="Clear").press("Enter")
    place.get_by_role("progressbar").wait_for(state="detached")
    with page.expect_file_chooser() as chooser:
        place.get_by_role("button", name="Add pictures").press("Enter")
    chooser.value.set_files(min((ROOT / "tests/data/store-photos/val").rglob("*.jpg")))
    place.get_by_text("1 of 1 in the gallery").wait_for()


def test_an_overview_shows_what_was_counted_and_what_needs_a_hand(page: Any, shop: Api, gallery: str) -> None:
    shop.put(f"/galleries/{gallery}", {"title": "What shoppers saw in the window of the corner shop that summer"})
    turn_to(page, "Overview")
    page.get_by_role("heading", name="Overview").wait_for()
    views = page.locator(".figure", has_text="Views").locator("b")
    assert int(views.inner_text().replace(",", "")) > 0
    plot = page.get_by_role("slider", name="Views")
    plot.press("End")
    assert plot.get_attribute("aria-valuenow") == "24"
    page.get_by_label("Period").select_option("7d")
    page.get_by_role("slider", name="Views").and_(page.locator("[aria-valuemax='7']")).wait_for()
    page.get_by_role("listitem").filter(has_text="Dependencies").get_by_text("ok", exact=True).wait_for()
    is_sound(page, "overview")
    page.reload()
    page.get_by_role("slider", name="Views").and_(page.locator("[aria-valuemax='7']")).wait_for()


def test_a_new_shop_is_shown_its_first_steps(stack: Stack) -> None:
    with opened(stack, f"#/?key={open_shop(stack).secret_key}") as page:
        steps = page.get_by_role("region", name="First steps")
        steps.get_by_role("link", name="Import products").wait_for()
        assert "<vitrine-gallery" in steps.inner_text()
        page.get_by_text("There is no model yet").wait_for()
        is_sound(page, "first-steps")
        steps.get_by_role("link", name="Import products").press("Enter")
        page.get_by_role("heading", name="Imports").wait_for()
        assert page.get_by_label("Rows are").input_value() == "products"
        page.get_by_text("No imports yet").wait_for()
        assert violations(page) == []


def test_a_reviewers_key_is_led_to_the_review(stack: Stack, shop: Api) -> None:
    key = shop.post("/keys", {"role": "reviewer", "label": "Ann", "reviewer": "ann"}).json["key"]
    with opened(stack, f"#/?key={key}") as page:
        page.get_by_role("link", name="Start reviewing").press("Enter")
        page.get_by_role("heading", name="Who reviews?").wait_for()
        assert violations(page) == []


def dispute(page: Any, shop: Api) -> None:
    """List a new snapshot, `two.jpg`, as one on which Ben and Cid disagree: here no snapshot is seen by two."""
    photo = {"product_id": "apple", "filename": "two.jpg", "url": "https://photos.example/two.jpg"}
    [added] = shop.post("/snapshots", {"snapshots": [photo]}).json["results"]
    snapshot = shop.get(f"/snapshots/{added['snapshot_id']}").json
    given = [("Ben", "approved", None), ("Cid", "disapproved", "Blurred or too dark")]
    snapshot["opinions"] = [
        {"reviewer": reviewer, "decision": decision, "decided_at": snapshot["created_at"], "reason": reason}
        for reviewer, decision, reason in given
    ]

    def answer(route: Any) -> None:
        route.fulfill(response=route.fetch(), json={"items": [snapshot], "next_cursor": None})

    page.route("**/snapshots?status=disputed**", answer)


def test_the_review_team_is_shown_with_its_numbers(stack: Stack) -> None:
    own = open_shop(stack)
    shop = Api(own.api_url, own.secret_key)
    assert shop.put("/products/apple", {"name": "Apple"}).status == 200
    with opened(own, f"#/team?key={own.secret_key}") as page:
        page.get_by_text("Nobody has reviewed yet").wait_for()
        assert violations(page) == []
        page.get_by_text("Plant a picture with a known answer", exact=True).press("Enter")
        form = page.get_by_role("form", name="Plant a picture")
        form.get_by_label("Id of the product").fill("apple")
        form.get_by_label("Address of the picture").fill("https://photos.example/one.jpg")
        is_sound(page, "review-plant")
        form.get_by_role("button", name="Plant it").press("Enter")
        page.get_by_text("one.jpg is planted").wait_for()
        ann = Api(own.api_url, own.secret_key)
        ann.headers["X-Reviewer"] = "Ann"
        claimed: list[str] = []

        def has_claimed() -> bool:
            claimed.extend(item["snapshot_id"] for item in ann.post("/review/claims", {"limit": 1}).json["items"])
            return bool(claimed)

        eventually(has_claimed)
        assert ann.put(f"/review/snapshots/{claimed[0]}/decision", {"decision": "approved"}).status == 200
        page.get_by_role("row", name="Ann").get_by_text("100% of 1").wait_for()
        dispute(page, shop)
        page.get_by_role("link", name="Settle two.jpg").wait_for()
        is_sound(page, "review-team")
        page.get_by_role("link", name="Settle two.jpg").press("Enter")
        page.get_by_label("Your name").fill("Dee")
        page.get_by_role("button", name="Start").press("Enter")
        page.get_by_role("button", name="I had a look").press("Enter")
        page.get_by_text("two.jpg", exact=True).wait_for()
        page.get_by_label("Product").fill("apple")
        page.keyboard.press("Enter")
        page.keyboard.press("ArrowLeft")
        eventually(lambda: "Dee" in [each["decided_by"] for each in shop.get("/snapshots").json["items"]])


def test_a_product_is_made_changed_deleted_and_brought_back(page: Any, shop: Api) -> None:
    product_id = f"product-{uuid.uuid4().hex[:6]}"
    path = f"/products/{product_id}"
    turn_to(page, "Products")
    page.get_by_role("button", name="New product").press("Enter")
    form = page.get_by_role("dialog", name="New product")
    form.get_by_label("Id").fill(product_id)
    form.get_by_label("Name").fill("0 Quince")
    form.get_by_label("Price").fill("2.5")
    form.get_by_label("Currency").fill("EUR")
    assert violations(page) == []
    form.get_by_role("button", name="Save").press("Enter")
    eventually(lambda: shop.get(path).status == 200)
    row = page.locator(f"[data-product='{product_id}']")
    page.get_by_text("0 Quince is saved").wait_for()
    page.get_by_role("button", name="New product").press("Enter")
    form.get_by_label("Id").fill(product_id)
    form.get_by_label("Name").fill("Another")
    page.keyboard.press("Enter")
    form.get_by_role("alert").get_by_text("There is a product").wait_for()
    page.keyboard.press("Escape")
    assert shop.get(path).json["name"] == "0 Quince"
    page.evaluate("id => { location.hash = `#/products?product=${id}` }", product_id)
    form = page.get_by_role("dialog", name="Edit the product")
    form.get_by_label("Name").fill("0 Quince jelly")
    page.keyboard.press("Enter")
    eventually(lambda: shop.get(path).json["name"] == "0 Quince jelly")
    page.get_by_role("button", name="Undo").press("Enter")
    eventually(lambda: shop.get(path).json["name"] == "0 Quince")
    is_sound(page, "products")
    while not row.count():
        page.get_by_role("button", name="Show more").press("Enter")
        page.wait_for_timeout(500)
    row.get_by_role("button", name="Delete").press("Enter")
    eventually(lambda: shop.get(path).status == 404)
    page.get_by_role("button", name="Undo").press("Enter")
    eventually(lambda: shop.get(path).status == 200)


def test_the_first_paint_needs_little_script(stack: Stack) -> None:
    at = f"{stack.endpoint_url}/{stack_outputs(stack.endpoint_url)['WebBucket']}"
    scripts = [
        text_at(f"{at}/{script}")
        for script in re.findall(r'(?:src|href)="\./(assets/[^"]+\.js)"', text_at(f"{at}/index.html"))
    ]
    shells = set(re.findall(r"\./([a-z]+-shell-[\w-]+\.js)", "".join(scripts)))
    assert shells
    sizes = [len(gzip.compress(text.encode())) for text in scripts]
    for shell in shells:
        spoken = gzip.compress(text_at(f"{at}/assets/{shell}").encode())
        assert sum(sizes) + len(spoken) <= LARGEST_SCRIPT_BYTES


def text_at(address: str) -> str:
    return urllib3.request("GET", address).data.decode()


def test_any_page_is_reached_by_its_name(page: Any) -> None:
    page.keyboard.press("Control+k")
    page.get_by_role("combobox", name="Go to").fill("produ")
    assert violations(page) == []
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowUp")
    page.keyboard.press("Enter")
    page.get_by_role("heading", name="Products").wait_for()
    eventually(lambda: page.title() == "Products · Vitrine")
    page.keyboard.press("Control+k")
    page.get_by_role("combobox", name="Go to").fill("tomato")
    page.keyboard.press("Enter")
    page.get_by_role("heading", name="Search").wait_for()
    assert page.get_by_label("Search images").input_value() == "tomato"


def test_a_search_is_narrowed_by_a_facet(page: Any, shop: Api, gallery: str) -> None:
    word = f"zucca{uuid.uuid4().hex[:6]}"
    shown = shop.get("/galleries/default/images?limit=4").json["items"]
    images = [
        {
            "id": str(at),
            "name": f"{word} & co {at}",
            "url": picture["url"],
            "tags": [f"tag-{at % 2}"],
            "credit": "Klasson",
        }
        for at, picture in enumerate(shown)
    ]
    shop.post(f"/galleries/{gallery}/images", {"images": images})
    eventually(lambda: shop.get(f"/search/images?q={word}").json["total"]["value"] == 4)
    time.sleep(1.1)  # each process of the search looks for a newer index once a second
    turn_to(page, "Search")
    page.wait_for_function("document.activeElement.tagName === 'INPUT'")
    page.keyboard.type(word)
    page.get_by_text("4 found in").wait_for()
    assert page.locator("mark").first.inner_text() == word
    assert page.locator(".name").first.inner_text().startswith(f"{word} & co")
    is_sound(page, "search")
    page.get_by_label("tag-1").check()
    page.get_by_text("2 found in").wait_for()
    page.get_by_label("tag-0").wait_for()  # the siblings of what is chosen stay
    page.reload()
    page.get_by_text("2 found in").wait_for()
    assert page.get_by_label("tag-1").is_checked(), "the address keeps the filters"
    page.locator(".why-hit summary").first.press("Enter")
    page.get_by_role("link", name="Open in its gallery").first.wait_for()
    page.get_by_label("tag-1").uncheck()
    page.get_by_text("4 found in").wait_for()
    page.get_by_label("Search images").fill("qqxxqqxxqq")
    page.get_by_text("Nothing matches").wait_for()


def found(shop: Api, query: str) -> list[str]:
    return [hit["id"] for hit in shop.get(f"/search/images?q={query}").json["items"]]


def test_pictures_are_placed_for_a_query(page: Any, shop: Api, gallery: str) -> None:
    word = f"zucca{uuid.uuid4().hex[:6]}"
    shown = shop.get("/galleries/default/images?limit=4").json["items"]
    images = [{"id": str(at), "name": f"{word} {at}", "url": picture["url"]} for at, picture in enumerate(shown)]
    shop.post(f"/galleries/{gallery}/images", {"images": images})

    def placed() -> tuple[list[str], ...]:
        queries = {each["query"]: each for each in shop.get("/search/placed").json["queries"]}
        ours = queries.get(word, {"pinned": [], "buried": []})
        return tuple([image["image_id"] for image in ours[place]] for place in ("pinned", "buried"))

    eventually(lambda: len(found(shop, word)) == 4)
    time.sleep(1.1)  # each process of the search looks for a newer index once a second
    turn_to(page, "Search")
    page.get_by_label("Search images").fill(word)
    page.get_by_text("4 found in").wait_for()
    names = page.locator(".grid .name")
    page.get_by_role("button", name=f"Pin {word} 2").press("Enter")
    page.get_by_role("button", name=f"Pin {word} 3").press("Enter")
    page.get_by_role("button", name=f"Bury {word} 0").press("Enter")
    eventually(lambda: placed() == (["2", "3"], ["0"]))
    ours = page.get_by_role("region", name=f"Placed for {word}")
    ours.get_by_role("button", name=f"Earlier: {word} 3").press("Enter")
    eventually(lambda: placed() == (["3", "2"], ["0"]))
    eventually(lambda: page.evaluate("document.activeElement.closest('.placed-for') !== null"))  # the focus stays there
    eventually(lambda: names.all_inner_texts() == [f"{word} {at}" for at in (3, 2, 1, 0)])
    eventually(lambda: found(shop, word) == ["3", "2", "1", "0"])
    is_sound(page, "search-placed-for")
    page.keyboard.press("Control+z")
    eventually(lambda: placed() == (["2", "3"], ["0"]))

    page.get_by_role("navigation", name="Search").get_by_role("link", name="Placed pictures").press("Enter")
    page.get_by_role("link", name=word).wait_for()
    is_sound(page, "search-placed")
    page.get_by_role("button", name=f"Clear {word}").press("Enter")
    eventually(lambda: placed() == ([], []))


def test_words_find_what_other_words_find_and_attributes_are_declared(page: Any, shop: Api, gallery: str) -> None:
    word, other = f"zucca{uuid.uuid4().hex[:6]}", f"calabaza{uuid.uuid4().hex[:6]}"
    url = shop.get("/galleries/default/images?limit=1").json["items"][0]["url"]
    shop.post(f"/galleries/{gallery}/images", {"images": [{"id": "only", "name": word, "url": url}]})
    eventually(lambda: found(shop, word) == ["only"])
    turn_to(page, "Search")
    tabs = page.get_by_role("navigation", name="Search")
    tabs.get_by_role("link", name="Synonyms").press("Enter")
    form = page.get_by_role("form", name="New synonym")
    form.get_by_label("Words").fill(word)
    page.keyboard.press("Enter")
    form.get_by_role("alert").get_by_text("Enter two words").wait_for()
    form.get_by_label("only from").fill(other)
    page.keyboard.press("Enter")
    rule = f"{other} → {word}"
    page.get_by_role("button", name=f"Remove {rule}").wait_for()
    is_sound(page, "search-synonyms")
    eventually(lambda: found(shop, other) == ["only"])
    page.get_by_role("button", name=f"Remove {rule}").press("Enter")
    eventually(lambda: other not in str(shop.get("/search/synonyms").json))

    tabs.get_by_role("link", name="Attributes").press("Enter")
    attribute = f"colour_{uuid.uuid4().hex[:6]}"
    page.get_by_role("form", name="New attribute").get_by_label("Name").fill(attribute)
    page.keyboard.press("Enter")
    eventually(lambda: shop.get("/search/attributes").json["attributes"].get(attribute) == "text")
    assert violations(page) == []
    page.get_by_role("button", name=f"Remove {attribute}").press("Enter")
    eventually(lambda: attribute not in shop.get("/search/attributes").json["attributes"])


def test_queries_that_find_nothing_are_reported(stack: Stack) -> None:
    own = open_shop(stack)
    shop = Api(own.api_url, own.secret_key)
    assert shop.put("/galleries/window", {}).status == 201
    missed = shop.get("/search/images?q=kumquat").json["search_id"]
    events = [{"event_id": uuid.uuid4().hex, "search_id": missed} for _ in range(5)]
    assert {each["status"] for each in shop.post("/search/events", {"events": events}).json["results"]} == {"accepted"}
    eventually(lambda: bool(shop.get("/search/reports").json["nothing_found"]))
    with opened(own, f"#/search?key={own.secret_key}") as page:
        page.get_by_role("navigation", name="Search").get_by_role("link", name="Reports").press("Enter")
        row = page.get_by_role("table", name="Queries that find nothing").get_by_role("row", name="kumquat")
        row.get_by_role("cell", name="5").first.wait_for()
        is_sound(page, "search-reports")
        row.get_by_role("link", name="kumquat").press("Enter")
        page.get_by_text("Nothing matches").wait_for()
        assert page.get_by_label("Search images").input_value() == "kumquat"


def test_a_job_shows_how_far_it_is_and_what_went_wrong(page: Any, shop: Api, stack: Stack) -> None:
    good = shop.get("/galleries/default/images?limit=1").json["items"][0]["url"]
    urls = [good, f"{good}-is-not-there"]
    visit = {"store_id": add_store(shop, stack), "image_url": urls, "visit_time": "2024-03-09T12:00:00"}
    job_id = shop.post("/api/submit", {"count": 1, "visits": [visit]}).json["job_id"]
    turn_to(page, "Store visits")
    job = page.locator(".job", has_text=job_id)
    job.get_by_text("1 done, 1 failed, 0 left").wait_for()
    job.get_by_role("button", name=f"Job {job_id}", exact=True).press("Enter")
    job.get_by_text("The host responded with status 404").wait_for()
    measured = shop.get(f"/jobs/{job_id}/images").json["items"][0]
    job.get_by_role("cell", name=str(measured["perimeter"]), exact=True).wait_for()
    is_sound(page, "jobs")
    job.get_by_role("button", name="Retry").press("Enter")
    eventually(lambda: shop.get(f"/jobs/{job_id}").json["attempt"] == 2)
    job.get_by_text("partly failed").wait_for()


def test_a_visit_is_submitted_by_form(page: Any, shop: Api, stack: Stack) -> None:
    store = add_store(shop, stack)
    url = shop.get("/galleries/default/images?limit=1").json["items"][0]["url"]
    turn_to(page, "Store visits")
    page.get_by_text("Submit a visit", exact=True).press("Enter")
    form = page.get_by_role("form", name="New visit")
    form.get_by_label("Store").fill(store)
    form.get_by_label("When").fill("2024-03-09T12:00:01")
    form.get_by_label("URLs of the photos").fill(url)
    assert violations(page) == []
    form.get_by_role("button", name="Submit").press("Enter")
    page.get_by_text("is submitted").wait_for()
    eventually(lambda: [job["done"] for job in shop.get(f"/jobs?store_id={store}").json["items"]] == [1])
    page.get_by_role("textbox", name="Store", exact=True).last.fill(store)
    page.get_by_role("button", name="Show", exact=True).press("Enter")
    page.get_by_role("region", name="Perimeters by store and day").wait_for()


def test_a_file_comes_in_and_its_bad_row_is_explained(page: Any, shop: Api) -> None:
    product_id = f"product-{uuid.uuid4().hex[:6]}"
    rows = f"product_id,name,price\n{product_id},Apple,1.5\nbad id!,Pear,2\n".encode()
    before = {import_["import_id"] for import_ in shop.get("/imports?limit=100").json["items"]}
    turn_to(page, "Imports")
    page.get_by_label("Rows are").select_option("products")
    page.get_by_label("File").set_input_files({"name": "export.csv", "mimeType": "text/csv", "buffer": rows})
    page.get_by_role("button", name="Import", exact=True).press("Enter")
    begun: list[str] = []

    def has_begun() -> bool:
        found = {import_["import_id"] for import_ in shop.get("/imports?limit=100").json["items"]} - before
        begun.extend(found)
        return bool(found)

    eventually(has_begun)
    row = page.get_by_role("row", name=begun[0])
    row.get_by_text("completed").wait_for()
    row.get_by_role("button", name="1: show why").press("Enter")
    page.get_by_role("heading", name="Rejected rows").wait_for()
    page.get_by_role("cell", name="product_id").wait_for()
    is_sound(page, "imports")
    with page.expect_download() as download:
        page.get_by_role("button", name="Download as CSV").press("Enter")
    assert "bad id!,Pear" in Path(download.value.path()).read_text()
    assert shop.get(f"/products/{product_id}").json["name"] == "Apple"


def test_headings_of_a_spreadsheet_are_mapped(page: Any, shop: Api) -> None:
    product_id = f"product-{uuid.uuid4().hex[:6]}"
    rows = f"SKU;Title;Vendor;Note\n{product_id};Red;ripe tomato;ignored\n".encode()
    turn_to(page, "Imports")
    page.get_by_label("Rows are").select_option("products")
    page.get_by_label("File").set_input_files({"name": "export.csv", "mimeType": "text/csv", "buffer": rows})
    assert page.get_by_label("SKU is").input_value() == "product_id"
    assert page.get_by_label("Title is").input_value() == "name"
    page.get_by_label("Vendor is").select_option("category")
    is_sound(page, "imports-mapping")
    page.get_by_role("button", name="Import", exact=True).press("Enter")
    eventually(lambda: shop.get(f"/products/{product_id}").status == 200)
    product = shop.get(f"/products/{product_id}").json
    assert (product["name"], product["category"], product["brand"]) == ("Red", "ripe tomato", None)


def test_a_shopper_is_recommended_products_with_reasons(shop: Api, stack: Stack) -> None:
    shown = shop.get("/galleries/default/images?limit=4").json["items"]
    own_stack = open_shop(stack)
    own = Api(own_stack.api_url, own_stack.secret_key)
    ids = [image["id"] for image in shown]
    for image in shown:
        product = {"name": image["name"], "image_url": image["url"], "category": "Groceries"}
        own.put(f"/products/{image['id']}", {**product, "price": 2.5, "currency": "EUR"})
    clicks = [(f"shopper-{shopper}", product_id) for shopper in range(8) for product_id in ids[:3]]
    sent = [
        {"interaction_id": f"{user_id}-{product_id}", "user_id": user_id, "product_id": product_id, "type": "click"}
        for user_id, product_id in [*clicks, ("ann", ids[0])]
    ]
    assert own.post("/interactions", {"interactions": sent}).status == 202
    learn(own_stack)

    def reasons() -> dict[str, Any]:
        return {item["product_id"]: item["reason"] for item in own.get("/users/ann/recommendations").json["items"]}

    told = {"strategy": "collaborative", "because": [ids[0]]}
    eventually(lambda: [reasons().get(product_id) for product_id in ids[1:3]] == [told, told])
    with opened(stack, f"#/keys?key={own_stack.secret_key}") as page:
        turn_to(page, "For you")
        page.get_by_label("A shopper's id").fill("ann")
        page.keyboard.press("Enter")
        page.get_by_text(f"because of {shown[0]['name']}").first.wait_for()
        page.get_by_role("region", name="History").get_by_role("row", name="click").wait_for()
        is_sound(page, "recommendations")
        page.get_by_label("Strategy").select_option("popular")
        page.get_by_text("Many shoppers take it").first.wait_for()


def test_a_wrong_key_is_refused_and_a_publishable_one_sees_what_it_may(stack: Stack) -> None:
    with opened(stack, "") as page:
        page.get_by_label("Key").fill("sk_wrong")
        page.keyboard.press("Enter")
        page.get_by_role("alert").wait_for()
        is_sound(page, "keys")
        page.get_by_label("Key").fill(stack.publishable_key)
        page.keyboard.press("Enter")
        page.get_by_role("heading", name="Gallery").wait_for()
        page.locator(".grid li").first.wait_for()
        links = page.get_by_role("navigation").get_by_role("link")
        eventually(lambda: links.all_inner_texts() == ["Gallery", "Search", "For you"])
        page.evaluate("location.hash = '#/jobs'")
        page.get_by_text("needs a secret key").wait_for()


def test_a_key_is_made_shown_once_rolled_and_revoked(page: Any, shop: Api) -> None:
    label = f"Team {uuid.uuid4().hex[:6]}"
    keys = page.get_by_role("region", name="Keys of the shop")
    form = keys.get_by_role("form", name="New key")
    form.get_by_label("What it is for").fill(label)
    form.get_by_label("Role").select_option("reviewer")
    form.get_by_label("The reviewer's name").fill("ann")
    form.get_by_role("button", name="Make the key").click()
    made = keys.get_by_role("status").locator("code").inner_text()
    assert made.startswith("sk_")
    keys.get_by_role("button", name="Done").click()
    assert made not in page.content()
    keys.get_by_role("button", name=f"Roll {label}").click()
    rolled = keys.get_by_role("status").locator("code").inner_text()
    assert rolled != made
    keys.get_by_role("button", name="Done").click()
    is_sound(page, "keys-of-the-shop")
    keys.get_by_role("button", name=f"Revoke {label}").press("Enter")
    dialog = page.get_by_role("dialog", name=f"Revoke {label}")
    dialog.get_by_text("cannot be undone").wait_for()
    assert violations(page) == []
    dialog.get_by_role("button", name="Revoke").press("Enter")
    page.wait_for_function("label => !document.querySelector(`[aria-label='Revoke ${label}']`)", arg=label)
    mine = [key for key in shop.get("/keys?limit=100").json["items"] if key["label"] == label]
    assert len(mine) == 2
    assert all(key["revoked_at"] for key in mine)


def test_a_failed_request_is_found_by_its_id_and_a_change_by_its_key(page: Any, shop: Api, gallery: str) -> None:
    refused = shop.get(f"/galleries/{gallery}-of-nobody").json["request_id"]
    turn_to(page, "Logs")
    page.get_by_label("Request id").fill(refused)
    page.get_by_role("row", name=refused).get_by_text(f"/galleries/{gallery}-of-nobody").wait_for()
    eventually(lambda: page.get_by_role("row").count() == 2)
    is_sound(page, "logs")
    page.get_by_label("Show").select_option("changes")
    page.get_by_role("row", name=f"PUT /galleries/{gallery}").first.wait_for()


def test_a_key_stays_in_its_tab_and_a_link_does_not_replace_it_unasked(page: Any, stack: Stack) -> None:
    kept = "JSON.parse(sessionStorage.getItem('vitrine.session')).key"
    assert page.evaluate(kept) == stack.secret_key
    assert page.evaluate("localStorage.getItem('vitrine.session')") is None
    asked: list[str] = []

    def response(dialog: Any) -> None:
        asked.append(dialog.message)
        dialog.dismiss()

    page.on("dialog", response)
    page.evaluate("location.hash = '#/gallery?key=sk_of_an_attacker_0123456789'")
    page.reload()
    page.get_by_role("navigation", name="Pages").wait_for()
    assert len(asked) == 1
    assert page.evaluate(kept) == stack.secret_key
    assert "key=" not in page.url


def test_an_response_that_comes_late_does_not_overwrite_a_newer_one(page: Any) -> None:
    def response(route: Any) -> None:
        word = "tomato" if "tomato" in route.request.url else "kiwi"
        item = {"id": word, "gallery_id": "g", "name": word, "url": "data:,", "highlight": {}, "score": 1}
        found = {
            "items": [item],
            "total": {"value": 1, "relation": "eq"},
            "facets": {},
            "took_ms": 1,
            "next_cursor": None,
        }
        route.fulfill(json=found, headers={"Access-Control-Allow-Origin": "*"})

    held: list[Any] = []
    page.route("**/search/images?*tomato*", lambda route: held.append(route))  # noqa: PLW0108 - Playwright marks the handler
    page.route("**/search/images?*kiwi*", response)
    turn_to(page, "Search")
    field = page.get_by_label("Search images")
    with page.expect_request("**/search/images?*tomato*"):
        field.fill("tomato")
    field.fill("kiwi")
    page.get_by_text("kiwi", exact=True).first.wait_for()
    assert held
    for route in held:
        response(route)
    page.wait_for_timeout(500)
    assert page.get_by_text("tomato", exact=True).count() == 0
