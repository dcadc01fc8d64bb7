"""The gateway's own errors are those of the functions, in form and words."""

from __future__ import annotations

import pytest

from commands.errors import gateway_responses
from tests.aws import resources
from vitrine.platform.problems import KINDS, TYPE_PREFIX, UNEXPECTED, RetryLater, problem

BY_TYPE = {TYPE_PREFIX + kind.slug: kind for kind in [*KINDS.values(), UNEXPECTED]}
WAIT = {TYPE_PREFIX + kind.slug for error, kind in KINDS.items() if issubclass(error, RetryLater)}


@pytest.mark.parametrize("name", gateway_responses())
def test_a_response_of_the_gateway_is_a_problem_of_ours(name: str) -> None:
    headers, body = gateway_responses()[name]
    [api] = resources("AWS::Serverless::Api").values()
    kind = BY_TYPE[body["type"]]
    assert (body["title"], body["status"]) == (kind.title, kind.status)
    assert int(api["GatewayResponses"][name]["StatusCode"]) == kind.status
    assert body.keys() == problem(ValueError(), instance="/", request_id="r").keys()
    assert headers["Content-Type"] == "application/problem+json"
    assert headers["Access-Control-Allow-Origin"] == "*"
    assert headers["Cache-Control"] == "no-store"
    assert ("Retry-After" in headers) == (body["type"] in WAIT)


def test_an_unexpected_error_reads_the_same_from_the_gateway() -> None:
    _, body = gateway_responses()["DEFAULT_5XX"]
    assert body["detail"] == problem(ValueError(), instance="/", request_id="r")["detail"]
