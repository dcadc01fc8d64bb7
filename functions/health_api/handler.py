"""Whether the API is there, and whether everything behind it is."""

from __future__ import annotations

from typing import TypedDict

from vitrine.access.wiring import check_quota
from vitrine.platform.health import DependencyResponse, Status, check_all
from vitrine.platform.http import ANYONE, HttpApp, Request, Response
from vitrine.platform.published_api import openapi_document
from vitrine.platform.wiring import dependency_checks

lambda_handler = app = HttpApp(check_quota=check_quota)


class HealthResponse(TypedDict):
    status: Status
    version: str


class ReadyResponse(TypedDict):
    status: Status
    dependencies: list[DependencyResponse]


@app.route("GET", "/health", scope=ANYONE, responses={200: HealthResponse}, cacheable=True)
def health(request: Request) -> Response:
    """Read that the API answers, and its version."""
    return Response(200, {"status": "ok", "version": openapi_document()["info"]["version"]})


@app.route("GET", "/health/ready", responses={200: ReadyResponse, 503: ReadyResponse})
def ready(request: Request) -> Response:
    """Read whether each table, bucket, queue and search engine answers; 503 when one does not.

    A dependency has 2 s to answer.
    """
    dependencies = check_all(dependency_checks())
    failed = any(it["status"] == "failed" for it in dependencies)
    return Response(503 if failed else 200, {"status": "failed" if failed else "ok", "dependencies": dependencies})
