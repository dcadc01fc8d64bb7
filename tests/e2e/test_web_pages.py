"""Every page of the web app in a real browser, at a desk and on a phone."""

from __future__ import annotations

import time
import uuid
from typing import TYPE_CHECKING, Any

import pytest

from tests.e2e.api import Api, eventually
from tests.e2e.browser import opened, picture
from tests.e2e.conftest import add_store, learn, open_shop

if TYPE_CHECKING:
    from collections.abc import Iterator

    from local.state import Stack


@pytest.fixture
def page(stack: Stack) -> Iterator[Any]:
    with opened(stack, f"#/keys?key={stack.secret_key}") as page:
        page.get_by_role("heading", name="Your key").wait_for()
        yield page


def turn_to(page: Any, title: str) -> None:
    page.get_by_role("navigation", name="Pages").get_by_role("link", name=title, exact=True).click()


def fits_a_phone(page: Any) -> bool:
    desk = page.viewport_size
    page.set_viewport_size({"width": 390, "height": 800})
    # Pictures that are still on their way across a desk's width do not tell.
    page.wait_for_function("document.getAnimations().every((it) => it.playState === 'finished')")
    fits = page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    page.set_viewport_size(desk)
    return fits


def has_names(page: Any) -> bool:
    """Whether all that can be used says what it is to those who do not see it."""
    return page.evaluate(
        """() => [...document.querySelectorAll('button, a, input, select')].every((it) =>
            it.textContent.trim() || it.ariaLabel || it.labels?.length)
            && [...document.querySelectorAll('img')].every((it) => it.hasAttribute('alt'))"""
    )


def test_a_gallery_reorders_under_the_clicks_of_a_keyboard(page: Any, shop: Api, gallery: str) -> None:
    shop.put(f"/galleries/{gallery}", {"title": "What shoppers saw in the window of the corner shop that summer"})
    pictures = shop.get("/galleries/default/images?limit=6").json["items"]
    images = [{"id": picture["id"], "name": picture["name"], "url": picture["url"]} for picture in pictures]
    shop.post(f"/galleries/{gallery}/images", {"images": images})
    turn_to(page, "Gallery")
    page.get_by_label("Show").select_option(gallery)
    tiles = page.locator(".grid li")
    page.wait_for_function("document.querySelectorAll('.grid li').length === 6")
    last = tiles.last.get_attribute("data-id")
    tiles.last.get_by_role("button").focus()
    for _ in range(3):
        page.keyboard.press("Enter")
    page.wait_for_function("id => document.querySelector('.grid li').dataset.id === id", arg=last)
    eventually(lambda: "3 clicks" in tiles.first.inner_text(), 30)
    assert page.evaluate("document.activeElement.closest('li').dataset.id") == last, "the focus moves with the picture"
    picture(page, "gallery")
    assert has_names(page)
    assert fits_a_phone(page)


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
    eventually(lambda: shop.get(f"/search/images?q={word}").json["total"]["value"] == 4, 30)
    time.sleep(1.1)  # each process of the search looks for a newer index once a second
    turn_to(page, "Search")
    page.wait_for_function("document.activeElement.tagName === 'INPUT'")
    page.keyboard.type(word)
    page.get_by_text("4 found in").wait_for()
    assert page.locator("mark").first.inner_text() == word
    assert page.locator(".name").first.inner_text().startswith(f"{word} & co")
    picture(page, "search")
    assert has_names(page)
    assert fits_a_phone(page)
    page.get_by_label("tag-1").check()
    page.get_by_text("2 found in").wait_for()
    page.get_by_label("tag-1").uncheck()
    page.get_by_text("4 found in").wait_for()
    page.get_by_label("Search images").fill("qqxxqqxxqq")
    page.get_by_text("Nothing matches").wait_for()


def test_a_job_shows_how_far_it_is_and_what_went_wrong(page: Any, shop: Api, stack: Stack) -> None:
    good = shop.get("/galleries/default/images?limit=1").json["items"][0]["url"]
    urls = [good, f"{good}-is-not-there"]
    visit = {"store_id": add_store(shop, stack), "image_url": urls, "visit_time": "2024-03-09T12:00:00"}
    job_id = shop.post("/api/submit", {"count": 1, "visits": [visit]}).json["job_id"]
    turn_to(page, "Store visits")
    job = page.locator(".job", has_text=job_id)
    job.get_by_text("1 done, 1 failed, 0 left").wait_for()
    job.get_by_role("button", name=job_id).press("Enter")
    job.get_by_text("The host responded with status 404").wait_for()
    measured = shop.get(f"/jobs/{job_id}/images").json["items"][0]
    assert job.get_by_role("cell", name=str(measured["perimeter"]), exact=True).is_visible()
    picture(page, "jobs")
    assert has_names(page)
    assert fits_a_phone(page)


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
    picture(page, "imports")
    assert has_names(page)
    assert fits_a_phone(page)
    assert shop.get(f"/products/{product_id}").json["name"] == "Apple"


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
    eventually(lambda: [reasons().get(product_id) for product_id in ids[1:3]] == [told, told], 60)
    with opened(stack, f"#/keys?key={own_stack.secret_key}") as page:
        turn_to(page, "For you")
        page.get_by_label("A shopper's id").fill("ann")
        page.keyboard.press("Enter")
        page.get_by_text(f"because of {ids[0]}").first.wait_for()
        picture(page, "recommendations")
        assert has_names(page)
        assert fits_a_phone(page)
        page.get_by_label("Strategy").select_option("popular")
        page.get_by_text("Many shoppers take it").first.wait_for()


def test_a_wrong_key_is_refused_and_a_publishable_one_sees_what_it_may(stack: Stack) -> None:
    with opened(stack, "") as page:
        page.get_by_label("Key").fill("sk_wrong")
        page.keyboard.press("Enter")
        page.get_by_role("alert").wait_for()
        picture(page, "keys")
        assert has_names(page)
        assert fits_a_phone(page)
        page.get_by_label("Key").fill(stack.publishable_key)
        page.keyboard.press("Enter")
        page.get_by_role("heading", name="Gallery").wait_for()
        page.locator(".grid li").first.wait_for()
        assert page.get_by_role("navigation").get_by_role("link").all_inner_texts() == ["Gallery", "Search", "For you"]
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
    page.once("dialog", lambda dialog: dialog.accept())
    keys.get_by_role("button", name=f"Revoke {label}").click()
    page.wait_for_function("label => !document.querySelector(`[aria-label='Revoke ${label}']`)", arg=label)
    mine = [key for key in shop.get("/keys?limit=100").json["items"] if key["label"] == label]
    assert len(mine) == 2
    assert all(key["revoked_at"] for key in mine)
    assert has_names(page)
    assert fits_a_phone(page)


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
    field.fill("tomato")
    page.wait_for_timeout(800)
    field.fill("kiwi")
    page.get_by_text("kiwi", exact=True).first.wait_for()
    assert held
    for route in held:
        response(route)
    page.wait_for_timeout(500)
    assert page.get_by_text("tomato", exact=True).count() == 0
