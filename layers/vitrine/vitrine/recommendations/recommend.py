"""What to show a shopper, or beside a product."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from vitrine.catalog.answers import product_answer
from vitrine.platform.letters import folded
from vitrine.platform.times import to_rfc3339
from vitrine.recommendations.model import SHORTLIST, Scored, similar_products

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from vitrine.catalog.model import Product, UserKey
    from vitrine.catalog.ports import ProductStore
    from vitrine.recommendations.model import Repeat, Strategy
    from vitrine.recommendations.ports import Entries, ModelStore, Shelf, ShelfStore

Outcome = Literal["hit", "miss", "stale"]


class Question(NamedTuple):
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

    def __init__(self, shelves: ShelfStore, entries: Entries, products: ProductStore) -> None:
        self._shelves = shelves
        self._entries = entries
        self._products = products

    def recommend(
        self, user: UserKey, question: Question, *, now: datetime, new_id: Callable[[], str]
    ) -> Recommendations:
        """The whole ranking that a question asks for; a category may be in any case."""
        if question.category is not None:
            question = question._replace(category=folded(question.category))
        shelf = self._shelves.read(user, question.category)
        kept = self._entries.get(user, shelf)
        entry: dict[str, Any] = json.loads(kept) if kept else {}
        asked = json.dumps(question)
        if entry.get("stamp") == shelf.stamp and asked in entry["answers"]:
            recommendation_id, generated_at, items = entry["answers"][asked]
            return Recommendations(recommendation_id, generated_at, items, "hit", shelf.model)
        outcome: Outcome = "stale" if entry and entry["stamp"] != shelf.stamp else "miss"
        items = self._rank(user, shelf, question)
        answer = Recommendations(new_id(), to_rfc3339(now), items, outcome, shelf.model)
        answers = {**entry["answers"], asked: answer[:3]} if outcome == "miss" and entry else {asked: answer[:3]}
        self._entries.put(user, json.dumps({"stamp": shelf.stamp, "answers": answers}).encode())
        return answer

    def _rank(self, user: UserKey, shelf: Shelf, question: Question) -> list[dict[str, Any]]:
        strategy, category, repeat = question
        if shelf.model is None:
            return self._before_the_first_model(user, question)
        preferred = shelf.shortlist.candidates(strategy, repeat)
        if category is not None:
            preferred = preferred[: SHORTLIST // 2]
        candidates: dict[str, Scored] = {}
        for it in [*preferred, *shelf.popular]:
            candidates.setdefault(it.product_id, it)
        ranked = list(candidates.values())[:SHORTLIST]
        found = self._shelves.sellable(user, [it.product_id for it in ranked], again=repeat != "exclude")
        return [
            _item(it, product_answer(found[it.product_id]))
            for it in ranked
            if it.product_id in found and _is_in(found[it.product_id], category)
        ]

    def _before_the_first_model(self, user: UserKey, question: Question) -> list[dict[str, Any]]:
        listed = self._products.list_products(user.merchant_id, SHORTLIST, None)
        found = self._shelves.sellable(user, [it.product_id for it in listed], again=question.repeat != "exclude")
        return [
            _item(Scored(product_id, 0.0, "popular", ()), product_answer(product))
            for product_id, product in found.items()
            if _is_in(product, question.category)
        ]


def _is_in(product: Product, category: str | None) -> bool:
    """Whether the product is of a category, which is folded; every product is for None."""
    return category is None or (product.category is not None and folded(product.category) == category)


def recommend_similar(models: ModelStore, shelves: ShelfStore, user: UserKey, product_id: str) -> Similar:
    """What goes with a product; what is popular when nothing is known of it."""
    model = models.model(user.merchant_id)
    ranked: Sequence[Scored] = ()
    if model is not None:
        near = models.neighbourhoods(user.merchant_id, model, [product_id]).get(product_id)
        ranked = similar_products(near, model.weights, product_id) if near else ()
        ranked = ranked or shelves.read(user, None).popular
    ranked = [it for it in ranked if it.product_id != product_id][:SHORTLIST]
    found = shelves.sellable(user, [it.product_id for it in ranked])
    items = [_item(it, product_answer(found[it.product_id])) for it in ranked if it.product_id in found]
    return Similar(items, model.number if model else None)


def _item(scored: Scored, product: Any) -> dict[str, Any]:
    return {
        "product_id": scored.product_id,
        "score": round(scored.score, 4),
        "reason": {"strategy": scored.reason, "because": list(scored.because)},
        "product": product,
    }
