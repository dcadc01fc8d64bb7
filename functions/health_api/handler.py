"""Whether the API is there, and whether everything behind it is."""

from __future__ import annotations

from typing import TypedDict

from vitrine.access.wiring import admit
from vitrine.platform.health import DependencyAnswer, Status, check_all
from vitrine.platform.http import ANYONE, Answer, HttpApp, Request
from vitrine.platform.published_api import openapi_document
from vitrine.platform.wiring import dependency_checks

lambda_handler = app = HttpApp(admit=admit)


class HealthAnswer(TypedDict):
    status: Status
    version: str


class ReadyAnswer(TypedDict):
    status: Status
    dependencies: list[DependencyAnswer]


@app.route("GET", "/health", scope=ANYONE, answers={200: HealthAnswer}, cacheable=True)
def health(request: Request) -> Answer:
    """Read that the API answers, and its version."""
    return Answer(200, {"status": "ok", "version": openapi_document()["info"]["version"]})


@app.route("GET", "/health/ready", answers={200: ReadyAnswer, 503: ReadyAnswer})
def ready(request: Request) -> Answer:
    """Read whether each table, bucket, queue and search engine answers; 503 when one does not.

    A dependency has 2 s to answer.
    """
    dependencies = check_all(dependency_checks())
    failed = any(it["status"] == "failed" for it in dependencies)
    return Answer(503 if failed else 200, {"status": "failed" if failed else "ok", "dependencies": dependencies})
