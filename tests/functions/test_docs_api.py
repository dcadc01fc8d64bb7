"""The OpenAPI document and the page that shows it."""

from __future__ import annotations

from functions.docs_api.handler import lambda_handler as docs
from tests.aws import api_event, serve


def test_the_document_is_served_to_anyone_from_where_it_was_asked() -> None:
    status, document, headers = serve(docs, "GET", "/openapi.json", merchant=None)
    assert (status, document["openapi"], document["servers"]) == (200, "3.1.0", [{"url": "."}])
    assert headers["ETag"]


def test_the_page_is_html() -> None:
    response = docs(api_event("GET", "/docs", merchant=None), None)
    assert (response["statusCode"], response["headers"]["Content-Type"]) == (200, "text/html; charset=utf-8")
    assert response["body"].startswith("<!doctype html>")
    assert "SwaggerUIBundle" in response["body"]
