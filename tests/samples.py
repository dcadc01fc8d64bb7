"""The sample invocations under `events/`."""

from __future__ import annotations

import json
from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urlencode

from commands import openapi
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
    sample = openapi.samples().get((route.method, route.path))
    if sample:
        return Sent(urlencode(sample.query), sample.headers, sample.body)
    assert route.body is None, f"{route.method} {route.path} takes a body: put a sample under events/"
    return Sent(headers={"X-Reviewer": "ann"})
