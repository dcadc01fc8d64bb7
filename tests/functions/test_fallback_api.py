"""Wrong methods, unknown paths and preflights."""

from __future__ import annotations

import pytest

from commands.openapi import routes
from functions.fallback_api.handler import lambda_handler as fallback
from tests.aws import api_event
from tests.gateway import Gateway, open_shop

METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"]
PATHS = sorted({route.path for route in routes()})


@pytest.mark.usefixtures("cloud")
def test_a_wrong_method_on_a_known_path_is_405_and_tells_the_right_ones() -> None:
    gateway, shop = Gateway(), open_shop("shop")
    for path in PATHS:
        allowed = sorted(route.method for route in routes() if route.path == path)
        for method in sorted(set(METHODS) - set(allowed)):
            asked = path.replace("{", "").replace("}", "")
            response = gateway.call(method, asked, shop.publishable_key)
            assert response.status == 405, f"{method} {path}"
            assert response.headers["Allow"].split(", ") >= allowed
            assert response.json["type"] == "urn:vitrine:problem:method-not-allowed"


@pytest.mark.usefixtures("cloud")
@pytest.mark.parametrize("method", ["TRACE", "CONNECT", "PROPFIND"])
def test_a_method_that_the_gateway_cannot_serve_is_405_in_the_contracts_form(method: str) -> None:
    """The gateway answers by itself; TRACE can be no method of a REST API."""
    response = Gateway().call(method, "/galleries")
    assert (response.status, response.json["type"]) == (405, "urn:vitrine:problem:method-not-allowed")
    assert response.headers["Content-Type"] == "application/problem+json"
    assert set(response.headers["Allow"].split(", ")) == {*METHODS, "OPTIONS"}


@pytest.mark.usefixtures("cloud")
@pytest.mark.parametrize("path", ["/", "/nowhere"])
def test_the_gateway_responses_no_other_method_itself(path: str) -> None:
    gateway, shop = Gateway(), open_shop("shop")
    for method in METHODS:
        assert gateway.call(method, path, shop.publishable_key).status == 404
    assert gateway.call("OPTIONS", path).status == 204


@pytest.mark.parametrize("path", ["nowhere", "galleries/a/b/c/d", "galleries/a/images/b/more"])
def test_an_unknown_path_is_404(path: str) -> None:
    response = fallback(api_event("GET", "/{proxy+}", proxy=path), None)
    assert response["statusCode"] == 404


def test_a_web_page_may_call() -> None:
    response = fallback(api_event("OPTIONS", "/{proxy+}", merchant=None, proxy="galleries/summer/events"), None)
    assert response["statusCode"] == 204
    assert response["headers"]["Access-Control-Allow-Origin"] == "*"
    assert response["headers"]["Access-Control-Allow-Methods"] == "POST, OPTIONS"
    assert "X-Api-Key" in response["headers"]["Access-Control-Allow-Headers"]
