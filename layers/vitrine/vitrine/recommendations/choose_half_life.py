"""Choose how fast popularity fades: in some shops what is bought changes from week to week, in others it lasts."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from vitrine.recommendations.held_out import FEWEST_SHOPPERS, MOST_SHOPPERS, hold_out, is_better, new_to
from vitrine.recommendations.model import DAY_SECONDS, POPULARITY_HALF_LIVES, prior
from vitrine.recommendations.model_files import WEIGHT_UNIT

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from vitrine.recommendations.held_out import HeldOut, Touch

_LEAST_GAIN = math.log(1.1)


def half_life_of(tables: Path) -> int:
    """Return the half-life in days for the interactions in these files."""
    held_out = hold_out(tables)
    return choose_half_life(held_out) if held_out else POPULARITY_HALF_LIVES[0]


def choose_half_life(held_out: HeldOut) -> int:
    """Return the half-life in days under which popularity predicts the newest tenth best.

    Popularity is a distribution over products, so half-lives are compared by the likelihood of what shoppers touched
    later and not before: the logarithm of its share. Keeps the default with too few shoppers, and unless what came is a
    tenth likelier under another one, by more than two standard errors.
    """
    wanted = [new for shopper in held_out.shoppers if (new := new_to(shopper))][:MOST_SHOPPERS]
    if len(wanted) < FEWEST_SHOPPERS:
        return POPULARITY_HALF_LIVES[0]
    products = {touch.product for touch in held_out.past}.union(*wanted)
    measured = []
    for half_life_days in POPULARITY_HALF_LIVES:
        log_share = _log_shares(held_out.past, products, half_life_days)
        measured.append([sum(map(log_share, new)) / len(new) for new in wanted])
    best = max(range(len(measured)), key=lambda option: sum(measured[option]))
    differences = [found - default - _LEAST_GAIN for found, default in zip(measured[best], measured[0], strict=True)]
    return POPULARITY_HALF_LIVES[best if is_better(differences) else 0]


def _log_shares(past: Sequence[Touch], products: set[int], half_life_days: int) -> Callable[[int], float]:
    """Return a function that gives the logarithm of a product's share of popularity at the end of `past`."""
    end = past[-1].at_seconds
    worth: dict[tuple[int, int], float] = {}
    for user, product, weight, at in past:
        faded = weight * 0.5 ** ((end - at) / DAY_SECONDS / half_life_days)
        if faded > worth.get((user, product), 0.0):
            worth[user, product] = faded
    users = dict.fromkeys(products, 0.0)
    for (_, product), faded in worth.items():
        users[product] += faded / WEIGHT_UNIT
    whole = math.log(sum(math.exp(prior(count)) for count in users.values()))
    return lambda product: prior(users[product]) - whole
