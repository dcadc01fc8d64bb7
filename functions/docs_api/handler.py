"""The API's own description: the OpenAPI document, and a page to read and try it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import aws_lambda_powertools.event_handler.openapi as openapi_package

from vitrine.platform.http import ANYONE, Answer, HttpApp, Request
from vitrine.platform.published_api import openapi_document
from vitrine.platform.telemetry import logger

app = HttpApp()

_ASSETS = Path(openapi_package.__file__).parent / "swagger_ui"
_PAGE = """<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><title>Vitrine API</title><style>{style}</style></head>
<body><div id="swagger"></div>
<script>{script}</script>
<script>SwaggerUIBundle({{url: "openapi.json", dom_id: "#swagger", deepLinking: true}})</script>
</body>
</html>"""


@app.route("GET", "/openapi.json", scope=ANYONE)
def document(request: Request) -> Answer:
    """The OpenAPI document, served from where it was asked."""
    return Answer(200, {**openapi_document(), "servers": [{"url": "."}]})


def lambda_handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """Serve the document, or the page."""
    if event["resource"] != "/docs":
        return app(event, context)
    logger.info("docs page")
    page = _PAGE.format(
        style=(_ASSETS / "swagger-ui.min.css").read_text(),
        script=(_ASSETS / "swagger-ui-bundle.min.js").read_text(),
    )
    return {"statusCode": 200, "headers": {"Content-Type": "text/html; charset=utf-8"}, "body": page}
