"""The half-life of popularity is the one that predicts what shoppers touch next."""

from __future__ import annotations

import random

import pytest

from vitrine.recommendations.choose_half_life import choose_half_life
from vitrine.recommendations.held_out import HeldOut, Shopper, Touch
from vitrine.recommendations.model import DAY_SECONDS, POPULARITY_HALF_LIVES

WEEKS = 20
PRODUCTS = 60


def shop(fashion: int, shoppers: int = 300) -> HeldOut:
    """Each shopper buys five products in some week, and more afterwards. Each week `fashion` others lead."""
    chance = random.Random(1)
    chances = [1 / place for place in range(1, PRODUCTS + 1)]

    def buys(user: int, week: int) -> list[Touch]:
        places = chance.choices(range(PRODUCTS), chances, k=5)
        at = (7 * week + 7 * user / shoppers) * DAY_SECONDS
        return [Touch(user, (place + fashion * week) % PRODUCTS, 1000, at) for place in places]

    before = {user: buys(user, user % WEEKS) for user in range(shoppers)}
    past = sorted((touch for touches in before.values() for touch in touches), key=lambda touch: touch.at_seconds)
    later = [Shopper(before[user], buys(user, WEEKS)) for user in before]
    return HeldOut(past, later, 7 * WEEKS * DAY_SECONDS, 7 * (WEEKS + 1) * DAY_SECONDS)


@pytest.mark.parametrize(("fashion", "half_life_days"), [(0, 180), (1, 7)])
def test_it_is_short_only_where_what_is_bought_changes_from_week_to_week(fashion: int, half_life_days: int) -> None:
    assert choose_half_life(shop(fashion)) == half_life_days


def test_too_few_shoppers_leave_the_default() -> None:
    assert choose_half_life(shop(1, shoppers=99)) == POPULARITY_HALF_LIVES[0]


def test_what_shoppers_bought_before_tells_nothing() -> None:
    same = shop(1)
    again = [Shopper(shopper.before, shopper.before) for shopper in same.shoppers]
    assert choose_half_life(same._replace(shoppers=again)) == POPULARITY_HALF_LIVES[0]
