"""Files that are made by commands are what the commands make now."""

from __future__ import annotations

import importlib
import json
from typing import TYPE_CHECKING

import pytest

from commands.openapi import document, rendered, routes, samples
from commands.robots import ROBOTS_FILE, robots_document
from vitrine.platform.http import parse_json
from vitrine.platform.published_api import DOCUMENT

if TYPE_CHECKING:
    from vitrine.platform.http import Route


def test_the_list_of_robots_is_up_to_date() -> None:
    assert ROBOTS_FILE.read_text() == robots_document()


def test_the_openapi_document_is_up_to_date() -> None:
    assert DOCUMENT.read_text() == rendered()


def test_every_operation_says_which_keys_it_takes_and_shows_an_example() -> None:
    for path, operations in document()["paths"].items():
        for method, operation in operations.items():
            name = f"{method} {path}"
            assert operation.get("x-key") or operation.get("security") == [], name
            bodies = operation.get("requestBody", {"content": {}})["content"].values()
            assert all(body["example"] for body in bodies), name
            required = [parameter for parameter in operation["parameters"] if parameter["in"] == "path"]
            assert all(parameter["example"] for parameter in required), name


@pytest.mark.parametrize("route", [route for route in routes() if route.body], ids=lambda route: route.path)
def test_the_example_of_a_body_is_valid(route: Route) -> None:
    assert route.body
    module, _, name = route.body.partition(":")
    model = getattr(importlib.import_module(module), name)
    assert parse_json(json.dumps(samples()[route.method, route.path].body).encode(), model)
