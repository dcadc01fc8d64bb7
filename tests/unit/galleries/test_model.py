"""How images are ordered and how totals settle."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from vitrine.galleries.model import (
    Counted,
    Description,
    Experiment,
    GalleryKey,
    Image,
    Totals,
    new_gallery,
    place_pinned,
    settle,
)
from vitrine.ranking.model import Ranking, Version, first_version

KEY = GalleryKey("shop", "summer")
START = datetime(2024, 1, 1, tzinfo=UTC)
VERSION = first_version(Ranking(), START)


def image(image_id: str, totals: Totals = Totals(), created_at: datetime = START, pinned: int | None = None) -> Image:
    described = Description(image_id, f"https://p.example/{image_id}", created_at)
    new = Image(KEY, image_id, described, "incarnation", pinned_position=pinned)
    return new.shown(Counted(image_id, "incarnation", totals), [VERSION])


def rank(image: Image, version: Version = VERSION) -> str:
    score = image.score(version)
    return (image.rank(score) if score else None) or ""


counts = st.integers(0, 10**9)
images = st.builds(
    lambda image_id, views, clicks, seconds: image(
        image_id, Totals(views, clicks), START + timedelta(microseconds=seconds)
    ),
    st.text("abcXYZ019._~:-", min_size=1, max_size=8),
    counts,
    counts,
    st.integers(-(10**15), 10**15),
)


@given(st.lists(images, max_size=12, unique_by=lambda image: image.image_id))
def test_rank_sorts_by_weight_then_newest_then_id(some: list[Image]) -> None:
    by_rank = sorted(some, key=rank)
    by_rule = sorted(some, key=lambda image: image.image_id)
    by_rule.sort(key=lambda image: image.description.created_at, reverse=True)
    by_rule.sort(key=lambda image: image.weight, reverse=True)
    assert by_rank == by_rule


@given(st.datetimes(datetime(1, 1, 1), datetime(9999, 12, 31)).map(lambda moment: moment.replace(tzinfo=UTC)))
def test_rank_has_one_length_for_all_times(created_at: datetime) -> None:
    assert len(rank(image("x", created_at=created_at))) == len(rank(image("x")))


def test_a_hidden_image_has_no_rank() -> None:
    assert rank(image("x")._replace(hidden=True)) == ""


@given(st.lists(st.integers(1, 20), max_size=6), st.integers(0, 20), st.integers(1, 30))
def test_every_image_is_placed_once_and_pinned_ones_not_before_their_position(
    pins: list[int], unpinned: int, limit: int
) -> None:
    pinned = [image(f"p{at}", pinned=position) for at, position in enumerate(sorted(pins))]
    ranked = [image(f"r{at}") for at in range(unpinned)]
    placed = place_pinned(ranked, pinned, 1, limit)
    assert [position for position, _ in placed] == list(range(1, min(limit, len(pins) + unpinned) + 1))
    assert len({one.image_id for _, one in placed}) == len(placed)
    for position, one in placed:
        wanted = one.pinned_position
        if wanted is not None and wanted > position:
            assert all(later.image.pinned_position is not None for later in placed[position - 1 :])


@given(counts, counts, counts, counts)
def test_totals_settle_once_wherever_an_earlier_attempt_stopped(
    views: int, clicks: int, more: int, yet_more: int
) -> None:
    shown = image("x", Totals(views, clicks))
    latest = Counted("x", "incarnation", Totals(views + more, clicks + yet_more))
    gallery = new_gallery(KEY, START)
    first = settle(gallery, {"x": shown}, [latest])
    assert first.increase == Totals(more, yet_more)
    interrupted = replace(gallery, settling={note.image_id: note for note in first.settling})
    assert settle(interrupted, {"x": shown}, [latest]).increase == Totals(0, 0)
    finished = shown.shown(latest, [VERSION])
    assert settle(gallery, {"x": finished}, [latest]).increase == Totals(0, 0)


def test_counts_of_a_deleted_image_do_not_settle_for_a_new_one_with_its_id() -> None:
    gallery = replace(new_gallery(KEY, START), settling={"x": Counted("x", "before", Totals(9, 0))})
    successor = {"x": image("x")}
    assert settle(gallery, successor, [Counted("x", "before", Totals(9, 0))]).settling == []
    assert settle(gallery, successor, [Counted("x", "incarnation", Totals(1, 0))]).increase == Totals(1, 0)


def test_an_image_was_placed_as_its_last_change_before_said() -> None:
    start = datetime(2026, 1, 1, tzinfo=UTC)
    placed = image("a")._replace(pinned_position=3)
    assert placed.put(pinned_position=3, hidden=False, now=start) == placed
    assert placed.as_placed(start) == placed
    for hours, position, hidden in ((1, None, True), (2, 7, False)):
        placed = placed.put(pinned_position=position, hidden=hidden, now=start + timedelta(hours=hours))
    then = [placed.as_placed(start + timedelta(minutes=minutes)) for minutes in (59, 60, 119, 120, 999)]
    assert [(one.pinned_position, one.hidden) for one in then] == [
        (3, False),
        (None, True),
        (None, True),
        (7, False),
        (7, False),
    ]


def test_an_image_keeps_its_last_twenty_placements() -> None:
    placed = image("a")
    for hours in range(30):
        placed = placed.put(pinned_position=hours + 1, hidden=False, now=datetime(2026, 1, 2, hours % 24, tzinfo=UTC))
    assert [one.pinned_position for one in placed.placements] == [*range(11, 31)]


def test_an_experiment_knows_its_arms() -> None:
    experiment = Experiment("spring", 7, datetime(2026, 1, 1, tzinfo=UTC), Totals())
    named: list[str | None] = ["7.0", "7.1", "7.2", "6.1", None]
    assert [experiment.team_of(arm) for arm in named] == [0, 1, None, None, None]
