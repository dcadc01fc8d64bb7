"""Recommendations over HTTP."""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING, Any, TypedDict, cast

from vitrine.access.wiring import admit, trust_user
from vitrine.catalog.answers import ProductAnswer  # noqa: TC001 - the OpenAPI document reads it
from vitrine.catalog.model import UserKey
from vitrine.catalog.put_products import find_product
from vitrine.catalog.wiring import product_store
from vitrine.platform.http import PUBLISHABLE, Answer, HttpApp, Page, Request
from vitrine.platform.query import PAGING
from vitrine.platform.telemetry import Metric
from vitrine.platform.wiring import replays
from vitrine.recommendations.model import STRATEGIES
from vitrine.recommendations.recommend import recommend_similar
from vitrine.recommendations.wiring import (
    model_store,
    new_recommendation_id,
    recommender,
    shelf_store,
)

if TYPE_CHECKING:
    from vitrine.platform.cursors import Form

lambda_handler = app = HttpApp(admit=admit, replays=replays)

_NOBODY = " "
_SHOWN: Form = [int]


class ReasonAnswer(TypedDict):
    strategy: str
    because: list[str]


class RecommendedAnswer(TypedDict):
    product_id: str
    score: float
    reason: ReasonAnswer
    product: ProductAnswer


class SimilarAnswer(TypedDict):
    recommendation_id: str
    items: list[RecommendedAnswer]
    next_cursor: str | None


class ChosenAnswer(TypedDict):
    collaborative: float | None
    content: float | None


class WeightsAnswer(TypedDict):
    collaborative: float
    content: float
    chosen: ChosenAnswer


class RecommendationsAnswer(TypedDict):
    recommendation_id: str
    generated_at: str
    cached: bool
    items: list[RecommendedAnswer]
    next_cursor: str | None


@app.route(
    "GET",
    "/users/{user_id}/recommendations",
    scope=PUBLISHABLE,
    answers={200: RecommendationsAnswer},
    query={
        "strategy": {"type": "string", "enum": list(STRATEGIES), "default": "hybrid"},
        "category": {"type": "string", "minLength": 1, "maxLength": 200, "description": "In any case."},
        **PAGING,
    },
    cacheable=True,
)
def get(request: Request) -> Answer:
    """Read what to show a shopper next.

    With a publishable key the list is a shopper's own only for a visitor's id that nobody can guess, or with the
    token that the shop's server signed; for others it holds what is popular.
    """
    user = UserKey(request.merchant_id, trust_user(request, request.path_id("user_id")) or _NOBODY)
    page = request.page(_SHOWN)
    found = recommender().recommend(
        user,
        request.query["strategy"],
        request.query.get("category"),
        now=request.now,
        new_id=new_recommendation_id,
    )
    answer = _page(request, page, found.items)
    told = {
        "recommendation_id": found.recommendation_id,
        "generated_at": found.generated_at,
        "cached": found.outcome == "hit",
    }
    metrics = {f"RecommendationsCache{found.outcome.capitalize()}": Metric(1)}
    content = {**told, **cast("dict[str, Any]", answer.content)}
    return Answer(200, content, metrics=metrics, passing=("cached",))


@app.route(
    "GET",
    "/products/{product_id}/similar",
    scope=PUBLISHABLE,
    answers={200: SimilarAnswer},
    query=PAGING,
    cacheable=True,
)
def similar(request: Request) -> Answer:
    """Read what goes with a product."""
    page = request.page(_SHOWN)
    product_id = request.path_id("product_id")
    find_product(product_store(), request.merchant_id, product_id)
    items = recommend_similar(model_store(), shelf_store(), UserKey(request.merchant_id, _NOBODY), product_id)
    content = {"recommendation_id": new_recommendation_id(), **_page(request, page, items).content}
    return Answer(200, content, passing=("recommendation_id",))


@app.route("GET", "/recommendations/weights", answers={200: WeightsAnswer})
def weights(request: Request) -> Answer:
    """Read how much other shoppers' behaviour and products' features count beside popularity."""
    return Answer(200, _weights_answer(request))


@app.route(
    "PUT",
    "/recommendations/weights",
    body="vitrine.recommendations.bodies:PutWeights",
    answers={200: WeightsAnswer},
)
def put_weights(request: Request) -> Answer:
    """Set them; what is left out is measured with each model.

    Similar products follow at once, a shopper's list with the next thing that the shopper does or the next model.
    """
    from vitrine.recommendations.bodies import PutWeights  # noqa: PLC0415 - readers never load bodies

    model_store().set_weights(request.merchant_id, request.body(PutWeights).chosen())
    return Answer(200, _weights_answer(request))


def _weights_answer(request: Request) -> dict[str, Any]:
    counting, chosen = model_store().weights(request.merchant_id)
    return {"collaborative": counting.collaborative, "content": counting.content, "chosen": chosen._asdict()}


def _page(request: Request, page: Page, items: list[dict[str, Any]]) -> Answer:
    """What was not shown yet of the list as it is now, so that its changes repeat and hide nothing."""
    shown: list[int] = page.state or []
    left = [(_mark(it), it) for it in items if _mark(it) not in shown]
    told = [it for _, it in left[: page.limit]]
    marks = [mark for mark, _ in left[: page.limit]]
    return request.list_answer(told, [*shown, *marks] if len(left) > page.limit else None)


def _mark(item: dict[str, Any]) -> int:
    """Short enough that a cursor holds all that a list shows."""
    return zlib.crc32(item["product_id"].encode())
