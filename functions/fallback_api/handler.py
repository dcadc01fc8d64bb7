"""Responds to what no other function serves: preflights, wrong methods and unknown paths."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vitrine.platform.http import ANY_KEY, ANY_QUERY, ANYONE, CORS_HEADERS, HttpApp, Request, Response
from vitrine.platform.problems import MethodNotAllowed, NotFound
from vitrine.platform.published_api import methods_at

if TYPE_CHECKING:
    from typing import Never

lambda_handler = app = HttpApp()

_DAY_SECONDS = 86_400
_HEADERS = ("Content-Type", "X-Api-Key", "X-User-Token", "X-Reviewer", "Idempotency-Key", "If-None-Match")


@app.route("OPTIONS", "/", scope=ANYONE, query=ANY_QUERY)
@app.route("OPTIONS", "/{proxy+}", scope=ANYONE, query=ANY_QUERY)
def preflight(request: Request) -> Response:
    """Allow web pages to call the API."""
    return Response(
        204,
        headers={
            **CORS_HEADERS,
            "Access-Control-Allow-Methods": ", ".join([*methods_at(request.path), "OPTIONS"]),
            "Access-Control-Allow-Headers": ", ".join(_HEADERS),
            "Access-Control-Max-Age": str(_DAY_SECONDS),
        },
    )


def refuse(request: Request) -> Never:
    """Say whether the path or only the method is wrong."""
    allowed = methods_at(request.path)
    if not allowed:
        raise NotFound(f"There is nothing at {request.path}.")
    raise MethodNotAllowed(f"{request.path} takes {', '.join(allowed)}.", allowed)


for method in ("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD"):
    for path in ("/", "/{proxy+}"):
        app.route(method, path, scope=ANY_KEY, query=ANY_QUERY)(refuse)
