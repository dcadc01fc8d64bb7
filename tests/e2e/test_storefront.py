"""The demo shop on the deployed stack, in a real browser."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest

from local.deployment import stack_outputs
from tests.e2e.api import Api, eventually
from tests.e2e.browser import picture, violations, visited

if TYPE_CHECKING:
    from local.state import Stack

READY = {
    "index.html": "vitrine-gallery img",
    "product.html?id=banana": "vitrine-recommendations img",
    "search.html?q=tomato": "vitrine-search img",
    "basket.html": "#order li",
}


def address_of(stack: Stack, page: str) -> str:
    bucket = stack_outputs(stack.endpoint_url)["WebBucket"]
    return f"http://localhost:{urlsplit(stack.endpoint_url).port}/{bucket}/shop/{page}"


@pytest.fixture(scope="module", autouse=True)
def _learned(shop: Api) -> None:
    """The demo's purchases are imported when `make up` ends; the model that follows from them takes a moment."""
    eventually(lambda: shop.get("/products/banana/similar").json["model_id"] is not None, within_seconds=180)


def test_what_was_bought_of_a_recommendation_is_what_it_earned(stack: Stack, shop: Api) -> None:
    def purchases() -> int:
        return int(shop.get("/recommendations/earnings").json["purchases"])

    before = purchases()
    with visited(address_of(stack, "index.html")) as page:
        told: list[str] = []

        def note(message: Any) -> None:
            if message.type == "error":
                told.append(message.text)

        page.on("console", note)
        page.on("pageerror", lambda error: told.append(str(error)))
        page.locator("#events li", has_text="view").first.wait_for()
        picture(page, "shop")
        page.locator("vitrine-recommendations a").first.click()
        page.get_by_role("button", name="Put into the basket").click()
        page.locator("vitrine-recommendations img").first.wait_for()
        picture(page, "shop-product")
        page.get_by_role("link", name="Basket").click()
        page.get_by_role("button", name="Buy").click()
        page.locator("#events li", has_text="created").first.wait_for()
        eventually(lambda: purchases() == before + 1)
        assert told == []


@pytest.mark.parametrize("name", READY, ids=lambda name: name.partition("?")[0])
def test_axe_finds_no_violation_in_the_shop(stack: Stack, name: str) -> None:
    with visited(address_of(stack, name), bypass_csp=True) as page:
        page.locator(READY[name]).first.wait_for(state="attached")
        assert violations(page) == []


def test_without_javascript_the_shop_says_what_it_is(stack: Stack) -> None:
    with visited(address_of(stack, "index.html"), java_script_enabled=False) as page:
        assert page.get_by_role("heading", name="Groceries").is_visible()
        assert page.get_by_role("navigation").get_by_role("link").count() == 3
