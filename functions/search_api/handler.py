"""Image search over HTTP."""

from __future__ import annotations

import time
from typing import Any

from vitrine.access.wiring import admit
from vitrine.galleries.model import GalleryKey
from vitrine.galleries.wiring import public_counts
from vitrine.platform.http import PUBLISHABLE, SECRET, Answer, HttpApp, Request
from vitrine.platform.problems import FieldError, InvalidRequest
from vitrine.platform.telemetry import Metric
from vitrine.search.answers import SearchAnswer, SuggestAnswer, found_image_answer
from vitrine.search.read_search import PARAMETERS, read_search
from vitrine.search.wiring import picture_finder

_PAGING: dict[str, dict[str, Any]] = {
    "limit": {"type": "integer", "minimum": 1, "maximum": 100, "default": 20},
    "cursor": {"type": "string", "description": "`next_cursor` of the page before."},
}
_BRIEFLY = {"Cache-Control": "private, max-age=1"}

lambda_handler = app = HttpApp(admit=admit)


@app.route("GET", "/search/images", scope=PUBLISHABLE, query={**PARAMETERS, **_PAGING}, answers={200: SearchAnswer})
def search_images(request: Request) -> Answer:
    """Search images.

    Pages of `sort=relevance` come from the index as it was for the first of them, for an hour, so that no image
    is met twice or missed; images that were deleted or hidden since are left out.
    """
    started = time.perf_counter()
    page = request.page()
    found = picture_finder().search(request.merchant_id, read_search(request.query, page.limit), page.state)
    took_ms = round((time.perf_counter() - started) * 1000, 2)
    galleries = {GalleryKey(request.merchant_id, hit.picture.gallery_id) for hit in found.hits}
    telling = galleries if request.caller.kind == SECRET else public_counts().among(galleries, request.now)
    items = [
        found_image_answer(hit, counts=GalleryKey(request.merchant_id, hit.picture.gallery_id) in telling)
        for hit in found.hits
    ]
    answer = request.list_answer(items, found.after)
    more = {
        "total": {"value": found.total.value, "relation": found.total.relation},
        "facets": {
            facet: [{"value": counted.value, "count": counted.count} for counted in counts]
            for facet, counts in found.facets.items()
        },
        "took_ms": took_ms,
    }
    return Answer(200, {**answer.content, **more}, _BRIEFLY, {"SearchTook": Metric(took_ms, "Milliseconds")})


@app.route(
    "GET",
    "/search/suggest",
    scope=PUBLISHABLE,
    query={"q": {"type": "string", "pattern": r"\S", "x-required": True}, "limit": _PAGING["limit"]},
    answers={200: SuggestAnswer},
)
def suggest(request: Request) -> Answer:
    """Complete the last word of a query."""
    text = request.query.get("q", "").strip()
    if not text:
        raise InvalidRequest("Send what was typed so far as q.", [FieldError("/query/q", "must not be empty")])
    completed = picture_finder().suggest(request.merchant_id, text, request.page().limit)
    return Answer(200, {"items": [{"text": line} for line in completed]}, _BRIEFLY)
