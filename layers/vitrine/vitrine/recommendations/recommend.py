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
    from vitrine.recommendations.model import Strategy
    from vitrine.recommendations.ports import Entries, ModelStore, Shelf, ShelfStore

Outcome = Literal["hit", "miss", "stale"]


class Recommendations(NamedTuple):
    """A ranking, as JSON, and how the cache did."""

    recommendation_id: str
    generated_at: str
    items: list[dict[str, Any]]
    outcome: Outcome


class Recommender:
    """Serves recommendations: an entry that is kept, or two reads."""

    def __init__(self, shelves: ShelfStore, entries: Entries, products: ProductStore) -> None:
        self._shelves = shelves
        self._entries = entries
        self._products = products

    def recommend(
        self, user: UserKey, strategy: Strategy, category: str | None, *, now: datetime, new_id: Callable[[], str]
    ) -> Recommendations:
        """The whole ranking for a shopper under a strategy, of a category (in any case) or of all."""
        category = None if category is None else folded(category)
        shelf = self._shelves.read(user, category)
        kept = self._entries.get(user, shelf)
        entry: dict[str, Any] = json.loads(kept) if kept else {}
        question = json.dumps([strategy, category])
        if entry.get("stamp") == shelf.stamp and question in entry["answers"]:
            recommendation_id, generated_at, items = entry["answers"][question]
            return Recommendations(recommendation_id, generated_at, items, "hit")
        outcome: Outcome = "stale" if entry and entry["stamp"] != shelf.stamp else "miss"
        items = self._rank(user, shelf, strategy, category)
        answer = Recommendations(new_id(), to_rfc3339(now), items, outcome)
        answers = {**entry["answers"], question: answer[:3]} if outcome == "miss" and entry else {question: answer[:3]}
        self._entries.put(user, json.dumps({"stamp": shelf.stamp, "answers": answers}).encode())
        return answer

    def _rank(self, user: UserKey, shelf: Shelf, strategy: Strategy, category: str | None) -> list[dict[str, Any]]:
        if not shelf.has_model:
            return self._before_the_first_model(user, category)
        preferred = list(shelf.shortlist.get(strategy, ()))
        if category is not None:
            preferred = preferred[: SHORTLIST // 2]
        candidates: dict[str, Scored] = {}
        for it in [*preferred, *shelf.popular]:
            candidates.setdefault(it.product_id, it)
        ranked = list(candidates.values())[:SHORTLIST]
        found = self._shelves.sellable(user, [it.product_id for it in ranked])
        return [
            _item(it, product_answer(found[it.product_id]))
            for it in ranked
            if it.product_id in found and _is_in(found[it.product_id], category)
        ]

    def _before_the_first_model(self, user: UserKey, category: str | None) -> list[dict[str, Any]]:
        listed = self._products.list_products(user.merchant_id, SHORTLIST, None)
        found = self._shelves.sellable(user, [it.product_id for it in listed])
        return [
            _item(Scored(product_id, 0.0, "popular", ()), product_answer(product))
            for product_id, product in found.items()
            if _is_in(product, category)
        ]


def _is_in(product: Product, category: str | None) -> bool:
    """Whether the product is of a category, which is folded; every product is for None."""
    return category is None or (product.category is not None and folded(product.category) == category)


def recommend_similar(models: ModelStore, shelves: ShelfStore, user: UserKey, product_id: str) -> list[dict[str, Any]]:
    """What goes with a product; what is popular when nothing is known of it."""
    model = models.model(user.merchant_id)
    ranked: Sequence[Scored] = ()
    if model is not None:
        near = models.neighbourhoods(user.merchant_id, model, [product_id]).get(product_id)
        ranked = similar_products(near, model.weights, product_id) if near else ()
        ranked = ranked or shelves.read(user, None).popular
    ranked = [it for it in ranked if it.product_id != product_id][:SHORTLIST]
    found = shelves.sellable(user, [it.product_id for it in ranked])
    return [_item(it, product_answer(found[it.product_id])) for it in ranked if it.product_id in found]


def _item(scored: Scored, product: Any) -> dict[str, Any]:
    return {
        "product_id": scored.product_id,
        "score": round(scored.score, 4),
        "reason": {"strategy": scored.reason, "because": list(scored.because)},
        "product": product,
    }
