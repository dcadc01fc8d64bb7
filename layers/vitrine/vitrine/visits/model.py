"""Stores, the jobs that measure pictures taken there, and the outcome for each picture. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
    from datetime import datetime

Status = Literal["ongoing", "completed", "failed"]

GROUP_IMAGES = 25
MOST_IMAGES = 10_000
UNKNOWN_STORE_CODE = "store_unknown"
UNKNOWN_STORE = "Store ID does not exist"
UNKNOWN_PRODUCT_CODE = "product_unknown"
UNKNOWN_PRODUCT = "Product ID does not exist"
_SIDEWAYS = frozenset({5, 6, 7, 8})


class UnmeasurableError(Exception):
    """No size can be read from the file: `code` is for programs, `detail` for people."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail


class JobKey(NamedTuple):
    """A job of a merchant."""

    merchant_id: str
    job_id: str


@dataclass(frozen=True)
class Store:
    """A shop that is visited."""

    store_id: str
    name: str
    area: str


@dataclass(frozen=True)
class ImageSize:
    """A picture's size in pixels as stored. `orientation` is EXIF's, where the file states one."""

    format: str
    width: int
    height: int
    orientation: int | None = None

    @property
    def perimeter(self) -> int:
        """Return 2·(height + width), as the assignment defines it."""
        return 2 * (self.height + self.width)

    @property
    def display_width(self) -> int:
        """Return the width after the orientation is applied."""
        return self.height if self.orientation in _SIDEWAYS else self.width

    @property
    def display_height(self) -> int:
        """Return the height after the orientation is applied."""
        return self.width if self.orientation in _SIDEWAYS else self.height


@dataclass(frozen=True)
class Visit:
    """A submitted visit.

    Its pictures appear in the gallery `gallery_id`, with `review` after a reviewer approved them; `product_id` names
    the product that they show.
    """

    store_id: str
    visited_at: datetime
    urls: tuple[str, ...]
    gallery_id: str | None = None
    review: bool = False
    product_id: str | None = None


class Task(NamedTuple):
    """One picture to measure.

    `at` is its 0-based position in the job, `visit` that of its visit, and `visit_images` how many images the visit
    has.
    """

    at: int
    url: str
    visit: int
    visit_images: int
    store_id: str
    visited_at: datetime
    gallery_id: str | None
    review: bool
    product_id: str | None = None

    @property
    def published(self) -> bool:
        """Return whether the picture is to be published or reviewed."""
        return self.review or self.gallery_id is not None


class MeasuringFailure(NamedTuple):
    """Why a picture was not measured: `code` is for programs, `detail` for people."""

    code: str
    detail: str


class Outcome(NamedTuple):
    """What came of a task: a picture or a failure. `area` is its store's at that time; None if there is no store."""

    task: Task
    attempt: int
    area: str | None
    picture: ImageSize | None
    failure: MeasuringFailure | None
    bytes_fetched: int


@dataclass(frozen=True)
class Group:
    """The tasks of one message."""

    job: JobKey
    attempt: int
    number: int
    tasks: tuple[Task, ...]


@dataclass(frozen=True)
class GroupResult:
    """The outcomes of a group after `attempt`. Written once for each attempt; all totals follow from it."""

    job: JobKey
    number: int
    attempt: int
    outcomes: tuple[Outcome, ...]

    @property
    def latest(self) -> list[Outcome]:
        """Return the outcomes of this attempt."""
        return [outcome for outcome in self.outcomes if outcome.attempt == self.attempt]

    @property
    def measured(self) -> int:
        """Return how many pictures this attempt measured."""
        return sum(outcome.picture is not None for outcome in self.latest)

    @property
    def failed(self) -> int:
        """Return how many pictures are still not measured."""
        return sum(outcome.failure is not None for outcome in self.outcomes)

    def failed_tasks(self) -> tuple[Task, ...]:
        """Return the tasks of the next attempt."""
        return tuple(outcome.task for outcome in self.outcomes if outcome.failure)

    def after(self, attempt: int, outcomes: Iterable[Outcome]) -> GroupResult:
        """Return the result after another attempt, whose outcomes replace those of the same tasks."""
        new = {outcome.task.at: outcome for outcome in outcomes}
        return GroupResult(
            self.job, self.number, attempt, tuple(new.get(outcome.task.at, outcome) for outcome in self.outcomes)
        )


@dataclass(frozen=True)
class Job:
    """A job's totals.

    `open` has the groups that the current attempt has not settled, `failing` those of them that left failures.
    """

    key: JobKey
    created_at: datetime
    visits: int
    images: int
    open: frozenset[int]
    done: int = 0
    failed: int = 0
    attempt: int = 1
    failing: frozenset[int] = frozenset()

    @property
    def status(self) -> Status:
        """Return the status that the assignment defines."""
        if self.open:
            return "ongoing"
        return "failed" if self.failed else "completed"

    @property
    def left(self) -> int:
        """Return how many pictures the current attempt has not processed yet."""
        return self.images - self.done - self.failed


class StoreFailure(NamedTuple):
    """Why a store's pictures were not measured: the reason of its first failed picture, at the position `at`."""

    store_id: str
    at: int
    reason: str


class VisitGain(NamedTuple):
    """What one attempt at a group adds to a visit."""

    task: Task
    area: str | None
    measured: int
    perimeter: int


@dataclass(frozen=True)
class MeasuredVisit:
    """A visit whose pictures are all measured; `perimeter` is their sum."""

    store_id: str
    visited_at: datetime
    perimeter: int


def tasks_of(visits: Sequence[Visit]) -> Iterator[Task]:
    """Iterate over a job's tasks in order."""
    at = 0
    for number, visit in enumerate(visits):
        for url in visit.urls:
            yield Task(
                at,
                url,
                number,
                len(visit.urls),
                visit.store_id,
                visit.visited_at,
                visit.gallery_id,
                visit.review,
                visit.product_id,
            )
            at += 1


def groups_of(job: JobKey, visits: Sequence[Visit]) -> Iterator[Group]:
    """Iterate over a job's tasks in groups of `GROUP_IMAGES`."""
    tasks = tuple(tasks_of(visits))
    for number, start in enumerate(range(0, len(tasks), GROUP_IMAGES)):
        yield Group(job, 1, number, tasks[start : start + GROUP_IMAGES])


def new_job(key: JobKey, visits: Sequence[Visit], now: datetime) -> Job:
    """Return a job of which nothing is done."""
    images = sum(len(visit.urls) for visit in visits)
    groups = -(-images // GROUP_IMAGES)
    return Job(key, now, len(visits), images, frozenset(range(groups)))


def store_failures(result: GroupResult) -> list[StoreFailure]:
    """Return each failed store of a result once, with its first reason."""
    first: dict[str, StoreFailure] = {}
    for outcome in sorted(result.outcomes, key=lambda outcome: outcome.task.at):
        if outcome.failure:
            task = outcome.task
            first.setdefault(task.store_id, StoreFailure(task.store_id, task.at, outcome.failure.detail))
    return list(first.values())


def visit_gains(result: GroupResult) -> list[VisitGain]:
    """Return what the result's latest attempt adds to each visit."""
    gains: dict[int, VisitGain] = {}
    for outcome in result.latest:
        if outcome.picture:
            before = gains.get(outcome.task.visit, VisitGain(outcome.task, outcome.area, 0, 0))
            gains[outcome.task.visit] = before._replace(
                measured=before.measured + 1, perimeter=before.perimeter + outcome.picture.perimeter
            )
    return list(gains.values())


def products_to_review(tasks: Iterable[Task]) -> set[str]:
    """Return the products whose pictures go to review. They must exist."""
    return {task.product_id for task in tasks if task.review and task.product_id}


def refusal_of(task: Task, stores: Mapping[str, Store], unknown_products: Collection[str]) -> MeasuringFailure | None:
    """Return why a picture fails before it is fetched: its store, or its product to review, does not exist."""
    if task.store_id not in stores:
        return MeasuringFailure(UNKNOWN_STORE_CODE, UNKNOWN_STORE)
    if task.review and task.product_id in unknown_products:
        return MeasuringFailure(UNKNOWN_PRODUCT_CODE, UNKNOWN_PRODUCT)
    return None
