"""What follows from a job's pictures and their outcomes."""

from __future__ import annotations

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from vitrine.visits.model import (
    GROUP_IMAGES,
    Group,
    GroupResult,
    ImageSize,
    JobKey,
    MeasuringFailure,
    Outcome,
    Visit,
    groups_of,
    new_job,
    store_failures,
    tasks_of,
    visit_gains,
)
from vitrine.visits.sqs import read_group, write_group

KEY = JobKey("shop", "1")
NOW = datetime(2023, 3, 9, 12, 0, 0, 500, tzinfo=UTC)
visits = st.lists(
    st.builds(
        Visit,
        store_id=st.sampled_from(["S1", "S2", "S3/4"]),
        visited_at=st.datetimes(timezones=st.just(UTC)),
        urls=st.lists(st.text(max_size=5), min_size=1, max_size=60).map(tuple),
        gallery_id=st.none() | st.just("shelf"),
        review=st.booleans(),
    ),
    max_size=6,
)
outcomes = st.sampled_from(
    [
        (ImageSize("PNG", 3, 4), None),
        (ImageSize("JPEG", 30, 40, 6), None),
        (None, MeasuringFailure("http_status", "The host responded with status 404")),
        (None, MeasuringFailure("timed_out", "The host took too long")),
    ]
)


@given(visits)
def test_each_picture_is_in_one_group_and_each_group_is_open(submitted: list[Visit]) -> None:
    groups = list(groups_of(KEY, submitted))
    job = new_job(KEY, submitted, NOW)
    assert [task for group in groups for task in group.tasks] == list(tasks_of(submitted))
    assert {group.number for group in groups} == job.open
    assert all(0 < len(group.tasks) <= GROUP_IMAGES for group in groups)
    assert all(task.at // GROUP_IMAGES == group.number for group in groups for task in group.tasks)
    assert job.images == job.left == sum(len(visit.urls) for visit in submitted)


@given(visits)
def test_a_group_survives_its_message(submitted: list[Visit]) -> None:
    for group in groups_of(KEY, submitted):
        assert read_group(write_group(group)) == group


def result_of(group: Group, results: list[tuple[ImageSize | None, MeasuringFailure | None]]) -> GroupResult:
    found = [
        Outcome(task, group.attempt, "A1", picture, failure, 1)
        for task, (picture, failure) in zip(group.tasks, results, strict=True)
    ]
    return GroupResult(KEY, group.number, group.attempt, tuple(found))


@given(visits, st.data())
def test_attempts_add_up_to_what_one_that_succeeds_would_have_found(
    submitted: list[Visit], data: st.DataObject
) -> None:
    for group in groups_of(KEY, submitted):
        count = len(group.tasks)
        result = result_of(group, data.draw(st.lists(outcomes, min_size=count, max_size=count)))
        gains = visit_gains(result)
        measured = result.measured
        assert result.measured + result.failed == count
        for attempt in (2, 3):
            again = Group(KEY, attempt, group.number, result.failed_tasks())
            left = len(again.tasks)
            found = data.draw(st.lists(outcomes, min_size=left, max_size=left))
            result = result.after(attempt, result_of(again, found).outcomes)
            gains += visit_gains(result)
            measured += result.measured
            assert measured + result.failed == count
        pictures = [outcome.picture for outcome in result.outcomes if outcome.picture]
        assert sum(gain.perimeter for gain in gains) == sum(picture.perimeter for picture in pictures)
        assert sum(gain.measured for gain in gains) == len(pictures)
        assert [outcome.task for outcome in result.outcomes] == list(group.tasks)


@given(visits, st.data())
def test_a_failed_store_is_named_once_with_its_first_reason(submitted: list[Visit], data: st.DataObject) -> None:
    for group in groups_of(KEY, submitted):
        count = len(group.tasks)
        result = result_of(group, data.draw(st.lists(outcomes, min_size=count, max_size=count)))
        failed = [outcome for outcome in result.outcomes if outcome.failure]
        named = store_failures(result)
        assert sorted(failure.store_id for failure in named) == sorted({outcome.task.store_id for outcome in failed})
        for failure in named:
            first = next(outcome for outcome in failed if outcome.task.store_id == failure.store_id)
            assert (failure.at, failure.reason) == (first.task.at, first.failure and first.failure.detail)
