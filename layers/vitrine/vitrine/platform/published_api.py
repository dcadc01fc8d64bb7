"""The API's description `openapi.json`, which `make docs` writes from the routes of all functions."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

DOCUMENT = Path(__file__).with_name("openapi.json")


@cache
def openapi_document() -> dict[str, Any]:
    """The OpenAPI document."""
    document: dict[str, Any] = json.loads(DOCUMENT.read_text())
    return document


def methods_at(path: str) -> list[str]:
    """The methods that a path has; none for an unknown path."""
    segments = path.strip("/").split("/")
    methods: set[str] = set()
    for template, operations in openapi_document()["paths"].items():
        pattern = template.strip("/").split("/")
        if len(pattern) == len(segments) and all(
            part.startswith("{") or part == segment for part, segment in zip(pattern, segments, strict=True)
        ):
            methods |= {method.upper() for method in operations}
    return sorted(methods)
