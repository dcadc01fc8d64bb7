"""Response bodies of searches."""

from __future__ import annotations

from typing import TYPE_CHECKING, NotRequired, TypedDict

from vitrine.platform.times import to_rfc3339
from vitrine.renditions.responses import RenditionsResponse, renditions_response

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from vitrine.search.model import Hit, ImageKey, Placed, SynonymRule
    from vitrine.search.queries import QueryCounts, Reports


class FoundImageResponse(TypedDict):
    id: str
    gallery_id: str
    name: str | None
    url: str
    created_at: str
    weight: NotRequired[int | float]
    caption: str | None
    tags: list[str]
    credit: str | None
    product_ids: list[str]
    width: int | None
    height: int | None
    attributes: dict[str, str | float | list[str]]
    renditions: RenditionsResponse | None
    score: float | None
    highlight: dict[str, str]


class TotalResponse(TypedDict):
    value: int
    relation: str


class FacetCountResponse(TypedDict):
    value: str
    count: int


class SearchResponse(TypedDict):
    items: list[FoundImageResponse]
    next_cursor: str | None
    search_id: str | None
    total: TotalResponse
    facets: dict[str, list[FacetCountResponse]]
    took_ms: float


class SuggestionResponse(TypedDict):
    text: str


class SuggestResponse(TypedDict):
    items: list[SuggestionResponse]


class AttributesResponse(TypedDict):
    attributes: dict[str, str]


class LanguageResponse(TypedDict):
    language: str | None
    in_use: str | None


SynonymResponse = TypedDict("SynonymResponse", {"words": list[str], "from": NotRequired[str]})


class SynonymsResponse(TypedDict):
    synonyms: list[SynonymResponse]


def synonyms_response(rules: Sequence[SynonymRule]) -> SynonymsResponse:
    """Return synonyms as they were sent."""
    synonyms: list[SynonymResponse] = [
        {"words": list(rule.words)} if rule.source is None else {"words": list(rule.words), "from": rule.source}
        for rule in rules
    ]
    return {"synonyms": synonyms}


class PlacedImageResponse(TypedDict):
    gallery_id: str
    image_id: str


class PlacedForQueryResponse(TypedDict):
    query: str
    pinned: list[PlacedImageResponse]
    buried: list[PlacedImageResponse]


class PlacedResponse(TypedDict):
    queries: list[PlacedForQueryResponse]


def placed_response(placed: Mapping[str, Placed]) -> PlacedResponse:
    """Return the images placed for queries."""

    def images(keys: Sequence[ImageKey]) -> list[PlacedImageResponse]:
        return [{"gallery_id": key.gallery_id, "image_id": key.image_id} for key in keys]

    return {
        "queries": [
            {"query": query, "pinned": images(each.pinned), "buried": images(each.buried)}
            for query, each in placed.items()
        ]
    }


class CountedQueryResponse(TypedDict):
    query: str
    searches: int
    found_nothing: int
    clicks: int


class ProposalResponse(TypedDict):
    words: list[str]
    clicks: int
    queries: list[str]


class ReportsResponse(TypedDict):
    nothing_found: list[CountedQueryResponse]
    never_clicked: list[CountedQueryResponse]
    falling: list[CountedQueryResponse]
    synonyms: list[ProposalResponse]


def reports_response(reports: Reports) -> ReportsResponse:
    """Return the reports of queries."""

    def counted(queries: Sequence[QueryCounts]) -> list[CountedQueryResponse]:
        return [
            {
                "query": " ".join(query.words),
                "searches": query.searches,
                "found_nothing": query.nothing_found.total,
                "clicks": query.clicks,
            }
            for query in queries
        ]

    return {
        "nothing_found": counted(reports.nothing_found),
        "never_clicked": counted(reports.never_clicked),
        "falling": counted(reports.falling),
        "synonyms": [
            {"words": list(each.words), "clicks": each.clicks, "queries": list(each.queries)}
            for each in reports.synonyms
        ],
    }


def found_image_response(hit: Hit, *, counts: bool) -> FoundImageResponse:
    """Return the response body of a hit, with its weight if `counts`. `highlight` is escaped HTML with `<mark>`."""
    image = hit.image
    response: FoundImageResponse = {
        "id": image.id,
        "gallery_id": image.gallery_id,
        "name": image.name,
        "url": image.url,
        "created_at": to_rfc3339(image.created_at),
        "caption": image.caption,
        "tags": list(image.tags),
        "credit": ", ".join(image.credit) or None,
        "product_ids": list(image.product_ids),
        "width": image.width,
        "height": image.height,
        "attributes": dict(image.attributes),
        "renditions": renditions_response(image.original) if image.original else None,
        "score": hit.score,
        "highlight": dict(hit.highlight),
    }
    if counts:
        response["weight"] = int(image.weight) if image.weight.is_integer() else image.weight
    return response
