"""The documented codes are those that the code has."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[3]
ROOMS = ROOT / "layers" / "vitrine" / "vitrine"
SOURCES = [ROOMS / "platform" / "fetcher.py", *(ROOMS / "visits").glob("*.py")]
RAISED = re.compile(r'(?:FetchError|UnmeasurableError|Failure)\(\s*"([a-z_]+)"|_CODE = "([a-z_]+)"')


def test_each_code_is_documented_and_each_documented_code_exists() -> None:
    raised = {first or second for path in SOURCES for first, second in RAISED.findall(path.read_text())}
    documented = set(re.findall(r"^\| `([a-z_]+)` \|", (ROOT / "docs" / "picture-errors.md").read_text(), re.MULTILINE))
    assert raised == documented
