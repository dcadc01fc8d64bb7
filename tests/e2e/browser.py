"""A real browser at the web app of the deployed stack."""

from __future__ import annotations

import os
import shutil
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from local.deployment import stack_outputs
from local.state import ROOT
from tests.e2e.api import eventually

if TYPE_CHECKING:
    from collections.abc import Iterator

    from local.state import Stack

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
FIREFOX = shutil.which("firefox-esr") or shutil.which("firefox")
AXE = ROOT / "storefront" / "node_modules" / "axe-core" / "axe.min.js"
VIOLATIONS = "axe.run().then((it) => it.violations.map(({id, nodes}) => [id, nodes.map((at) => at.html)]))"
PATIENCE_MS = 90_000
PHONE = {"width": 390, "height": 800}
SCREENSHOTS = os.environ.get("VITRINE_SCREENSHOTS")


@contextmanager
def opened(stack: Stack, where: str, **options: Any) -> Iterator[Any]:
    """The web app at this place, as one who was never there sees it. `options` are the browser's."""
    bucket = stack_outputs(stack.endpoint_url)["WebBucket"]
    with visited(f"{stack.endpoint_url}/{bucket}/index.html{where}", **options) as page:
        yield page


@contextmanager
def launched(name: str = "chromium") -> Iterator[Any]:
    """The machine's own browser: `chromium`, or `firefox` by its standard protocol (WebDriver BiDi)."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        if name == "firefox":
            assert FIREFOX, "no Firefox on this machine (Debian: apt install firefox-esr)"
            browser = playwright.firefox.launch(channel="moz-firefox", executable_path=FIREFOX)
        else:
            assert CHROMIUM, "no Chromium on this machine (Debian: apt install chromium)"
            browser = playwright.chromium.launch(
                executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
            )
        yield browser
        browser.close()


@contextmanager
def visited(address: str, **options: Any) -> Iterator[Any]:
    """The page at an address, as one who was never there sees it. `options` are the browser's."""
    with launched() as browser:
        page = browser.new_page(viewport={"width": 1100, "height": 760}, **options)
        page.set_default_timeout(PATIENCE_MS)
        page.goto(address)
        yield page


def picture(page: Any, name: str) -> None:
    """Keep what is on the screen where VITRINE_SCREENSHOTS says."""
    if SCREENSHOTS:
        page.wait_for_timeout(400)
        page.screenshot(path=str(Path(SCREENSHOTS) / f"{name}.png"))


AT_REST = """() => !document.querySelector("[aria-busy=true]")
    && document.getAnimations().every((animation) => !(animation instanceof CSSTransition))"""


def rests(page: Any) -> None:
    """Wait until the page loads, fades and moves nothing: old content is dimmed while new content loads."""
    eventually(lambda: page.evaluate(AT_REST))


def violations(page: Any) -> list[Any]:
    """What axe finds wrong on the page at rest: rules, each with the elements that break it."""
    rests(page)
    if not page.evaluate("'axe' in window"):
        page.add_script_tag(path=str(AXE))
    return page.evaluate(VIOLATIONS)


def fits_a_phone(page: Any) -> bool:
    """Whether nothing is wider than a phone, once pictures and plots have taken its width."""
    from playwright.sync_api import TimeoutError as TooLateError

    desk = page.viewport_size
    page.set_viewport_size(PHONE)
    try:
        page.wait_for_function("document.documentElement.scrollWidth <= innerWidth", timeout=15_000)
    except TooLateError:
        return False
    else:
        return True
    finally:
        page.set_viewport_size(desk)


def has_names(page: Any) -> bool:
    """Whether all that can be used says what it is to those who do not see it."""
    return page.evaluate(
        """() => [...document.querySelectorAll('button, a, input, select')].every((it) =>
            it.textContent.trim() || it.ariaLabel || it.labels?.length)
            && [...document.querySelectorAll('img')].every((it) => it.hasAttribute('alt'))"""
    )


def is_sound(page: Any, name: str) -> None:
    """Hold the page to axe at a desk and on a phone, in light and in dark; take its pictures."""
    picture(page, name)
    assert has_names(page)
    assert fits_a_phone(page)
    is_accessible(page, name)


def is_accessible(page: Any, name: str | None = None) -> None:
    """Hold the page to axe at a desk and on a phone, in light and dark; if it has a `name`, picture it on a phone."""
    desk = page.viewport_size
    for size in (desk, PHONE):
        page.set_viewport_size(size)
        for scheme in ("dark", "light"):
            page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
            assert violations(page) == []
        if name and size != desk:
            picture(page, f"{name}-phone")
    page.set_viewport_size(desk)
    page.emulate_media(reduced_motion="no-preference")
