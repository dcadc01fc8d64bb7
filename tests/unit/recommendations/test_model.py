"""What features say for a shopper, and what is named as the reason."""

from __future__ import annotations

import math
from itertools import pairwise

import pytest

from vitrine.recommendations.model import (
    Candidates,
    Feature,
    Neighbour,
    Neighbourhood,
    Popular,
    Profile,
    Seed,
    Weights,
    seeds_of,
    taste,
)

RARE = Feature(lift=math.log(5), share=0.01)
COMMON = Feature(lift=math.log(1.2), share=0.2)


def test_the_weight_of_a_touch_halves_after_half_a_life_of_newer_products() -> None:
    touches = [(str(rank), 1.0) for rank in range(11)]
    said = {seed.product_id: seed.weight for seed in seeds_of(touches, Profile(5, 30))}
    assert (said["0"], said["5"], said["10"]) == (1.0, 0.5, 0.25)


@pytest.mark.parametrize("feature", [RARE, COMMON])
def test_one_touch_alone_says_the_lift_of_its_feature(feature: Feature) -> None:
    assert taste(feature, 1, 1) == pytest.approx(feature.lift)


@pytest.mark.parametrize("feature", [RARE, COMMON])
def test_more_touches_say_more_but_each_less_than_the_one_before(feature: Feature) -> None:
    said = [taste(feature, touches, 10) for touches in range(11)]
    gained = [after - before for before, after in pairwise(said)]
    assert all(gain > 0 for gain in gained)
    assert gained == sorted(gained, reverse=True)


def test_a_feature_that_a_shopper_leaves_alone_speaks_against_a_product() -> None:
    assert taste(COMMON, 0, 10) < taste(RARE, 0, 10) < 0


@pytest.mark.parametrize("feature", [Feature(0.0, 0.5), Feature(-1.0, 0.5), Feature(2.0, 1.0)])
def test_a_feature_that_tells_shoppers_not_apart_says_next_to_nothing(feature: Feature) -> None:
    assert taste(feature, 3, 3) == 0


def test_those_that_share_features_are_named_and_a_product_does_not_speak_for_itself() -> None:
    seeds = [Seed("viewed", 1.0), Seed("kin", 0.5), Seed("other", 0.9)]
    neighbourhoods = {
        "viewed": Neighbourhood(tokens=frozenset({1})),
        "kin": Neighbourhood(tokens=frozenset({1, 2})),
        "other": Neighbourhood(),
    }
    popular = [Popular("viewed", 9, {1: RARE}), Popular("wanted", 1, {1: RARE, 2: RARE}), Popular("plain", 9, {})]
    ranked = {
        candidate.product_id: candidate
        for candidate in Candidates(seeds, neighbourhoods, popular).ranked("content", Weights(content=1.0))
    }
    assert ranked["viewed"].because == ("kin",)
    assert (ranked["wanted"].reason, ranked["wanted"].because) == ("content", ("kin", "viewed"))
    assert (ranked["plain"].reason, ranked["plain"].because) == ("popular", ())


def test_of_a_product_that_few_know_its_nearness_to_the_shoppers_products_is_enough() -> None:
    seeds = [Seed("a", 1.0), Seed("b", 0.5)]
    neighbourhoods = {seed.product_id: Neighbourhood(content=[Neighbour("new", 1.5, 0.0)]) for seed in seeds}
    [once] = Candidates(seeds[:1], neighbourhoods, []).terms()
    [twice] = Candidates(seeds, neighbourhoods, []).terms()
    assert once.from_features == pytest.approx(1.5)
    assert once.from_features < twice.from_features < 2 * once.from_features


def test_a_product_that_shares_a_thousand_features_has_a_score() -> None:
    neighbourhoods = {"a": Neighbourhood(content=[Neighbour("twin", 3000.0, 0.0)])}
    [ranked] = Candidates([Seed("a", 1.0)], neighbourhoods, []).ranked("hybrid", Weights())
    assert math.isfinite(ranked.score)
