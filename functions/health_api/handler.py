"""Health of the API and of its dependencies."""

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


@app.get("/health", scope=ANYONE, responses={200: HealthResponse}, cacheable=True)
def health(request: Request) -> Response:
    """Check that the API responds, and read its version."""
    return Response(200, {"status": "ok", "version": openapi_document()["info"]["version"]})


@app.get("/health/ready", responses={200: ReadyResponse, 503: ReadyResponse})
def ready(request: Request) -> Response:
    """Check each table, bucket, queue and search engine; 503 if one does not respond.

    Each has 2 s to respond.
    """
    dependencies = check_all(dependency_checks())
    failed = any(dependency["status"] == "failed" for dependency in dependencies)
    return Response(503 if failed else 200, {"status": "failed" if failed else "ok", "dependencies": dependencies})
