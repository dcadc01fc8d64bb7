"""Nothing that a client sends or a handler answers makes the entry raise."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.aws import Context, api_event
from vitrine.platform.http import ANYONE, HttpApp, Request, Response
from vitrine.platform.problems import NotFound, ServiceError
from vitrine.platform.telemetry import Metric

INTERNAL = "urn:vitrine:problem:internal"


def sent(event: dict[str, Any], response: Response) -> dict[str, Any]:
    """What goes out, as Lambda's runtime encodes it."""
    app = HttpApp()
    app.get("/things/{id}", scope=ANYONE)(lambda request: response)
    out = app(event, Context())
    json.dumps(out, ensure_ascii=False).encode()
    return out


def read(response: Response, **more: Any) -> dict[str, Any]:
    return sent({**api_event("GET", "/things/{id}", id="one"), **more}, response)


@pytest.mark.parametrize(
    "content", [{"a": "\ud800"}, {"\udfff": 1}, "\ud800", {"a": object()}, {"a": {1, 2}}, {("a",): 1}, "x" + "\udc80"]
)
@pytest.mark.parametrize("status", [200, 400])
def test_an_response_that_cannot_be_encoded_is_a_problem(content: Any, status: int) -> None:
    out = read(Response(status, content))
    assert (out["statusCode"], json.loads(out["body"])["type"]) == (500, INTERNAL)
    assert out["headers"]["Content-Type"] == "application/problem+json"


def test_a_route_whose_own_form_of_errors_fails_responses_a_problem() -> None:
    def fail(error: ServiceError) -> Response:
        raise KeyError(error)

    def refuse(request: Request) -> Response:
        raise NotFound("no")

    app = HttpApp()
    app.get("/things", scope=ANYONE, on_error=fail)(refuse)
    out = app(api_event("GET", "/things"), Context())
    assert (out["statusCode"], json.loads(out["body"])["type"]) == (500, INTERNAL)


def test_a_metric_that_cannot_be_logged_costs_no_response() -> None:
    out = read(Response(200, {}, metrics={"Took": Metric(object())}))  # type: ignore[arg-type]
    assert out["statusCode"] == 200


@pytest.mark.parametrize(
    "more",
    [
        {"path": "/things/\ud800"},
        {"pathParameters": {"id": "\ud800"}},
        {"headers": {"X-Reviewer": "\ud800"}},
        {"multiValueQueryStringParameters": {"q": ["\ud800"]}},
        {"multiValueQueryStringParameters": {"\ud800": ["x"]}},
    ],
)
def test_half_a_character_in_path_query_or_headers_is_400(more: dict[str, Any]) -> None:
    out = read(Response(200, {}), **more)
    assert (out["statusCode"], json.loads(out["body"])["type"]) == (400, "urn:vitrine:problem:malformed-request")


def test_a_header_goes_out_as_ascii() -> None:
    out = read(Response(302, headers={"Location": "https://a.example/é?q=%20#x"}))
    assert out["headers"]["Location"] == "https://a.example/%C3%A9?q=%20#x"


def test_what_passes_is_no_part_of_the_etag() -> None:
    def of(content: dict[str, int], **headers: str) -> dict[str, Any]:
        return read(Response(200, content, passing=("took",)), headers=headers)

    first = of({"a": 1, "took": 1})
    etag = first["headers"]["ETag"]
    assert json.loads(first["body"]) == {"a": 1, "took": 1}
    assert of({"a": 2, "took": 1})["headers"]["ETag"] != etag
    assert of({"a": 1, "took": 2}, **{"If-None-Match": etag})["statusCode"] == 304


@pytest.mark.parametrize(
    ("said", "viewer", "address"),
    [
        ("the secret", "198.51.100.10:46532", "198.51.100.10"),
        ("the secret", "2001:0db8:85a3:0001:0000:8a2e:0370:7334:46532", "20010db885a30001"),
        ("a guess", "198.51.100.10:46532", "192.0.2.1"),
        ("", "198.51.100.10:46532", "192.0.2.1"),
        (None, "198.51.100.10:46532", "192.0.2.1"),
        ("the secret", "", "192.0.2.1"),
    ],
)
@pytest.mark.parametrize("has_edge", [True, False])
def test_the_edges_word_on_who_asks_counts_with_its_secret_alone(
    said: str | None, viewer: str, address: str, *, has_edge: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EDGE_SECRET", "the secret" if has_edge else "")
    headers = {"CloudFront-Viewer-Address": viewer, **({} if said is None else {"X-Edge-Secret": said})}
    seen: list[str] = []
    app = HttpApp()

    @app.get("/things", scope=ANYONE)
    def read(request: Request) -> Response:
        seen.append(request.source_address)
        return Response(204)

    app(api_event("GET", "/things", headers=headers), Context())
    assert seen == [address if has_edge else "192.0.2.1"]
