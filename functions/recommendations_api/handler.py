"""Recommendations over HTTP."""

from __future__ import annotations

import zlib
from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Literal, TypedDict, cast

from vitrine.access.wiring import admit, trust_user
from vitrine.catalog.answers import ProductAnswer  # noqa: TC001 - the OpenAPI document reads it
from vitrine.catalog.model import UserKey
from vitrine.catalog.put_products import find_product
from vitrine.catalog.wiring import product_store
from vitrine.platform.http import PUBLISHABLE, Answer, HttpApp, Page, Request
from vitrine.platform.query import PAGING
from vitrine.platform.telemetry import Metric
from vitrine.platform.times import to_rfc3339
from vitrine.platform.wiring import replays
from vitrine.recommendations.build_model import STEPS, ask_for_run, interactions_of
from vitrine.recommendations.model import REPEATS, STRATEGIES
from vitrine.recommendations.recommend import Question, recommend_similar
from vitrine.recommendations.wiring import (
    model_runs,
    model_store,
    model_work,
    new_recommendation_id,
    recommender,
    shelf_store,
)

if TYPE_CHECKING:
    from vitrine.platform.cursors import Form
    from vitrine.recommendations.build_model import Run

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
    model_id: str | None
    items: list[RecommendedAnswer]
    next_cursor: str | None


class ChosenAnswer(TypedDict):
    collaborative: float | None
    content: float | None


class WeightsAnswer(TypedDict):
    collaborative: float
    content: float
    chosen: ChosenAnswer


class ModelStepAnswer(TypedDict):
    step: str
    done: int
    parts: int


class ModelRunAnswer(TypedDict):
    model_id: str
    status: Literal["running", "completed", "unchanged"]
    began_at: str
    updated_at: str
    steps: list[ModelStepAnswer]


class ModelAnswer(TypedDict):
    model_id: str
    began_at: str
    published_at: str
    interactions: int
    products: int
    weights: dict[str, float]


class ModelsAnswer(TypedDict):
    model: ModelAnswer | None
    run: ModelRunAnswer | None


class RecommendationsAnswer(TypedDict):
    recommendation_id: str
    model_id: str | None
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
        "repeat": {"type": "string", "enum": list(REPEATS), "default": "exclude"},
        "category": {"type": "string", "minLength": 1, "maxLength": 200, "description": "In any case."},
        **PAGING,
    },
    cacheable=True,
)
def get(request: Request) -> Answer:
    """Read what to show a shopper next.

    What the shopper bought before is left out (`repeat=exclude`), ranked as all else is (`allow`), or comes first,
    what was bought most and latest before the rest (`first`).

    With a publishable key the list is a shopper's own only for a visitor's id that nobody can guess, or with the
    token that the shop's server signed; for others it holds what is popular.
    """
    user = UserKey(request.merchant_id, trust_user(request, request.path_id("user_id")) or _NOBODY)
    page = request.page(_SHOWN)
    found = recommender().recommend(
        user,
        Question(request.query["strategy"], request.query.get("category"), request.query["repeat"]),
        now=request.now,
        new_id=new_recommendation_id,
    )
    answer = _page(request, page, found.items)
    told = {
        "recommendation_id": found.recommendation_id,
        "model_id": _model_id(found.model),
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
    found = recommend_similar(model_store(), shelf_store(), UserKey(request.merchant_id, _NOBODY), product_id)
    told = {"recommendation_id": new_recommendation_id(), "model_id": _model_id(found.model)}
    content = {**told, **cast("dict[str, Any]", _page(request, page, found.items).content)}
    return Answer(200, content, passing=("recommendation_id",))


@app.route("GET", "/recommendations/models", answers={200: ModelsAnswer})
def models(request: Request) -> Answer:
    """Read which model is read, what it was learned from, and how far the latest run is."""
    run = model_runs().find(request.merchant_id)
    return Answer(200, {"model": _model_answer(request, run), "run": _run_answer(run) if run else None})


@app.route("POST", "/recommendations/models", answers={202: ModelRunAnswer})
def post_model(request: Request) -> Answer:
    """Build a model now; while a run is under way, that run goes on."""
    return Answer(202, _run_answer(ask_for_run(model_runs(), model_work(), request.merchant_id, request.now)))


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


def _model_id(model: int | None) -> str | None:
    return None if model is None else str(model)


def _model_answer(request: Request, run: Run | None) -> dict[str, Any] | None:
    if run is None or run.read is None:
        return None
    read = run.read
    counting, _ = model_store().weights(request.merchant_id)
    products = read.sources.get("products")
    return {
        "model_id": str(read.number),
        "began_at": _time(read.number / 1000),
        "published_at": _time(read.published_at),
        "interactions": interactions_of(read.sources),
        "products": products.rows if products else 0,
        "weights": asdict(counting),
    }


def _run_answer(run: Run) -> dict[str, Any]:
    return {
        "model_id": str(run.number),
        "status": run.status,
        "began_at": _time(run.number / 1000),
        "updated_at": _time(run.moved_at),
        "steps": [
            {"step": step, "done": sum(f"{step}/{part}" in run.done for part in parts), "parts": len(parts)}
            for step, parts in STEPS.items()
        ],
    }


def _time(seconds: float) -> str:
    return to_rfc3339(datetime.fromtimestamp(seconds, UTC))


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
