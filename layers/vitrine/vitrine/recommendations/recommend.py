"""Recommend products to a shopper, or beside a product."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, Protocol

from vitrine.catalog.responses import product_response
from vitrine.platform.letters import folded
from vitrine.platform.times import to_rfc3339
from vitrine.recommendations.model import SHORTLIST, Candidates, Scored, prior, seeds_of, similar_products
from vitrine.recommendations.shared_features import with_shared_features

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
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
    from vitrine.renditions.model import Original

_MOST_OWN = 10
Outcome = Literal["hit", "miss", "stale"]


class Copies(Protocol):
    """Finds copies of products' pictures."""

    def __call__(self, product_ids: Sequence[str], *, consistent: bool = False) -> Mapping[str, Original]:
        """Return the copies by product."""


class RecommendationQuery(NamedTuple):
    """A strategy, a category or None for all, and how to treat products that the user bought.

    Without a treatment, it is the merchant's choice, or else what was measured.
    """

    strategy: Strategy
    category: str | None
    repeat: Repeat | None


class Recommendations(NamedTuple):
    """A ranking, as JSON, and what the cache did."""

    recommendation_id: str
    generated_at: str
    items: list[dict[str, Any]]
    outcome: Outcome
    model: int | None


class Similar(NamedTuple):
    """Products similar to another, as JSON, and the number of their model."""

    items: list[dict[str, Any]]
    model: int | None


class _Found(NamedTuple):
    products: Mapping[str, Product]
    copies: Mapping[str, Original]


class Stores(NamedTuple):
    """Where products that go with others are found."""

    models: ModelRepository
    inputs: RecommendationInputsRepository
    products: ProductRepository
    copies: Copies


class Recommender:
    """Serves recommendations: from the cache with one read, else with two, one after the other."""

    def __init__(
        self, inputs_repository: RecommendationInputsRepository, cache: ResponseCache, products: ProductRepository
    ) -> None:
        self._inputs_repository = inputs_repository
        self._cache = cache
        self._products = products

    def recommend(
        self, user: UserKey, query: RecommendationQuery, copies: Copies, *, now: datetime, new_id: Callable[[], str]
    ) -> Recommendations:
        """Return the whole ranking for a query. The category may be in any case.

        A cached ranking may lack renditions of pictures that were copied meanwhile, and has none that were withdrawn.
        """
        if query.category is not None:
            query = query._replace(category=folded(query.category))
        inputs = self._inputs_repository.read(user, query.category)
        repeat = query.repeat or inputs.repeat
        cached = self._cache.get(user, inputs)
        entry: dict[str, Any] = json.loads(cached) if cached else {}
        key = json.dumps(query._replace(repeat=repeat))
        if entry.get("stamp") == inputs.stamp and key in entry["answers"]:
            recommendation_id, generated_at, items = entry["answers"][key]
            return Recommendations(recommendation_id, generated_at, items, "hit", inputs.model)
        outcome: Outcome = "stale" if entry and entry["stamp"] != inputs.stamp else "miss"
        items = self._rank(user, inputs, query._replace(repeat=repeat), copies, now)
        response = Recommendations(new_id(), to_rfc3339(now), items, outcome, inputs.model)
        responses = {**entry["answers"], key: response[:3]} if outcome == "miss" and entry else {key: response[:3]}
        self._cache.put(user, json.dumps({"stamp": inputs.stamp, "answers": responses}).encode())
        return response

    def _rank(
        self, user: UserKey, inputs: RecommendationInputs, query: RecommendationQuery, copies: Copies, now: datetime
    ) -> list[dict[str, Any]]:
        strategy, category, chosen = query
        repeat = chosen or inputs.repeat
        if inputs.model is None:
            own = inputs.touched[:_MOST_OWN] if strategy in {"hybrid", "content"} else ()
            return self._before_the_first_model(user, query, inputs.popular, own, copies)
        preferred = inputs.shortlist().candidates(
            strategy, repeat, now=now.timestamp() - inputs.lag, rhythm=inputs.rhythm
        )
        if category is not None:
            preferred = preferred[: SHORTLIST // 2]
        candidates: dict[str, Scored] = {}
        for scored in [*preferred, *inputs.popular]:
            candidates.setdefault(scored.product_id, scored)
        ranked = list(candidates.values())[:SHORTLIST]
        found = _find(
            self._inputs_repository,
            copies,
            user,
            ranked,
            include_bought=repeat != "exclude",
            consistent=inputs.withdrawing,
        )
        return _items(ranked, found, category)

    def _before_the_first_model(
        self,
        user: UserKey,
        query: RecommendationQuery,
        popular: Sequence[Scored],
        own: Sequence[str],
        copies: Copies,
    ) -> list[dict[str, Any]]:
        ranked = with_listed(self._products, user.merchant_id, popular)
        described = self._products.find_products(user.merchant_id, own) if own else {}
        found = _find(
            self._inputs_repository, copies, user, ranked, include_bought=query.repeat != "exclude", consistent=True
        )
        mine = [described[product_id] for product_id in own if product_id in described]
        return _items(with_shared_features(ranked, mine, found.products), found, query.category)


def with_listed(products: ProductRepository, merchant_id: str, popular: Sequence[Scored]) -> list[Scored]:
    """Return at most 50 products: the popular ones, and if they are fewer, the first ones by id after them."""
    ranked = {scored.product_id: scored for scored in popular[:SHORTLIST]}
    if len(ranked) < SHORTLIST:
        for product in products.list_products(merchant_id, SHORTLIST, None):
            ranked.setdefault(product.product_id, Scored(product.product_id, prior(0.0), "popular", ()))
    return list(ranked.values())[:SHORTLIST]


def _find(  # noqa: PLR0913 - two ports and what to find
    inputs_repository: RecommendationInputsRepository,
    copies: Copies,
    user: UserKey,
    ranked: Sequence[Scored],
    *,
    include_bought: bool = False,
    consistent: bool = False,
) -> _Found:
    """Return those of the ranked products that can be shown, and copies of their pictures: two reads at once."""
    product_ids = [scored.product_id for scored in ranked]
    with ThreadPoolExecutor(1) as thread:
        copied = thread.submit(copies, product_ids, consistent=consistent)
        products = inputs_repository.sellable(user, product_ids, include_bought=include_bought)
        return _Found(products, copied.result())


def recommend_similar(stores: Stores, user: UserKey, product: Product) -> Similar:
    """Return the products that go with a product, or if none is known to, popular ones that are most alike first."""
    model = stores.models.model(user.merchant_id)
    if model is not None:
        near = stores.models.neighbourhoods(user.merchant_id, model, [product.product_id]).get(product.product_id)
        ranked = similar_products(near, model.weights, product.product_id) if near else []
        ranked = [scored for scored in ranked if scored.product_id != product.product_id][:SHORTLIST]
        if ranked:
            return Similar(_items(ranked, _find(stores.inputs, stores.copies, user, ranked)), model.number)
    return _alike(stores, user, [product])


def recommend_for_basket(stores: Stores, user: UserKey, basket: Sequence[str]) -> Similar:
    """Return products that go with those in a basket, listed in the order they were put in.

    They are scored like the newest touches of a shopper. Unknown products are no evidence.
    """
    model = stores.models.model(user.merchant_id)
    newest = list(reversed(basket))
    if model is None:
        own = stores.products.find_products(user.merchant_id, newest[:_MOST_OWN])
        return _alike(stores, user, [own[product_id] for product_id in newest[:_MOST_OWN] if product_id in own])
    seeds = seeds_of(((product_id, 1.0) for product_id in newest), model.profile)
    neighbourhoods = stores.models.neighbourhoods(user.merchant_id, model, [seed.product_id for seed in seeds])
    candidates = Candidates(seeds, neighbourhoods, stores.models.popular(user.merchant_id, model))
    scored = (scored for scored in candidates.ranked("hybrid", model.weights) if scored.product_id not in basket)
    ranked = list(islice(scored, SHORTLIST))
    return Similar(_items(ranked, _find(stores.inputs, stores.copies, user, ranked)), model.number)


def _alike(stores: Stores, user: UserKey, own: Sequence[Product]) -> Similar:
    """Return popular and, before the first model, listed products; those that share features with `own` first."""
    inputs = stores.inputs.read(user, None)
    ranked: Sequence[Scored] = inputs.popular
    if inputs.model is None:
        ranked = with_listed(stores.products, user.merchant_id, ranked)
    mine = {product.product_id for product in own}
    ranked = [scored for scored in ranked if scored.product_id not in mine][:SHORTLIST]
    found = _find(stores.inputs, stores.copies, user, ranked)
    return Similar(_items(with_shared_features(ranked, own, found.products), found), inputs.model)


def _items(ranked: Iterable[Scored], found: _Found, category: str | None = None) -> list[dict[str, Any]]:
    """Return the ranked products that were found, in a category (in folded case) or all."""
    return [
        {
            "product_id": scored.product_id,
            "score": round(scored.score, 4),
            "reason": {"strategy": scored.reason, "because": list(scored.because)},
            "product": product_response(product, found.copies.get(scored.product_id)),
        }
        for scored in ranked
        if (product := found.products.get(scored.product_id))
        and (category is None or folded(product.category or "") == category)
    ]
