"""The table "Where to change what" names files that exist, and what each of them really holds."""

from __future__ import annotations

import re

import pytest

from tests.aws import ROOT

PAGE = (ROOT / "docs" / "architecture.md").read_text()
TASKS = [line for line in PAGE.split("### Where to change what", 1)[1].split("\n## ", 1)[0].splitlines() if "`" in line]
QUOTED = re.compile(r"`([^`]+)`")
FILE = re.compile(r"[\w/.-]+\.(?:py|tsx?|yaml)")
NAME = re.compile(r"[A-Za-z_]\w*")


@pytest.mark.parametrize("task", TASKS, ids=lambda task: task[:40])
def test_a_task_names_files_and_what_they_hold(task: str) -> None:
    quoted = QUOTED.findall(task)
    texts = []
    for path in filter(FILE.fullmatch, quoted):
        found = [file for file in (ROOT / path, ROOT / "layers/vitrine/vitrine" / path) if file.is_file()]
        assert found, f"{path} does not exist"
        texts += [file.read_text() for file in found]
    for name in filter(NAME.fullmatch, quoted if texts else ()):
        assert any(re.search(rf"\b{name}\b", text) for text in texts), f"{name} is in none of {quoted}"
