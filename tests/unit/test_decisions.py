"""The decisions are numbered without gaps, have the usual parts, and are all listed."""

from __future__ import annotations

import re

from tests.aws import ROOT

FOLDER = ROOT / "docs" / "adr"
USUAL = ["Context", "Decision", "Consequences"]
PAGES = sorted(FOLDER.glob("[0-9]*.md"))


def test_decisions_are_numbered_from_one_without_gaps() -> None:
    assert [int(page.name[:4]) for page in PAGES] == list(range(1, len(PAGES) + 1))


def test_a_decision_is_titled_with_its_number_and_listed() -> None:
    listed = (FOLDER / "index.md").read_text()
    for page in PAGES:
        heading = re.match(r"# (\d+)\. (.+)", page.read_text())
        assert heading, page
        number, title = heading.groups()
        assert f"| [{number}]({page.name}) | {title} |" in listed


def test_a_decision_says_its_context_what_was_decided_and_the_consequences() -> None:
    for page in PAGES:
        parts = [line.removeprefix("## ") for line in page.read_text().splitlines() if line.startswith("## ")]
        assert [part for part in parts if part in USUAL] == USUAL, page.name
