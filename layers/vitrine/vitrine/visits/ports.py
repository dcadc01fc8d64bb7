"""What the use cases of store visits need from outside."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence
    from datetime import datetime

    from vitrine.visits.model import (
        Group,
        GroupResult,
        ImageSize,
        Job,
        JobKey,
        MeasuredVisit,
        MeasuringFailure,
        Outcome,
        Store,
        StoreFailure,
        Visit,
    )

READ_LIMIT = 100


class KnownPicture(NamedTuple):
    """A measured picture, with the validators of its HTTP response."""

    picture: ImageSize
    etag: str | None
    last_modified: str | None


class Measurement(NamedTuple):
    """The result of measuring the picture at a URL. `known` is what to store for the next time; None for nothing."""

    picture: ImageSize | None
    failure: MeasuringFailure | None
    bytes_fetched: int
    known: KnownPicture | None


class Span(NamedTuple):
    """A time span from `start` (included) to `end` (excluded); None leaves an end open."""

    start: datetime | None
    end: datetime | None


class Stores(Protocol):
    """Keeps the merchant's stores."""

    def put_stores(self, merchant_id: str, stores: Iterable[Store]) -> None:
        """Create or replace stores; their ids must differ."""

    def find_stores(self, merchant_id: str, store_ids: Collection[str]) -> Mapping[str, Store]:
        """Return those of the stores that exist, by id."""

    def area_exists(self, merchant_id: str, area: str) -> bool:
        """Return whether the area has a store."""


class KnownProducts(Protocol):
    """Tells which products exist."""

    def existing(self, merchant_id: str, product_ids: Collection[str]) -> set[str]:
        """Return those of the products that exist."""


class Jobs(Protocol):
    """Keeps jobs and their group results."""

    def add_job(self, job: Job) -> None:
        """Store a new job; do nothing if it exists."""

    def find_job(self, key: JobKey) -> Job | None:
        """Return the job's totals (a consistent read of one item, whatever the job's size), or None."""

    def begin_attempt(self, key: JobKey, attempt: int) -> None:
        """Open the failing groups again; do nothing unless the previous attempt has ended with failures."""

    def find_results(self, key: JobKey, numbers: Collection[int]) -> Mapping[int, GroupResult]:
        """Return those of the group results that exist, by number (a consistent read)."""

    def list_results(self, key: JobKey, start: int, limit: int) -> Sequence[GroupResult]:
        """Return up to `limit` group results in order, from the group `start`."""

    def add_result(self, result: GroupResult) -> GroupResult:
        """Store the result of an attempt, unless one is stored; return the stored one, maybe another worker's."""

    def note_failures(self, key: JobKey, attempt: int, failures: Iterable[StoreFailure]) -> None:
        """Store each failed store's first reason; calls may come in any order."""

    def list_failures(self, key: JobKey, attempt: int) -> Sequence[StoreFailure]:
        """Return the failed stores in the order of their first failed pictures."""

    def settle(self, result: GroupResult) -> None:
        """Add a result to its job's totals; do nothing if that was done before."""

    def note_stores(self, key: JobKey, store_ids: Iterable[str]) -> None:
        """Store that the job has visits of these stores."""

    def list_jobs(self, merchant_id: str, store_id: str | None, first: str, last: str, limit: int) -> Sequence[Job]:
        """Return up to `limit` jobs, newest first, with ids from `first` to `last`; only those of a store if given."""


class VisitRepository(Stores, Jobs, Protocol):
    """Keeps stores, jobs, the sums of visits, and recently measured pictures."""

    def add_to_visits(self, result: GroupResult) -> None:
        """Add the result's latest attempt to its visits; do nothing if that was done before."""

    def list_visits(
        self, merchant_id: str, store_id: str | None, area: str | None, span: Span, limit: int
    ) -> Sequence[MeasuredVisit]:
        """Return up to `limit` completely measured visits by time: of a store, else of an area, else of all."""

    def find_pictures(self, merchant_id: str, urls: Collection[str], now: datetime) -> Mapping[str, KnownPicture]:
        """Return those of the pictures that are stored, by URL."""

    def save_pictures(self, merchant_id: str, pictures: Mapping[str, KnownPicture], now: datetime) -> None:
        """Store pictures for a day."""


class Submission(NamedTuple):
    """A job as the client submitted it."""

    key: JobKey
    created_at: datetime
    visits: Sequence[Visit]


class Submissions(Protocol):
    """Keeps submissions."""

    def keep(self, submission: Submission) -> None:
        """Store a submission."""

    def read(self, key: JobKey) -> Submission:
        """Return a stored submission."""


class Queue(Protocol):
    """Queues work."""

    def plan(self, key: JobKey, attempt: int) -> None:
        """Queue an attempt at a job, to be split into groups."""

    def send(self, groups: Iterable[Group]) -> None:
        """Queue groups, to be measured."""


class Measure(Protocol):
    """Measures pictures on the web."""

    def __call__(self, pictures: Mapping[str, KnownPicture | None]) -> Mapping[str, Measurement]:
        """Measure the pictures at these URLs; None for those that are not known yet.

        Never raises because of a URL or its picture; its measurement has the failure.
        """


class Publish(Protocol):
    """Publishes measured pictures."""

    def __call__(self, key: JobKey, outcomes: Sequence[Outcome]) -> None:
        """Publish the measured pictures or send them to review, as their visits say. Safe to repeat."""
