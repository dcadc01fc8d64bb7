"""The sample invocations under `events/`."""

from __future__ import annotations

import json
from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urlencode

from tests.aws import ROOT

if TYPE_CHECKING:
    from collections.abc import Mapping

    from vitrine.platform.http import Route


class Sample(NamedTuple):
    """One invocation of one function."""

    function: str
    case: str
    event: dict[str, Any]


@cache
def samples() -> list[Sample]:
    return [
        Sample(file.parent.name, file.stem, json.loads(file.read_text()))
        for file in sorted((ROOT / "events").glob("*/*.json"))
    ]


class Sent(NamedTuple):
    """The query, headers and body of a sample."""

    query: str = ""
    headers: Mapping[str, str] = {}
    body: Any = None


def sample_of(route: Route) -> Sent:
    """The sample of a route; empty if it has none, which only a route without a body may."""
    for function, _, event in samples():
        if function.endswith("_api") and (event["httpMethod"], event["resource"]) == (route.method, route.path):
            query = urlencode(event["queryStringParameters"] or {})
            return Sent(query, event["headers"], json.loads(event["body"]) if event["body"] else None)
    assert route.body is None, f"{route.method} {route.path} takes a body: put a sample under events/"
    return Sent(headers={"X-Reviewer": "ann"})
