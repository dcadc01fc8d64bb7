"""The repository of store visits keeps its contract on DynamoDB and in memory."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from tests.memory.visits import VisitsInMemory
from vitrine.visits.dynamodb import DynamoDBVisits
from vitrine.visits.model import (
    GROUP_IMAGES,
    GroupResult,
    ImageSize,
    JobKey,
    MeasuredVisit,
    MeasuringFailure,
    Outcome,
    Store,
    StoreFailure,
    Visit,
    groups_of,
    new_job,
)
from vitrine.visits.ports import KnownPicture, Span

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.contract.conftest import Tables

    Repository = DynamoDBVisits | VisitsInMemory

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
KEY = JobKey("shop", "1")
NORTH, SOUTH = Store("n1", "North", "north"), Store("s1", "South", "south")
VISITS = [
    Visit("n1", NOON, tuple(f"https://a.example/{at}" for at in range(GROUP_IMAGES + 1))),
    Visit("s1", NOON + HOUR, ("https://a.example/s",)),
]
SIZE = ImageSize("png", 3, 2)
ALWAYS = Span(None, None)


@pytest.fixture(params=["moto", "memory"])
def repository(request: pytest.FixtureRequest, tables_on_moto: Tables) -> Iterator[Repository]:
    if request.param == "memory":
        yield VisitsInMemory()
        return
    with tables_on_moto("VisitsTable") as dynamodb:
        yield DynamoDBVisits(dynamodb, "VisitsTable")


def results(*failed: int, attempt: int = 1) -> list[GroupResult]:
    """The results of a job's groups: the tasks at these positions failed."""
    areas = {"n1": "north", "s1": "south"}
    failure = MeasuringFailure("gone", "It is gone")
    return [
        GroupResult(
            KEY,
            group.number,
            attempt,
            tuple(
                Outcome(
                    task,
                    attempt,
                    areas[task.store_id],
                    None if task.at in failed else SIZE,
                    failure if task.at in failed else None,
                    10,
                )
                for task in group.tasks
            ),
        )
        for group in groups_of(KEY, VISITS)
    ]


class TestStores:
    def test_are_replaced_and_found_with_their_area(self, repository: Repository) -> None:
        repository.put_stores("shop", [NORTH, SOUTH])
        repository.put_stores("shop", [replace(SOUTH, area="west")])
        assert repository.find_stores("shop", ["n1", "s1", "none"]) == {"n1": NORTH, "s1": replace(SOUTH, area="west")}
        assert [repository.area_exists("shop", area) for area in ("north", "south", "west")] == [True, False, True]
        assert not repository.area_exists("other", "north")
        assert repository.find_stores("other", ["n1"]) == {}


class TestJobs:
    def test_count_each_group_once(self, repository: Repository) -> None:
        job = new_job(KEY, VISITS, NOON)
        for new in (job, replace(job, visits=99)):
            repository.add_job(new)
        assert repository.find_job(KEY) == job
        first, second = results(0, 1)
        for result in (first, first, replace(second, attempt=2)):
            repository.settle(result)
        assert repository.find_job(KEY) == replace(
            job, open=frozenset({1}), failing=frozenset({0}), done=GROUP_IMAGES - 2, failed=2
        )
        repository.settle(second)
        ended = repository.find_job(KEY)
        assert ended
        assert (ended.status, ended.done, ended.failed) == ("failed", GROUP_IMAGES, 2)
        assert repository.find_job(JobKey("other", "1")) is None

    def test_are_attempted_again_once_they_ended_with_failures(self, repository: Repository) -> None:
        repository.begin_attempt(KEY, 2)
        repository.add_job(new_job(KEY, VISITS, NOON))
        first, second = results(0)
        repository.settle(first)
        repository.begin_attempt(KEY, 2)
        running = repository.find_job(KEY)
        assert running
        assert running.attempt == 1
        repository.settle(second)
        for attempt in (3, 2, 2):
            repository.begin_attempt(KEY, attempt)
        again = repository.find_job(KEY)
        assert again
        assert (again.attempt, again.status, again.open, again.failed) == (2, "ongoing", frozenset({0}), 0)
        repository.settle(first.after(2, [replaced(first.outcomes[0])]))
        ended = repository.find_job(KEY)
        assert ended
        assert (ended.status, ended.done) == ("completed", GROUP_IMAGES + 2)
        repository.begin_attempt(KEY, 3)
        assert repository.find_job(KEY) == ended

    def test_are_listed_newest_first_also_by_store(self, repository: Repository) -> None:
        for name in ("1", "2", "3"):
            repository.add_job(new_job(JobKey("shop", name), VISITS, NOON))
        for name in ("1", "3"):
            repository.note_stores(JobKey("shop", name), ["n1"])

        def listed(store_id: str | None, first: str, last: str, limit: int = 9) -> list[str]:
            return [job.key.job_id for job in repository.list_jobs("shop", store_id, first, last, limit)]

        assert listed(None, "0", "~") == ["3", "2", "1"]
        assert listed(None, "0", "2", 1) == ["2"]
        assert listed("n1", "0", "~") == ["3", "1"]
        assert listed("n1", "2", "~") == ["3"]
        assert listed("s1", "0", "~") == []


def replaced(outcome: Outcome) -> Outcome:
    """The same picture, measured by a second attempt."""
    return outcome._replace(attempt=2, picture=SIZE, failure=None)


class TestResults:
    def test_the_first_of_an_attempt_stays(self, repository: Repository) -> None:
        first, _ = results(0)
        assert repository.add_result(first) == first
        assert repository.add_result(results()[0]) == first
        second = first.after(2, [replaced(first.outcomes[0])])
        assert repository.add_result(second) == second
        assert repository.add_result(first) == second
        assert repository.find_results(KEY, [0, 7]) == {0: second}

    def test_are_listed_by_number(self, repository: Repository) -> None:
        first, second = results()
        for result in (second, first):
            repository.add_result(result)
        assert list(repository.list_results(KEY, 0, 9)) == [first, second]
        assert list(repository.list_results(KEY, 0, 1)) == [first]
        assert list(repository.list_results(KEY, 1, 9)) == [second]

    def test_keep_each_stores_first_failure(self, repository: Repository) -> None:
        late, early, other = (
            StoreFailure("n1", 9, "late"),
            StoreFailure("n1", 2, "early"),
            StoreFailure("s1", 5, "gone"),
        )
        repository.note_failures(KEY, 1, [late, other])
        repository.note_failures(KEY, 1, [early])
        repository.note_failures(KEY, 1, [late])
        assert list(repository.list_failures(KEY, 1)) == [early, other]
        assert list(repository.list_failures(KEY, 2)) == []


class TestVisits:
    def test_appear_when_all_their_pictures_are_measured(self, repository: Repository) -> None:
        first, second = results(0)
        for result in (first, second, first):
            repository.add_to_visits(result)
        south = MeasuredVisit("s1", NOON + HOUR, SIZE.perimeter)
        assert list(repository.list_visits("shop", None, None, ALWAYS, 9)) == [south]
        repository.add_to_visits(first.after(2, [replaced(first.outcomes[0])]))
        north = MeasuredVisit("n1", NOON, SIZE.perimeter * (GROUP_IMAGES + 1))
        assert list(repository.list_visits("shop", None, None, ALWAYS, 9)) == [north, south]
        assert list(repository.list_visits("shop", None, None, ALWAYS, 1)) == [north]

    def test_are_found_by_store_area_and_time(self, repository: Repository) -> None:
        for result in results():
            repository.add_to_visits(result)

        def found(store_id: str | None, area: str | None, span: Span = ALWAYS) -> list[str]:
            return [visit.store_id for visit in repository.list_visits("shop", store_id, area, span, 9)]

        assert (found("n1", None), found(None, "south"), found(None, None)) == (["n1"], ["s1"], ["n1", "s1"])
        later, before = Span(NOON + HOUR, None), Span(None, NOON + HOUR)
        assert (found(None, None, later), found(None, None, before)) == (["s1"], ["n1"])
        assert (found("n1", None, later), found(None, "south", before)) == ([], [])
        assert repository.list_visits("other", None, None, ALWAYS, 9) == []


def test_pictures_are_known_for_a_day(repository: Repository) -> None:
    known = KnownPicture(ImageSize("jpeg", 3, 2, 6), '"etag"', None)
    repository.save_pictures("shop", {"https://a.example/1": known}, NOON)
    urls = ["https://a.example/1", "https://a.example/2"]
    assert repository.find_pictures("shop", urls, NOON + 23 * HOUR) == {urls[0]: known}
    assert repository.find_pictures("shop", urls, NOON + 24 * HOUR) == {}
    assert repository.find_pictures("other", urls, NOON) == {}
