"""The script stays small."""

from __future__ import annotations

import pytest

from bench.storefront_sizes import DIST, gzip_bytes
from local.web import build_storefront


@pytest.mark.parametrize(("name", "most"), [("core.js", 4000), ("gallery.js", 6000), ("vitrine.js", 9000)])
def test_a_script_is_no_larger_than_promised(name: str, most: int) -> None:
    build_storefront()
    assert gzip_bytes((DIST / name).read_bytes()) <= most
