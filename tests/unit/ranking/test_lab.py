"""Who sees the lab, what they see, and what it tells about a policy."""

from __future__ import annotations

import random
from collections import Counter
from statistics import mean

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vitrine.ranking.lab import EXAMINATION, PAGE, LabImage, LabVisitor, estimate

POOL = [f"image-{at}" for at in range(60)]


def order_of(visitor: str, version: int = 1) -> list[str]:
    return LabVisitor("secret", "summer", version, visitor).shuffled(POOL)


def test_the_lab_takes_its_share_of_visitors() -> None:
    taken = sum(LabVisitor("secret", "summer", 1, f"visitor:{at}").is_in_lab(0.1) for at in range(10_000))
    assert 880 < taken < 1_120
    assert not any(LabVisitor("secret", "summer", 1, f"visitor:{at}").is_in_lab(0.0) for at in range(100))


def test_a_visitor_keeps_an_order_until_the_version_changes() -> None:
    assert order_of("visitor:1") == order_of("visitor:1")
    assert order_of("visitor:1") != order_of("visitor:1", version=2)
    assert sorted(order_of("visitor:1")) == sorted(POOL)


def test_an_image_is_equally_likely_at_each_position() -> None:
    orders = [order_of(f"visitor:{at}")[:PAGE] for at in range(1_200)]
    for image_id in (POOL[0], POOL[19], POOL[40]):
        halves = Counter(order.index(image_id) // 10 for order in orders if image_id in order)
        assert abs(halves[0] - halves[1]) < 4 * sum(halves.values()) ** 0.5
    shown = Counter(image_id for order in orders for image_id in order)
    assert all(650 < shown[image_id] < 950 for image_id in POOL[:PAGE])
    assert all(130 < shown[image_id] < 280 for image_id in POOL[PAGE:])


def test_too_little_data_says_so() -> None:
    nothing = estimate([LabImage(planned=0, today=0)], 0)
    assert not nothing.enough
    assert nothing.lift is None
    little = estimate([LabImage(3, 1, planned=0), LabImage(0, 0, planned=1), LabImage(4, 0, today=0)], 7)
    assert not little.enough
    assert little.support < 0.6
    assert (little.page_views_needed or 0) > 7


def test_much_data_is_enough() -> None:
    images = [LabImage(10_000, 200 - at, planned=at, today=19 - at) for at in range(PAGE)]
    found = estimate(images, 200_000)
    assert found.enough
    assert found.page_views_needed is None
    assert found.lift_interval
    assert found.lift_interval.low < (found.lift or 0) < found.lift_interval.high
    assert found.clicks_per_page == pytest.approx(
        sum(look * (200 - at) / 10_000 for at, look in enumerate(EXAMINATION))
    )


@given(st.lists(st.tuples(st.integers(0, 10**6), st.integers(0, 1000)), min_size=1, max_size=20))
def test_an_order_has_no_lift_over_itself(counts: list[tuple[int, int]]) -> None:
    found = estimate([LabImage(views, min(views, clicks), at, at) for at, (views, clicks) in enumerate(counts)], 100)
    assert found.interval.low <= found.clicks_per_page <= found.interval.high
    assert found.lift in (None, pytest.approx(0))


def test_intervals_contain_the_truth_as_often_as_they_claim() -> None:
    chance = random.Random(3)
    rates = [0.01 + 0.002 * at for at in range(PAGE)]
    truth = sum(look * rate for look, rate in zip(EXAMINATION, rates, strict=True))
    estimates = [
        estimate(
            [
                LabImage(600, sum(chance.random() < rate for _ in range(600)), planned=at)
                for at, rate in enumerate(rates)
            ],
            1_000,
        )
        for _ in range(150)
    ]
    assert mean(result.interval.low <= truth <= result.interval.high for result in estimates) >= 0.9
    assert mean(result.clicks_per_page for result in estimates) == pytest.approx(truth, rel=0.03)
