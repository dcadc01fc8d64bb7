"""Keep a shop's newest touches: they say what is popular before the first model and since the last one."""

from __future__ import annotations

import math
from collections import Counter
from typing import TYPE_CHECKING, NamedTuple

from vitrine.platform.retries import retry
from vitrine.recommendations.model import DAY_SECONDS, TYPE_WEIGHTS, number_of
from vitrine.recommendations.ports import StaleRecent

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
    from datetime import datetime

    from vitrine.catalog.model import Interaction, UserKey
    from vitrine.catalog.ports import InteractionRepository
    from vitrine.recommendations.ports import RecentRepository

MOST_LEARNED = 50_000  # beside a model of more interactions, the newest ones say little
MOST_TOUCHES = 500
MOST_OF_A_USER = 30
_HALF_LIFE_DAYS = 180
_TIE = 1e-4
_OTHERS_CHANGE_IT = "Others are changing the same shop's newest interactions."


class RecentTouch(NamedTuple):
    """The strongest and newest touch of a product by a user, who is a number.

    `at` is when it happened, in whole seconds. `seen` is when it was first kept here, or when a model was begun that
    was learned from it though it was kept later.
    """

    user: int
    product_id: str
    weight: float
    at: int
    seen: int


def keep_recent(
    interactions: InteractionRepository, recent: RecentRepository, users: Collection[UserKey], now: datetime
) -> Sequence[RecentTouch]:
    """Replace the touches of these users of one merchant by their newest ones, and return all that are kept.

    Each user's touches are read after the version that they replace, so repeated and concurrent calls end with what is
    stored. Raises Unavailable if others keep changing them.
    """
    [merchant_id] = {user.merchant_id for user in users}

    def attempt() -> Sequence[RecentTouch]:
        version, kept = recent.find(merchant_id)
        changes = {
            number_of(user.user_id): touches_of(interactions.newest_interactions(user, MOST_OF_A_USER, None)[0], now)
            for user in users
        }
        after = replaced(kept, changes)
        if after != kept:
            recent.put(merchant_id, after, version)
        return after

    return retry(attempt, on=StaleRecent, refusal=_OTHERS_CHANGE_IT)


def replaced(kept: Sequence[RecentTouch], changes: Mapping[int, Sequence[RecentTouch]]) -> list[RecentTouch]:
    """Return the newest touches, newest first, after those of some users were replaced."""
    seen = {(touch.user, touch.product_id): touch.seen for touch in kept}
    new = [
        touch._replace(seen=seen.get((touch.user, touch.product_id), touch.seen))
        for touches in changes.values()
        for touch in touches
    ]
    rest = [touch for touch in kept if touch.user not in changes]
    return sorted([*rest, *new], key=lambda touch: (-touch.at, touch.user, touch.product_id))[:MOST_TOUCHES]


def mark_learned(
    recent: RecentRepository, merchant_id: str, began: int, learned: Callable[[], Collection[tuple[int, int]]]
) -> None:
    """Let touches count once that a model was learned from though they were kept after it was begun.

    `began` is in whole seconds; `learned` returns the numbers of users with those of their products. Raises Unavailable
    if others keep changing the touches.
    """

    def attempt() -> None:
        version, kept = recent.find(merchant_id)
        if all(touch.seen <= began for touch in kept):
            return
        pairs = learned()
        after = [
            touch._replace(seen=min(touch.seen, began)) if (touch.user, number_of(touch.product_id)) in pairs else touch
            for touch in kept
        ]
        if after != kept:
            recent.put(merchant_id, after, version)

    retry(attempt, on=StaleRecent, refusal=_OTHERS_CHANGE_IT)


def counts_since(touches: Sequence[RecentTouch], since: float) -> dict[str, float]:
    """Return how many users touched each product, as in models, of the touches that were first kept after `since`.

    All touches add a ten-thousandth at most, less for users with many, so of products with equal counts those come
    first that were chosen by users who choose few.
    """
    newest = max((touch.at for touch in touches), default=0)
    of_user = Counter(touch.user for touch in touches)
    counts: dict[str, float] = {}
    for touch in touches:
        weight = round(touch.weight * 0.5 ** ((newest - touch.at) / DAY_SECONDS / _HALF_LIFE_DAYS), 3)
        share = (touch.seen > since) + _TIE / math.sqrt(of_user[touch.user])
        counts[touch.product_id] = counts.get(touch.product_id, 0.0) + weight * share
    return counts


def touched_by(touches: Iterable[RecentTouch], user_id: str) -> list[str]:
    """Return the products of a user, newest first."""
    number = number_of(user_id)
    return [touch.product_id for touch in touches if touch.user == number]


def touches_of(interactions: Iterable[Interaction], now: datetime) -> list[RecentTouch]:
    """Return a user's touches of interactions, newest first."""
    strongest: dict[str, RecentTouch] = {}
    for interaction in interactions:
        at = min(interaction.occurred_at, now)
        weight = TYPE_WEIGHTS[interaction.type]
        touch = RecentTouch(
            number_of(interaction.user_id), interaction.product_id, weight, int(at.timestamp()), int(now.timestamp())
        )
        before = strongest.setdefault(touch.product_id, touch)
        if before.weight < weight:
            strongest[touch.product_id] = before._replace(weight=weight)
    return list(strongest.values())
