"""Response bodies of searches."""

from __future__ import annotations

from typing import TYPE_CHECKING, NotRequired, TypedDict

from vitrine.platform.times import to_rfc3339
from vitrine.renditions.responses import RenditionsResponse, renditions_response

if TYPE_CHECKING:
    from vitrine.search.model import Hit


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
    total: TotalResponse
    facets: dict[str, list[FacetCountResponse]]
    took_ms: float


class SuggestionResponse(TypedDict):
    text: str


class SuggestResponse(TypedDict):
    items: list[SuggestionResponse]


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
        "renditions": renditions_response(image.original) if image.original else None,
        "score": hit.score,
        "highlight": dict(hit.highlight),
    }
    if counts:
        response["weight"] = int(image.weight) if image.weight.is_integer() else image.weight
    return response
