"""What is found, as clients read it."""

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
    """An image that was found, with `counts` its weight; `highlight` is HTML, escaped but for its `<mark>`."""
    picture = hit.picture
    response: FoundImageResponse = {
        "id": picture.id,
        "gallery_id": picture.gallery_id,
        "name": picture.name,
        "url": picture.url,
        "created_at": to_rfc3339(picture.created_at),
        "caption": picture.caption,
        "tags": list(picture.tags),
        "credit": ", ".join(picture.credit) or None,
        "product_ids": list(picture.product_ids),
        "width": picture.width,
        "height": picture.height,
        "renditions": renditions_response(picture.original) if picture.original else None,
        "score": hit.score,
        "highlight": dict(hit.highlight),
    }
    if counts:
        response["weight"] = int(picture.weight) if picture.weight.is_integer() else picture.weight
    return response
