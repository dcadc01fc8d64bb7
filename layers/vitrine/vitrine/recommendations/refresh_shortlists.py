"""Make a shopper's shortlist again when the shopper or the model changes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vitrine.platform.retries import retry
from vitrine.recommendations.model import (
    SHORTLIST,
    STRATEGIES,
    TYPE_WEIGHTS,
    Candidates,
    Shortlist,
    bought_again,
    seeds_of,
)
from vitrine.recommendations.ports import StaleShortlist
from vitrine.recommendations.recent import counts_since

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from vitrine.catalog.model import UserKey
    from vitrine.catalog.ports import InteractionRepository
    from vitrine.recommendations.model import Scored, Strategy
    from vitrine.recommendations.ports import ModelRepository, RecommendationInputsRepository
    from vitrine.recommendations.recent import RecentTouch

_NEWEST = 200
_LOOKED_AT = 2 * SHORTLIST


def refresh_shortlist(
    interactions: InteractionRepository,
    models: ModelRepository,
    inputs_repository: RecommendationInputsRepository,
    user: UserKey,
    recent: Sequence[RecentTouch] = (),
) -> None:
    """Rank the candidates of the shopper's newest interactions under each strategy, and store them.

    `recent` are the shop's newest touches. Reads everything else again, so repeating it gives the same. Raises
    Unavailable if others keep changing the shortlist.
    """

    def attempt() -> None:
        version = inputs_repository.shortlist_version(user)
        model = models.model(user.merchant_id)
        newest, _ = interactions.newest_interactions(user, _NEWEST, None)
        if model is None or not newest:
            inputs_repository.drop_shortlist(user, version)
            return
        touches = ((interaction.product_id, TYPE_WEIGHTS[interaction.type]) for interaction in newest)
        seeds = seeds_of(touches, model.profile)
        neighbourhoods = models.neighbourhoods(user.merchant_id, model, [seed.product_id for seed in seeds])
        recently = counts_since(recent, model.number / 1000)
        candidates = Candidates(seeds, neighbourhoods, models.popular(user.merchant_id, model), recently)
        ranked: dict[Strategy, list[Scored]] = {
            strategy: candidates.ranked(strategy, model.weights)[:_LOOKED_AT]
            for strategy in STRATEGIES
            if strategy != "popular"
        }
        bought = inputs_repository.bought(user, {scored.product_id for each in ranked.values() for scored in each})
        purchases = [interaction for interaction in newest if interaction.type == "purchase"]
        shortlist = Shortlist(
            {strategy: _shortened(each, bought) for strategy, each in ranked.items()},
            frozenset(bought),
            bought_again((purchase.product_id, purchase.occurred_at.timestamp()) for purchase in purchases)[:SHORTLIST],
        )
        inputs_repository.put_shortlist(user, model, shortlist, version)

    retry(attempt, on=StaleShortlist, refusal="Others are changing the same shopper's shortlist.")


def _shortened(ranked: Sequence[Scored], bought: Collection[str]) -> list[Scored]:
    """Return the shortest start of the ranking that has `SHORTLIST` products that were not bought."""
    new = 0
    for place, scored in enumerate(ranked):
        if new == SHORTLIST:
            return list(ranked[:place])
        new += scored.product_id not in bought
    return list(ranked)
