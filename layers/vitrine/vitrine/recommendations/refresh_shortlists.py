"""A shopper's candidates are prepared anew when they or the model change."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vitrine.platform.problems import Unavailable
from vitrine.recommendations.model import (
    SHORTLIST,
    STRATEGIES,
    TYPE_WEIGHTS,
    Candidates,
    Shortlist,
    bought_again,
    seeds_of,
)

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from vitrine.catalog.model import UserKey
    from vitrine.catalog.ports import InteractionRepository
    from vitrine.recommendations.model import Scored, Strategy
    from vitrine.recommendations.ports import ModelRepository, RecommendationInputsRepository

_NEWEST = 200
_LOOKED_AT = 2 * SHORTLIST
_ATTEMPTS = 6


def refresh_shortlist(
    interactions: InteractionRepository,
    models: ModelRepository,
    inputs_repository: RecommendationInputsRepository,
    user: UserKey,
) -> None:
    """Rank all that the shopper's newest interactions speak for, under each strategy.

    Everything is read anew, so doing it again or late gives the same. Raises Unavailable when others keep doing it
    at the same time.
    """
    for _ in range(_ATTEMPTS):
        seen = inputs_repository.shortlist_version(user)
        model = models.model(user.merchant_id)
        newest, _ = interactions.newest_interactions(user, _NEWEST, None)
        if model is None or not newest:
            if inputs_repository.drop_shortlist(user, seen):
                return
            continue
        seeds = seeds_of((it.product_id, TYPE_WEIGHTS[it.type]) for it in newest)
        near = models.neighbourhoods(user.merchant_id, model, [seed.product_id for seed in seeds])
        candidates = Candidates(seeds, near, models.popular(user.merchant_id, model))
        ranked: dict[Strategy, list[Scored]] = {
            strategy: candidates.ranked(strategy, model.weights)[:_LOOKED_AT]
            for strategy in STRATEGIES
            if strategy != "popular"
        }
        bought = inputs_repository.bought(user, {it.product_id for found in ranked.values() for it in found})
        shortlist = Shortlist(
            {strategy: _shortened(found, bought) for strategy, found in ranked.items()},
            frozenset(bought),
            bought_again((it.product_id, it.occurred_at) for it in newest if it.type == "purchase")[:SHORTLIST],
        )
        if inputs_repository.put_shortlist(user, model, shortlist, seen):
            return
    raise Unavailable("Others are preparing the same shopper's candidates.", 1)


def _shortened(found: Sequence[Scored], bought: Collection[str]) -> list[Scored]:
    """As many as hold `SHORTLIST` that were not bought."""
    kept: list[Scored] = []
    new = 0
    for it in found:
        if new == SHORTLIST:
            break
        kept.append(it)
        new += it.product_id not in bought
    return kept
