"""The API's own description: the OpenAPI document, and a page to read and try it."""

from __future__ import annotations

from pathlib import Path

import aws_lambda_powertools.event_handler.openapi as openapi_package

from vitrine.platform.http import ANYONE, HttpApp, Request, Response
from vitrine.platform.published_api import openapi_document

lambda_handler = app = HttpApp()

_ASSETS = Path(openapi_package.__file__).parent / "swagger_ui"
_PAGE = """<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><title>Vitrine API</title><style>{style}</style></head>
<body><div id="swagger"></div>
<script>{script}</script>
<script>SwaggerUIBundle({{url: "openapi.json", dom_id: "#swagger", deepLinking: true}})</script>
</body>
</html>"""


@app.get("/openapi.json", scope=ANYONE, responses={200: dict[str, object]}, cacheable=True)
def document(request: Request) -> Response:
    """Read this document; its server is the address it was read from."""
    return Response(200, {**openapi_document(), "servers": [{"url": "."}]})


@app.get("/docs", scope=ANYONE, responses={200: str}, cacheable=True)
def page(request: Request) -> Response:
    """Read and try the API in a browser."""
    html = _PAGE.format(
        style=(_ASSETS / "swagger-ui.min.css").read_text(),
        script=(_ASSETS / "swagger-ui-bundle.min.js").read_text(),
    )
    return Response(200, html, {"Content-Type": "text/html; charset=utf-8"})
