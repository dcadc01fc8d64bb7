"""The examples for React, Vue and plain pages work as they stand."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING, Any

import pytest

from tests.e2e.api import eventually
from tests.storefront.pages import STOREFRONT

if TYPE_CHECKING:
    from pathlib import Path

    from tests.storefront.pages import Site


@pytest.mark.parametrize("example", ["react.jsx", "vue.js", "plain.js"])
def test_an_example_shows_a_gallery_and_counts_once(site: Site, page: Any, example: str, tmp_path: Path) -> None:
    site.fill("summer", 4)
    site.page("product.html", "<p>A product</p>")
    site.scripts["example.js"] = _bundled(example, tmp_path)
    shop = f'<div id="shop" data-api="{site.api}" data-key="{site.shop.publishable_key}"></div>'
    address = site.page("index.html", f'{shop}<script type="module" src="example.js"></script>')
    page.set_viewport_size({"width": 1000, "height": 1600})
    page.goto(address)
    page.locator("#shop img").nth(3).wait_for()
    page.wait_for_timeout(1500)
    page.locator("#shop a").nth(2).click()
    page.wait_for_url("**/product.html?id=3")
    eventually(lambda: [counts.views for counts in site.counts("summer").values()] == [1] * 4)
    assert site.counts("summer")["3"].clicks == 1


def _bundled(example: str, folder: Path) -> bytes:
    """The example as a bundler makes it; it finds the package by the name that shops install it under."""
    made = folder / "example.js"
    command = [
        f"{STOREFRONT / 'node_modules' / '.bin' / 'esbuild'}",
        f"{STOREFRONT / 'examples' / example}",
        "--bundle",
        "--format=esm",
        "--jsx=automatic",
        f"--alias:@vitrine/storefront={STOREFRONT / 'dist' / 'core.js'}",
        '--define:process.env.NODE_ENV="production"',
        f"--outfile={made}",
    ]
    subprocess.run(command, check=True, timeout=60, capture_output=True)
    return made.read_bytes()
