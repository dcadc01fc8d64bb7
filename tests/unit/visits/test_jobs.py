"""A job from its submission to its end, repeated and stopped anywhere."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from tests.memory.visits import SubmissionsInMemory, VisitQueueInMemory, VisitsInMemory
from vitrine.platform.problems import Conflict, MalformedRequest, NotFound
from vitrine.visits.measure_group import give_up_group, measure_group
from vitrine.visits.model import GROUP_IMAGES, ImageSize, Job, JobKey, MeasuringFailure, Store, Visit
from vitrine.visits.plan_job import plan_job
from vitrine.visits.ports import KnownPicture, Measurement, Span, Submission
from vitrine.visits.read_jobs import JobFilter, find_job, list_jobs, list_outcomes
from vitrine.visits.read_visits import read_visits
from vitrine.visits.retry_job import retry_job
from vitrine.visits.submit_job import submit_job

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from vitrine.visits.model import Group, Outcome

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
SIZE = ImageSize("png", 3, 2)
GONE = MeasuringFailure("gone", "It is gone")
URLS = tuple(f"https://a.example/{at}" for at in range(GROUP_IMAGES + 1))
KEY = JobKey("shop", "1")


class House:
    """A merchant with one store, whose pictures are all there but those in `gone`."""

    def __init__(self) -> None:
        self.repository, self.submissions, self.queue = VisitsInMemory(), SubmissionsInMemory(), VisitQueueInMemory()
        self.repository.put_stores("shop", [Store("n1", "North", "north")])
        self.gone: set[str] = set()
        self.asked: list[str] = []
        self.published: list[int] = []

    def submit(self, *visits: Visit, key: JobKey = KEY) -> Job:
        return submit_job(self.repository, self.submissions, self.queue, Submission(key, NOON, visits))

    def plan(self) -> list[Group]:
        key, attempt = self.queue.planned[-1]
        self.queue.groups.clear()
        plan_job(self.repository, self.submissions, self.queue, key, attempt)
        return list(self.queue.groups)

    def measure(self, groups: Sequence[Group]) -> None:
        for group in groups:
            measure_group(self.repository, self._measure, self._publish, group, products=self, clock=lambda: NOON)

    def run(self, *visits: Visit) -> Job:
        self.submit(*visits)
        self.measure(self.plan())
        return find_job(self.repository, KEY)

    def existing(self, merchant_id: str, product_ids: Collection[str]) -> set[str]:
        return {"hat"} & set(product_ids)

    def _measure(self, pictures: Mapping[str, KnownPicture | None]) -> dict[str, Measurement]:
        self.asked += pictures
        known = KnownPicture(SIZE, None, None)
        return {
            url: Measurement(None, GONE, 5, None) if url in self.gone else Measurement(SIZE, None, 10, known)
            for url in pictures
        }

    def _publish(self, key: JobKey, outcomes: Sequence[Outcome]) -> None:
        self.published += [outcome.task.at for outcome in outcomes]

    def failures(self) -> list[str]:
        page = list_outcomes(self.repository, KEY, failed=True, limit=100, start=0)
        return [outcome.failure.code for outcome in page.outcomes if outcome.failure]


def test_a_job_ends_when_all_its_groups_are_measured() -> None:
    house = House()
    assert house.submit(Visit("n1", NOON, URLS)).status == "ongoing"
    first, second = house.plan()
    house.measure([first])
    job = find_job(house.repository, KEY)
    assert (job.status, job.done, job.left) == ("ongoing", GROUP_IMAGES, 1)
    house.measure([second])
    assert find_job(house.repository, KEY).status == "completed"
    [visited] = read_visits(house.repository, "shop", area="north", store_id="n1", span=Span(None, None))
    assert visited.visits[0].perimeter == SIZE.perimeter * len(URLS)


def test_every_message_may_come_again() -> None:
    house = House()
    house.gone = {URLS[0]}
    house.run(Visit("n1", NOON, URLS, gallery_id="summer"))
    before, asked = find_job(house.repository, KEY), list(house.asked)
    house.measure(house.queue.groups)
    assert house.plan() == []
    assert (find_job(house.repository, KEY), house.asked) == (before, asked)
    assert sorted(set(house.published)) == list(range(1, len(URLS)))


def test_a_submission_whose_job_was_not_stored_becomes_one() -> None:
    house = House()
    submission = Submission(KEY, NOON, [Visit("n1", NOON, URLS)])
    house.submissions.keep(submission)
    house.queue.plan(KEY, 1)
    assert len(house.plan()) == 2
    assert find_job(house.repository, KEY).images == len(URLS)


def test_only_what_failed_is_tried_again() -> None:
    house = House()
    house.gone = {URLS[0], URLS[-1]}
    assert house.run(Visit("n1", NOON, URLS)).status == "failed"
    house.gone, house.asked = {URLS[-1]}, []
    assert retry_job(house.repository, house.queue, KEY).status == "ongoing"
    with pytest.raises(Conflict, match="still running"):
        retry_job(house.repository, house.queue, KEY)
    house.measure(house.plan())
    assert sorted(house.asked) == sorted([URLS[0], URLS[-1]])
    assert (find_job(house.repository, KEY).failed, house.failures()) == (1, ["gone"])
    house.gone = set()
    retry_job(house.repository, house.queue, KEY)
    house.measure(house.plan())
    assert find_job(house.repository, KEY).status == "completed"
    with pytest.raises(Conflict, match="Nothing of this job failed"):
        retry_job(house.repository, house.queue, KEY)


def test_a_retry_that_was_only_queued_begins_when_it_is_planned() -> None:
    house = House()
    house.gone = {URLS[0]}
    house.run(Visit("n1", NOON, URLS))
    house.queue.plan(KEY, 2)
    [group] = house.plan()
    assert [task.url for task in group.tasks] == [URLS[0]]
    assert find_job(house.repository, KEY).attempt == 2


def test_a_group_that_nobody_can_finish_ends_its_job() -> None:
    house = House()
    house.submit(Visit("n1", NOON, URLS[:2]))
    for group in house.plan():
        give_up_group(house.repository, house._publish, group)
    assert (find_job(house.repository, KEY).status, house.failures()) == ("failed", ["not_processed"] * 2)


def test_pictures_of_unknown_stores_and_products_fail_alone() -> None:
    house = House()
    job = house.run(
        Visit("none", NOON, URLS[:1]),
        Visit("n1", NOON, URLS[1:2], review=True, product_id="shoe"),
        Visit("n1", NOON, URLS[2:3], review=True, product_id="hat"),
    )
    assert (job.done, job.failed, house.failures()) == (1, 2, ["store_unknown", "product_unknown"])
    assert (house.asked, house.published) == ([URLS[2]], [2])


def test_a_known_picture_is_asked_for_with_what_is_known() -> None:
    house = House()
    house.run(Visit("n1", NOON, URLS[:1]))
    assert house.repository.find_pictures("shop", URLS, NOON) == {URLS[0]: KnownPicture(SIZE, None, None)}


def test_outcomes_are_read_page_by_page() -> None:
    house = House()
    house.run(Visit("n1", NOON, URLS))
    positions: list[int] = []
    start: int | None = 0
    while start is not None:
        page = list_outcomes(house.repository, KEY, failed=None, limit=10, start=start)
        positions += [outcome.task.at for outcome in page.outcomes]
        start = page.next
    assert positions == list(range(len(URLS)))


def test_jobs_of_a_status_are_found_behind_others() -> None:
    house = House()
    house.run(Visit("n1", NOON, URLS[:1]))
    for name in range(2, 260):
        house.submit(Visit("n1", NOON, URLS[:1]), key=JobKey("shop", f"{name:03}"))
    wanted = JobFilter("completed")
    assert [job.key for job in list_jobs(house.repository, "shop", wanted, 5, None).jobs] == [KEY]
    page = list_jobs(house.repository, "shop", JobFilter(), 200, None)
    rest = list_jobs(house.repository, "shop", JobFilter(), 200, page.next)
    assert (len(page.jobs), len(rest.jobs), rest.next) == (200, 59, None)


@pytest.mark.parametrize(("area", "store_id"), [("south", None), (None, "s1"), ("south", "n1")])
def test_unknown_stores_and_areas_are_refused(area: str | None, store_id: str | None) -> None:
    with pytest.raises(MalformedRequest):
        read_visits(House().repository, "shop", area=area, store_id=store_id, span=Span(None, None))


def test_an_unknown_job_is_not_found() -> None:
    with pytest.raises(NotFound):
        find_job(House().repository, KEY)
