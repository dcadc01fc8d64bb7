"""Tests that are skipped are noticed."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.aws import ROOT

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.slow

SKIPPED = {
    "a test": "import pytest\ndef test_it(): pytest.skip('no engine')\n",
    "a mark": "import pytest\n@pytest.mark.skip(reason='no engine')\ndef test_it(): pass\n",
    "a fixture": "import pytest\n@pytest.fixture\ndef it(): pytest.skip('no engine')\ndef test_it(it): pass\n",
    "a module": "import pytest\npytest.skip('no engine', allow_module_level=True)\n",
}


@pytest.mark.parametrize("source", SKIPPED.values(), ids=list(SKIPPED))
def test_a_skip_that_nobody_expects_fails_the_run_and_says_why(source: str, tmp_path: Path) -> None:
    (tmp_path / "test_it.py").write_text(source)
    run = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "tests.skips", "-c", os.devnull, str(tmp_path)],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(ROOT), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode != 0, run.stdout
    assert "no engine" in run.stdout
