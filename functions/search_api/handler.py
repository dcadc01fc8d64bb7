"""Image search over HTTP."""

from __future__ import annotations

import time
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING

from vitrine.access.wiring import check_quota, note_outcome
from vitrine.galleries.model import GalleryKey
from vitrine.galleries.read_gallery import find_gallery
from vitrine.galleries.wiring import gallery_repository, recent_galleries
from vitrine.platform.http import PUBLISHABLE, SECRET, HttpApp, Request, Response
from vitrine.platform.problems import Unavailable
from vitrine.platform.query import LIMIT, PAGING
from vitrine.platform.telemetry import Metric
from vitrine.platform.wiring import saved_responses
from vitrine.search.model import Filters, Sort
from vitrine.search.queries import query_id_of, reports_of, search_id_of
from vitrine.search.read_search import PARAMETERS, read_search
from vitrine.search.reconcile_index import Comparison
from vitrine.search.responses import (
    AttributesResponse,
    LanguageResponse,
    PlacedResponse,
    ReportsResponse,
    SearchResponse,
    SuggestResponse,
    SynonymsResponse,
    found_image_response,
    placed_response,
    reports_response,
    synonyms_response,
)
from vitrine.search.wiring import comparisons, image_finder, queries, recent_queries, recent_settings, search_settings

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any, Unpack

    from vitrine.search.model import ChangedSettings, Search

lambda_handler = app = HttpApp(check_quota=check_quota, note=note_outcome, saved_responses=saved_responses)


@app.get(
    "/search/images",
    scope=PUBLISHABLE,
    query={**PARAMETERS, **PAGING},
    responses={200: SearchResponse},
    cacheable=True,
)
def search_images(request: Request) -> Response:
    """Search images.

    All pages of `sort=relevance` come from the index version of the first page, for an hour, so that no image is
    repeated or missed; images that were deleted or hidden since are left out.
    """
    started = time.perf_counter()
    page = request.page(dict)
    search = read_search(request.query, recent_settings().find(request.now, request.merchant_id))
    search = _with_raised(request, search)
    if search.filters.gallery_id:
        find_gallery(gallery_repository(), GalleryKey(request.merchant_id, search.filters.gallery_id))
    result = image_finder().search(request.merchant_id, search, page.state)
    took_ms = round((time.perf_counter() - started) * 1000, 2)
    galleries = {GalleryKey(request.merchant_id, hit.image.gallery_id) for hit in result.hits}
    showing_counts = (
        galleries if request.caller.kind == SECRET else recent_galleries().telling_counts(galleries, request.now)
    )
    items = [
        found_image_response(hit, counts=GalleryKey(request.merchant_id, hit.image.gallery_id) in showing_counts)
        for hit in result.hits
    ]
    response = request.list_response(items, result.after)
    is_narrowed = replace(search.filters, gallery_id=None) != Filters()
    more = {
        "search_id": search_id_of(search.words, found=result.total.value > 0 or is_narrowed),
        "total": {"value": result.total.value, "relation": result.total.relation},
        "facets": {
            facet: [{"value": count.value, "count": count.count} for count in counts]
            for facet, counts in result.facets.items()
        },
        "took_ms": took_ms,
    }
    metrics = {"SearchTook": Metric(took_ms, "Milliseconds")}
    return Response(200, {**response.content, **more}, metrics=metrics, passing=("took_ms",))


def _with_raised(request: Request, search: Search) -> Search:
    """Return the search with what clicks add to scores. Without the store, the search goes on without clicks."""
    query_id = query_id_of(search.words)
    if query_id is None or search.sort is not Sort.RELEVANCE:
        return search
    with suppress(Unavailable):
        counted = recent_queries().find(request.now, request.merchant_id, query_id)
        return replace(search, raised=counted.raised(int(request.now.timestamp())))
    return search


@app.get(
    "/search/suggest",
    scope=PUBLISHABLE,
    query={"q": {"type": "string", "pattern": r"^\s*\S[\s\S]*$", "x-required": True}, "limit": LIMIT},
    responses={200: SuggestResponse},
    cacheable=True,
)
def suggest(request: Request) -> Response:
    """Complete the last word of a query."""
    completions = image_finder().suggest(request.merchant_id, request.query["q"].strip(), request.query["limit"])
    return Response(200, {"items": [{"text": text} for text in completions]})


@app.get("/search/attributes", scope=PUBLISHABLE, responses={200: AttributesResponse}, cacheable=True)
def get_attributes(request: Request) -> Response:
    """Read the attributes that searches may name."""
    return Response(200, {"attributes": dict(search_settings().find(request.merchant_id).attributes)})


@app.put(
    "/search/attributes",
    body="vitrine.search.requests:PutAttributesRequest",
    responses={200: AttributesResponse},
)
def put_attributes(request: Request) -> Response:
    """Declare the attributes that searches may name."""
    from vitrine.search.requests import PutAttributesRequest  # noqa: PLC0415 - readers never load bodies

    attributes = request.body(PutAttributesRequest).kinds()
    return _set(request, {"attributes": dict(attributes)}, attributes=attributes)


@app.get("/search/synonyms", responses={200: SynonymsResponse})
def get_synonyms(request: Request) -> Response:
    """Read the synonyms of searches."""
    return Response(200, synonyms_response(search_settings().find(request.merchant_id).synonyms))


@app.put("/search/synonyms", body="vitrine.search.requests:PutSynonymsRequest", responses={200: SynonymsResponse})
def put_synonyms(request: Request) -> Response:
    """Set the synonyms of searches."""
    from vitrine.search.requests import PutSynonymsRequest  # noqa: PLC0415 - readers never load bodies

    rules = request.body(PutSynonymsRequest).rules()
    return _set(request, synonyms_response(rules), synonyms=rules)


@app.get("/search/language", responses={200: LanguageResponse})
def get_language(request: Request) -> Response:
    """Read the language of the merchant's texts, and that of the index in use."""
    language = search_settings().newest_language(request.merchant_id)
    return Response(200, {"language": language, "in_use": image_finder().language(request.merchant_id)})


@app.put("/search/language", body="vitrine.search.requests:PutLanguageRequest", responses={200: LanguageResponse})
def put_language(request: Request) -> Response:
    """Set the language of the merchant's texts.

    If the index in use has another one, a new index is built beside it, and searches change over to it at once. That
    takes seconds to minutes.
    """
    from vitrine.search.requests import PutLanguageRequest  # noqa: PLC0415 - readers never load bodies

    language = request.body(PutLanguageRequest).language
    search_settings().put(request.merchant_id, language=language)
    in_use = image_finder().language(request.merchant_id)
    if in_use is not language:
        comparisons().send(Comparison(request.merchant_id))
    return Response(200, {"language": language, "in_use": in_use})


@app.get("/search/placed", responses={200: PlacedResponse})
def get_placed(request: Request) -> Response:
    """Read the images placed for queries."""
    return Response(200, placed_response(search_settings().find(request.merchant_id).placed))


@app.put("/search/placed", body="vitrine.search.requests:PutPlacedRequest", responses={200: PlacedResponse})
def put_placed(request: Request) -> Response:
    """Set the images that queries find first or last."""
    from vitrine.search.requests import PutPlacedRequest  # noqa: PLC0415 - readers never load bodies

    placed = request.body(PutPlacedRequest).placed()
    return _set(request, placed_response(placed), placed=placed)


def _set(request: Request, content: Mapping[str, Any], **changed: Unpack[ChangedSettings]) -> Response:
    """Store a setting of the merchant's searches, which the response shows."""
    search_settings().put(request.merchant_id, **changed)
    recent_settings().forget(request.merchant_id)
    return Response(200, content)


@app.get("/search/reports", query={"limit": LIMIT}, responses={200: ReportsResponse})
def get_reports(request: Request) -> Response:
    """Read which queries find nothing, lead to no clicks or to ever fewer, and proposals of synonyms.

    Searches and clicks are known from events with the `search_id` of a search. Queries of fewer than three searches are
    in no report; those not searched for 90 days are forgotten.
    """
    counted = queries().list_queries(request.merchant_id)
    reports = reports_of(counted, int(request.now.timestamp()), request.query["limit"])
    return Response(200, reports_response(reports))
