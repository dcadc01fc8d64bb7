"""A browser, and the shop it visits."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from local.web import build_storefront
from tests.e2e.browser import CHROMIUM
from tests.storefront.pages import Site

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    """Chromium; each test opens contexts of its own."""
    from playwright.sync_api import sync_playwright

    assert CHROMIUM, "no Chromium on this machine (Debian: apt install chromium)"
    build_storefront()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
        )
        yield browser
        browser.close()


@pytest.fixture
def site(cloud: None) -> Iterator[Site]:
    """The shop's pages, and the API on moto."""
    site = Site()
    yield site
    site.close()


@pytest.fixture
def context(browser: Any) -> Iterator[Any]:
    """A visitor who was never there."""
    context = browser.new_context(viewport={"width": 1000, "height": 800})
    context.set_default_timeout(15_000)
    yield context
    context.close()


@pytest.fixture
def page(context: Any) -> Iterator[Any]:
    """A page in which nothing may throw."""
    page = context.new_page()
    thrown: list[str] = []
    page.on("pageerror", lambda error: thrown.append(str(error)))
    yield page
    assert thrown == []
