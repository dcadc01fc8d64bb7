"""Files that are made by commands are what the commands make now."""

from __future__ import annotations

from commands.openapi import rendered
from commands.robots import ROBOTS_FILE, robots_document
from vitrine.platform.published_api import DOCUMENT


def test_the_list_of_robots_is_up_to_date() -> None:
    assert ROBOTS_FILE.read_text() == robots_document()


def test_the_openapi_document_is_up_to_date() -> None:
    assert DOCUMENT.read_text() == rendered()
