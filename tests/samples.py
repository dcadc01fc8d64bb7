"""The sample invocations under `events/`."""

from __future__ import annotations

import json
from functools import cache
from typing import Any, NamedTuple

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


def sample_body(method: str, resource: str) -> Any:
    """The body that a route's sample sends; None when there is no sample with one."""
    for _, _, event in samples():
        if (event.get("httpMethod"), event.get("resource")) == (method, resource) and event["body"]:
            return json.loads(event["body"])
    return None
