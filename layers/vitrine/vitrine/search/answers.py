"""What is found, as clients read it."""

from __future__ import annotations

from typing import TYPE_CHECKING, NotRequired, TypedDict

from vitrine.platform.times import to_rfc3339
from vitrine.renditions.answers import RenditionsAnswer, renditions_answer

if TYPE_CHECKING:
    from vitrine.search.model import Hit


class FoundImageAnswer(TypedDict):
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
    renditions: RenditionsAnswer | None
    score: float | None
    highlight: dict[str, str]


class TotalAnswer(TypedDict):
    value: int
    relation: str


class FacetCountAnswer(TypedDict):
    value: str
    count: int


class SearchAnswer(TypedDict):
    items: list[FoundImageAnswer]
    next_cursor: str | None
    total: TotalAnswer
    facets: dict[str, list[FacetCountAnswer]]
    took_ms: float


class SuggestionAnswer(TypedDict):
    text: str


class SuggestAnswer(TypedDict):
    items: list[SuggestionAnswer]


def found_image_answer(hit: Hit, *, counts: bool) -> FoundImageAnswer:
    """An image that was found, with `counts` its weight; `highlight` is HTML, escaped but for its `<mark>`."""
    picture = hit.picture
    answer: FoundImageAnswer = {
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
        "renditions": renditions_answer(picture.original) if picture.original else None,
        "score": hit.score,
        "highlight": dict(hit.highlight),
    }
    if counts:
        answer["weight"] = int(picture.weight) if picture.weight.is_integer() else picture.weight
    return answer
