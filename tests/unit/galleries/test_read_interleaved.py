"""Paging through an interleaved order shows each image once, as both arms pick in turn."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.galleries.test_read_gallery import GALLERY, ShortQueries, image
from vitrine.galleries.model import Experiment, Score, Totals, place_pinned
from vitrine.galleries.read_interleaved import read_interleaved
from vitrine.ranking.interleaving import Coins, interleave
from vitrine.ranking.model import Ranking

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vitrine.galleries.model import Image, Placed
    from vitrine.ranking.merchandising import Action
    from vitrine.ranking.model import Version

SECOND = GALLERY.following(Ranking("smoothed_rate"), datetime(2024, 1, 2, tzinfo=UTC), "experiment")
EXPERIMENT = Experiment("spring", SECOND.number, SECOND.created_at, Totals(), is_ready=True, mode="interleave")
COINS = Coins("secret", "visitor:1", "spring")
ACTIONS: Sequence[Action | None] = (None, None, "boost", "bury")

DRAWN = st.lists(
    st.tuples(st.none() | st.none() | st.integers(1, 12), st.integers(0, 5), st.integers(0, 5), st.integers(0, 3)),
    min_size=1,
    max_size=24,
)


def pages(
    drawn: list[tuple[int | None, int, int, int]], limits: list[int], most: int
) -> tuple[list[Placed], dict[str, str]]:
    repository = ShortQueries(most)
    repository.put_gallery(GALLERY)
    assert repository.plan_version(GALLERY, SECOND, EXPERIMENT)
    assert repository.start_scoring(GALLERY, SECOND)
    gallery = replace(GALLERY, next=SECOND, last_version=SECOND.number, experiment=EXPERIMENT)
    repository.commit_images(gallery, images_of(drawn), [])
    shown: list[Placed] = []
    arms: dict[str, str] = {}
    position = None
    for at in range(3 * len(drawn) + 1):
        limit = limits[at % len(limits)]
        page = read_interleaved(repository, gallery, limit, position, COINS, experiment=EXPERIMENT, second=SECOND)
        assert len(page.placed) <= limit
        assert page.arms.keys() <= {placed.image.image_id for placed in page.placed}
        shown += page.placed
        arms |= page.arms
        position = page.next
        if position is None:
            return shown, arms
    raise AssertionError("the pages never end")


def images_of(drawn: list[tuple[int | None, int, int, int]]) -> list[Image]:
    return [
        image(number, pinned, 0)._replace(
            scores=(
                Score(GALLERY.live.slot, GALLERY.live.number, points, 0, ACTIONS[action]),
                Score(SECOND.slot, SECOND.number, others, 0, ACTIONS[action]),
            )
        )
        for number, (pinned, points, others, action) in enumerate(drawn)
    ]


@settings(max_examples=300)
@given(drawn=DRAWN, limits=st.lists(st.integers(1, 6), min_size=1, max_size=3))
def test_pages_of_any_size_are_one_draft(drawn: list[tuple[int | None, int, int, int]], limits: list[int]) -> None:
    shown, arms = pages(drawn, limits, 1000)
    images = images_of(drawn)

    def order(version: Version) -> list[Image]:
        def rank(one: Image) -> str:
            score = one.score(version)
            assert score
            return one.rank(score) or ""

        return sorted(images, key=rank)

    first, second = (
        [one.image_id for one in order(version) if one.pinned_position is None] for version in (GALLERY.live, SECOND)
    )
    picks = interleave(first, second, COINS.first_begins, len(images))
    by_id = {one.image_id: one for one in images}
    pinned = [one for one in order(GALLERY.live) if one.pinned_position is not None]
    expected = place_pinned([by_id[pick.image_id] for pick in picks], pinned, 1, len(images))
    assert [(one.position, one.image.image_id) for one in shown] == [
        (one.position, one.image.image_id) for one in expected
    ]
    assert arms == {pick.image_id: f"2.{pick.team}" for pick in picks}


@settings(max_examples=200)
@given(drawn=DRAWN, limit=st.integers(1, 6), most=st.integers(1, 20))
def test_pages_show_each_image_once_wherever_a_query_ends(
    drawn: list[tuple[int | None, int, int, int]], limit: int, most: int
) -> None:
    shown, _ = pages(drawn, [limit], most)
    assert [one.position for one in shown] == list(range(1, len(drawn) + 1))
    assert len({one.image.image_id for one in shown}) == len(drawn)
