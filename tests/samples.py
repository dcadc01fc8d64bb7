"""The sample invocations under `events/`."""

from __future__ import annotations

import json
from functools import cache
from typing import Any, NamedTuple
from urllib.parse import urlencode

from tests.aws import ROOT


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
    """What a route's sample sends beside the path."""

    query: str
    body: Any


def sample_of(method: str, resource: str) -> Sent:
    """The query and body of a route's sample; fails when the route has none."""
    for function, _, event in samples():
        if function.endswith("_api") and (event["httpMethod"], event["resource"]) == (method, resource):
            body = event["body"]
            return Sent(urlencode(event["queryStringParameters"] or {}), json.loads(body) if body else None)
    message = f"{method} {resource} has no sample: put one under events/"
    raise AssertionError(message)
