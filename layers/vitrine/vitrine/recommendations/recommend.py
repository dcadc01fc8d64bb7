"""What to show a shopper, or beside a product."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from vitrine.catalog.responses import product_response
from vitrine.platform.letters import folded
from vitrine.platform.times import to_rfc3339
from vitrine.recommendations.model import SHORTLIST, Scored, similar_products

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from vitrine.catalog.model import Product, UserKey
    from vitrine.catalog.ports import ProductRepository
    from vitrine.recommendations.model import Repeat, Strategy
    from vitrine.recommendations.ports import (
        ModelRepository,
        RecommendationInputs,
        RecommendationInputsRepository,
        ResponseCache,
    )

Outcome = Literal["hit", "miss", "stale"]


class RecommendationQuery(NamedTuple):
    """What is asked for: a strategy, a category or all, and what becomes of products bought before."""

    strategy: Strategy
    category: str | None
    repeat: Repeat


class Recommendations(NamedTuple):
    """A ranking, as JSON, and how the cache did."""

    recommendation_id: str
    generated_at: str
    items: list[dict[str, Any]]
    outcome: Outcome
    model: int | None


class Similar(NamedTuple):
    """What goes with a product, as JSON, and the model that says so."""

    items: list[dict[str, Any]]
    model: int | None


class Recommender:
    """Serves recommendations: an entry that is kept, or two reads."""

    def __init__(
        self, inputs_repository: RecommendationInputsRepository, entries: ResponseCache, products: ProductRepository
    ) -> None:
        self._inputs_repository = inputs_repository
        self._entries = entries
        self._products = products

    def recommend(
        self, user: UserKey, question: RecommendationQuery, *, now: datetime, new_id: Callable[[], str]
    ) -> Recommendations:
        """The whole ranking that a question asks for; a category may be in any case."""
        if question.category is not None:
            question = question._replace(category=folded(question.category))
        inputs = self._inputs_repository.read(user, question.category)
        kept = self._entries.get(user, inputs)
        entry: dict[str, Any] = json.loads(kept) if kept else {}
        asked = json.dumps(question)
        if entry.get("stamp") == inputs.stamp and asked in entry["answers"]:
            recommendation_id, generated_at, items = entry["answers"][asked]
            return Recommendations(recommendation_id, generated_at, items, "hit", inputs.model)
        outcome: Outcome = "stale" if entry and entry["stamp"] != inputs.stamp else "miss"
        items = self._rank(user, inputs, question)
        response = Recommendations(new_id(), to_rfc3339(now), items, outcome, inputs.model)
        responses = {**entry["answers"], asked: response[:3]} if outcome == "miss" and entry else {asked: response[:3]}
        self._entries.put(user, json.dumps({"stamp": inputs.stamp, "answers": responses}).encode())
        return response

    def _rank(self, user: UserKey, inputs: RecommendationInputs, question: RecommendationQuery) -> list[dict[str, Any]]:
        strategy, category, repeat = question
        if inputs.model is None:
            return self._before_the_first_model(user, question)
        preferred = inputs.shortlist.candidates(strategy, repeat)
        if category is not None:
            preferred = preferred[: SHORTLIST // 2]
        candidates: dict[str, Scored] = {}
        for it in [*preferred, *inputs.popular]:
            candidates.setdefault(it.product_id, it)
        ranked = list(candidates.values())[:SHORTLIST]
        found = self._inputs_repository.sellable(user, [it.product_id for it in ranked], again=repeat != "exclude")
        return [
            _item(it, product_response(found[it.product_id]))
            for it in ranked
            if it.product_id in found and _is_in(found[it.product_id], category)
        ]

    def _before_the_first_model(self, user: UserKey, question: RecommendationQuery) -> list[dict[str, Any]]:
        listed = self._products.list_products(user.merchant_id, SHORTLIST, None)
        found = self._inputs_repository.sellable(
            user, [it.product_id for it in listed], again=question.repeat != "exclude"
        )
        return [
            _item(Scored(product_id, 0.0, "popular", ()), product_response(product))
            for product_id, product in found.items()
            if _is_in(product, question.category)
        ]


def _is_in(product: Product, category: str | None) -> bool:
    """Whether the product is of a category, which is folded; every product is for None."""
    return category is None or (product.category is not None and folded(product.category) == category)


def recommend_similar(
    models: ModelRepository, inputs_repository: RecommendationInputsRepository, user: UserKey, product_id: str
) -> Similar:
    """What goes with a product; what is popular when nothing is known of it."""
    model = models.model(user.merchant_id)
    ranked: Sequence[Scored] = ()
    if model is not None:
        near = models.neighbourhoods(user.merchant_id, model, [product_id]).get(product_id)
        ranked = similar_products(near, model.weights, product_id) if near else ()
        ranked = ranked or inputs_repository.read(user, None).popular
    ranked = [it for it in ranked if it.product_id != product_id][:SHORTLIST]
    found = inputs_repository.sellable(user, [it.product_id for it in ranked])
    items = [_item(it, product_response(found[it.product_id])) for it in ranked if it.product_id in found]
    return Similar(items, model.number if model else None)


def _item(scored: Scored, product: Any) -> dict[str, Any]:
    return {
        "product_id": scored.product_id,
        "score": round(scored.score, 4),
        "reason": {"strategy": scored.reason, "because": list(scored.because)},
        "product": product,
    }
