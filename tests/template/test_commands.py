"""Commands run as the documentation says."""

from __future__ import annotations

import os
import re
import subprocess
import sys

import pytest

from tests.aws import ROOT

DOCUMENTS = [ROOT / "README.md", *(ROOT / "docs").rglob("*.md")]
DOCUMENTED = sorted({name for file in DOCUMENTS for name in re.findall(r"python -m commands\.(\w+)", file.read_text())})


@pytest.mark.parametrize("name", DOCUMENTED)
def test_a_documented_command_runs_in_a_checkout_without_further_settings(name: str) -> None:
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    done = subprocess.run(
        [sys.executable, "-m", f"commands.{name}", "--help"],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert f"python -m commands.{name}" in done.stdout


def test_the_documentation_sets_no_path_for_commands() -> None:
    for file in DOCUMENTS:
        assert "PYTHONPATH" not in file.read_text()
