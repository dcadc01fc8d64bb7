"""Two browsers, and the shop it visits."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from local.web import build_storefront
from tests.e2e.browser import PATIENCE_MS, launched
from tests.storefront.pages import Site

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="session", params=["chromium", "firefox"])
def browser(request: pytest.FixtureRequest) -> Iterator[Any]:
    """A browser; each test opens contexts of its own."""
    build_storefront()
    with launched(request.param) as browser:
        yield browser


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
    context.set_default_timeout(PATIENCE_MS)
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
