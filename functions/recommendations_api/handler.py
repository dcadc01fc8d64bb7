"""Recommendations over HTTP."""

from __future__ import annotations

import zlib
from dataclasses import asdict
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Any, Literal, TypedDict, cast

from vitrine.access.wiring import check_quota, note_outcome, trust_user
from vitrine.catalog.model import UserKey
from vitrine.catalog.put_products import find_product
from vitrine.catalog.responses import ProductResponse  # noqa: TC001 - the OpenAPI document reads it
from vitrine.catalog.wiring import product_repository
from vitrine.platform.http import JSON_OR_TEXT, PUBLISHABLE, HttpApp, Paging, Request, Response
from vitrine.platform.ids import ID_PATTERN
from vitrine.platform.query import PAGING
from vitrine.platform.telemetry import Metric
from vitrine.platform.times import to_rfc3339
from vitrine.platform.wiring import saved_responses
from vitrine.recommendations.build_model import STEPS, interactions_of, request_build
from vitrine.recommendations.diversity import diversified
from vitrine.recommendations.model import REPEATS, STRATEGIES, Repeat
from vitrine.recommendations.model_files import category_key
from vitrine.recommendations.recommend import RecommendationQuery, Stores, recommend_for_basket, recommend_similar
from vitrine.recommendations.wiring import (
    build_repository,
    model_repository,
    new_recommendation_id,
    recommendation_inputs_repository,
    recommender,
    work_queue,
)
from vitrine.renditions.model import PRODUCTS
from vitrine.renditions.responses import renditions_of
from vitrine.renditions.wiring import copies_of

if TYPE_CHECKING:
    from vitrine.platform.cursors import Form
    from vitrine.recommendations.model import Repeats, RepeatsIn
    from vitrine.recommendations.ports import ModelBuild
    from vitrine.recommendations.recommend import Copies, Similar

lambda_handler = app = HttpApp(check_quota=check_quota, note=note_outcome, saved_responses=saved_responses)

_NOBODY = " "
_SHOWN: Form = [int]
_ID = ID_PATTERN.strip("^$")
_LISTING: dict[str, dict[str, Any]] = {
    "exclude": {
        "type": "string",
        "pattern": f"^{_ID}(,{_ID}){{0,49}}$",
        "description": "Up to 50 comma-separated ids of products to leave out, such as those already on the page.",
    },
    "diversity": {
        "type": "integer",
        "minimum": 0,
        "maximum": 100,
        "default": 0,
        "description": "How much, in percent, being unlike the products before it counts beside a product's score.",
    },
    **PAGING,
}


class ReasonResponse(TypedDict):
    strategy: str
    because: list[str]


class RecommendedResponse(TypedDict):
    product_id: str
    score: float
    reason: ReasonResponse
    product: ProductResponse


class SimilarResponse(TypedDict):
    recommendation_id: str
    model_id: str | None
    items: list[RecommendedResponse]
    next_cursor: str | None


class ChosenResponse(TypedDict):
    collaborative: float | None
    content: float | None
    repeat: Repeat | None
    repeat_by_category: dict[str, Repeat]


class WeightsResponse(TypedDict):
    collaborative: float
    content: float
    repeat: Repeat
    chosen: ChosenResponse


class ModelStepResponse(TypedDict):
    step: str
    done: int
    parts: int


class ModelBuildResponse(TypedDict):
    model_id: str
    status: Literal["running", "completed", "unchanged"]
    began_at: str
    updated_at: str
    steps: list[ModelStepResponse]


class ProfileResponse(TypedDict):
    half_life: int
    length: int


class RepeatsInResponse(TypedDict):
    repeat: Repeat
    shoppers: int
    share: float
    ndcg: dict[str, float]


class RepeatsInCategoryResponse(RepeatsInResponse):
    category: str


class RepeatsResponse(RepeatsInResponse):
    when_due: bool
    categories: list[RepeatsInCategoryResponse]


class ModelResponse(TypedDict):
    model_id: str
    began_at: str
    published_at: str
    interactions: int
    products: int
    weights: dict[str, float]
    profile: ProfileResponse
    popularity_half_life_days: int
    repeats: RepeatsResponse | None


class ModelsResponse(TypedDict):
    model: ModelResponse | None
    run: ModelBuildResponse | None


class RecommendationsResponse(TypedDict):
    recommendation_id: str
    model_id: str | None
    generated_at: str
    cached: bool
    items: list[RecommendedResponse]
    next_cursor: str | None


@app.get(
    "/users/{user_id}/recommendations",
    scope=PUBLISHABLE,
    responses={200: RecommendationsResponse},
    query={
        "strategy": {"type": "string", "enum": list(STRATEGIES), "default": "hybrid"},
        "repeat": {
            "type": "string",
            "enum": list(REPEATS),
            "description": "Without it: as `PUT /recommendations/weights` says, else as measured, else `exclude`.",
        },
        "category": {
            "type": "string",
            "minLength": 1,
            "maxLength": 200,
            "description": "Upper and lower case are the same.",
        },
        **_LISTING,
    },
    cacheable=True,
)
def get(request: Request) -> Response:
    """Read which products to show a shopper next.

    Products that the shopper bought before are left out (`repeat=exclude`), ranked like all others (`allow`), or put
    first, those bought most often, most recently and due by now before the rest (`first`).

    With a publishable key the list is personal only for a visitor's id that nobody can guess, or with the token that
    the shop's server signed; otherwise it holds popular products.
    """
    user = UserKey(request.merchant_id, trust_user(request, request.path_id("user_id")) or _NOBODY)
    page = request.page(_SHOWN)
    found = recommender().recommend(
        user,
        RecommendationQuery(request.query["strategy"], request.query.get("category"), request.query.get("repeat")),
        _copies(request),
        now=request.now,
        new_id=new_recommendation_id,
    )
    response = _page(request, page, found.items, complete=found.outcome != "hit")
    about = {
        "recommendation_id": found.recommendation_id,
        "model_id": _model_id(found.model),
        "generated_at": found.generated_at,
        "cached": found.outcome == "hit",
    }
    metrics = {f"RecommendationsCache{found.outcome.capitalize()}": Metric(1)}
    content = {**about, **cast("dict[str, Any]", response.content)}
    return Response(200, content, metrics=metrics, passing=("cached",))


@app.get(
    "/products/{product_id}/similar",
    scope=PUBLISHABLE,
    responses={200: SimilarResponse},
    query=_LISTING,
    cacheable=True,
)
def similar(request: Request) -> Response:
    """Read which products go with a product."""
    page = request.page(_SHOWN)
    product_id = request.path_id("product_id")
    product = find_product(product_repository(), request.merchant_id, product_id)
    found = recommend_similar(_stores(request), UserKey(request.merchant_id, _NOBODY), product)
    return _similar_response(request, page, found)


@app.post(
    "/recommendations/for-basket",
    scope=PUBLISHABLE,
    body="vitrine.recommendations.requests:BasketRequest",
    responses={200: SimilarResponse},
    query=_LISTING,
    media_types=JSON_OR_TEXT,
)
def for_basket(request: Request) -> Response:
    """Read which products go with those in a basket.

    Send the products in the order they were put in: the last ones count most. The basket's own products are left
    out, and unknown ones are ignored. Before the first model they are popular products, the most alike first.
    """
    from vitrine.recommendations.requests import BasketRequest  # noqa: PLC0415 - readers never load bodies

    page = request.page(_SHOWN)
    found = recommend_for_basket(
        _stores(request), UserKey(request.merchant_id, _NOBODY), request.body(BasketRequest).product_ids
    )
    return _similar_response(request, page, found)


@app.get("/recommendations/models", responses={200: ModelsResponse})
def models(request: Request) -> Response:
    """Read the model in use, what it was learned from, and the progress of the latest build.

    `repeats` says how often shoppers bought again on their next visits before the newest tenth of the interactions
    ended, and the NDCG at 10 of each way to treat that; null without enough shoppers. `repeat` is the best.
    """
    build = build_repository().find(request.merchant_id)
    return Response(200, {"model": _model_response(request, build), "run": _build_response(build) if build else None})


@app.post("/recommendations/models", responses={202: ModelBuildResponse})
def post_model(request: Request) -> Response:
    """Build a model now; a build that is already running continues."""
    build = request_build(build_repository(), work_queue(), request.merchant_id, request.now)
    return Response(202, _build_response(build))


@app.get("/recommendations/weights", responses={200: WeightsResponse})
def weights(request: Request) -> Response:
    """Read how much other shoppers' behaviour and products' features count beside popularity."""
    return Response(200, _weights_response(request))


@app.put(
    "/recommendations/weights",
    body="vitrine.recommendations.requests:PutWeightsRequest",
    responses={200: WeightsResponse},
)
def put_weights(request: Request) -> Response:
    """Set the weights, and how to treat products that a shopper bought; what is left out is measured.

    The treatment and similar products change at once. Other weights reach a shopper's list with the shopper's next
    interaction or the next model.
    """
    from vitrine.recommendations.requests import PutWeightsRequest  # noqa: PLC0415 - readers never load bodies

    model_repository().set_weights(request.merchant_id, request.body(PutWeightsRequest).chosen())
    return Response(200, _weights_response(request))


def _similar_response(request: Request, page: Paging, found: Similar) -> Response:
    about = {"recommendation_id": new_recommendation_id(), "model_id": _model_id(found.model)}
    content = {**about, **cast("dict[str, Any]", _page(request, page, found.items).content)}
    return Response(200, content, passing=("recommendation_id",))


def _model_id(model: int | None) -> str | None:
    return None if model is None else str(model)


def _model_response(request: Request, build: ModelBuild | None) -> dict[str, Any] | None:
    if build is None or build.published is None:
        return None
    published = build.published
    effect = model_repository().in_effect(request.merchant_id)
    products = published.sources.get("products")
    return {
        "model_id": str(published.number),
        "began_at": _time(published.number / 1000),
        "published_at": _time(published.published_at),
        "interactions": interactions_of(published.sources),
        "products": products.rows if products else 0,
        "weights": asdict(effect.weights),
        "profile": effect.measured.profile._asdict(),
        "popularity_half_life_days": effect.measured.popularity_half_life_days,
        "repeats": _repeats_response(request.merchant_id, effect.measured.repeats),
    }


def _repeats_response(merchant_id: str, repeats: Repeats | None) -> dict[str, Any] | None:
    if repeats is None:
        return None
    members = product_repository().find_products(
        merchant_id, [measured.product_id for measured in repeats.categories.values()]
    )
    names = {category_key(product.category): product.category for product in members.values()}
    return {
        **_repeats_in(repeats.shop),
        "when_due": repeats.rhythm > 0,
        "categories": [
            {"category": names[category], **_repeats_in(measured)}
            for category, measured in repeats.categories.items()
            if category in names
        ],
    }


def _repeats_in(measured: RepeatsIn) -> dict[str, Any]:
    return {
        "repeat": measured.best,
        "shoppers": measured.shoppers,
        "share": round(measured.share, 4),
        "ndcg": {repeat: round(value, 4) for repeat, value in measured.ndcg.items()},
    }


def _build_response(build: ModelBuild) -> dict[str, Any]:
    return {
        "model_id": str(build.number),
        "status": build.status,
        "began_at": _time(build.number / 1000),
        "updated_at": _time(build.moved_at),
        "steps": [
            {"step": step, "done": sum(f"{step}/{part}" in build.done for part in parts), "parts": len(parts)}
            for step, parts in STEPS.items()
        ],
    }


def _time(seconds: float) -> str:
    return to_rfc3339(datetime.fromtimestamp(seconds, UTC))


def _weights_response(request: Request) -> dict[str, Any]:
    effect = model_repository().in_effect(request.merchant_id)
    *weights, categories = effect.chosen
    chosen = dict(zip(ChosenResponse.__annotations__, [*weights, dict(categories)], strict=True))
    return {**asdict(effect.weights), "repeat": effect.repeat, "chosen": chosen}


def _page(request: Request, page: Paging, items: list[dict[str, Any]], *, complete: bool = True) -> Response:
    """A page of the present list without the items that were shown, so that changes repeat and hide nothing.

    Items that are not `complete` may lack renditions of pictures that were copied since the items were stored.
    """
    shown: list[int] = page.state or []
    excluded = request.query.get("exclude", "").split(",")
    items = diversified(items, request.query["diversity"])
    left = [(mark, item) for item in items if (mark := _mark(item)) not in shown and item["product_id"] not in excluded]
    items_of_page = [item for _, item in left[: page.limit]]
    if not complete:
        items_of_page = _with_new_renditions(request, items_of_page)
    marks = [mark for mark, _ in left[: page.limit]]
    return request.list_response(items_of_page, [*shown, *marks] if len(left) > page.limit else None)


def _stores(request: Request) -> Stores:
    return Stores(model_repository(), recommendation_inputs_repository(), product_repository(), _copies(request))


def _copies(request: Request) -> Copies:
    return partial(copies_of, request.merchant_id, PRODUCTS)


def _with_new_renditions(request: Request, items: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the items, with the renditions of pictures that had none before."""
    products = [item["product"] for item in items]
    lacking = [product["product_id"] for product in products if product["image_url"] and not product["renditions"]]
    copies = _copies(request)(lacking) if lacking else {}

    def shown(product: dict[str, Any]) -> dict[str, Any]:
        copy = copies.get(product["product_id"])
        return {**product, "renditions": renditions_of(product["image_url"], copy)} if copy else product

    return [{**item, "product": shown(item["product"])} for item in items]


def _mark(item: dict[str, Any]) -> int:
    """A short hash, so that one cursor holds the marks of all items that were shown."""
    return zlib.crc32(item["product_id"].encode())
