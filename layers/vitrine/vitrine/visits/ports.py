"""What store visits need from a store, a queue and the web."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence
    from datetime import datetime

    from vitrine.visits.model import (
        Group,
        ImageSize,
        Job,
        JobKey,
        MeasuredVisit,
        MeasuringFailure,
        Outcome,
        Record,
        Store,
        StoreFailure,
        Visit,
    )

READ_LIMIT = 100


class KnownPicture(NamedTuple):
    """A picture as it was measured, and how its host tells that it is still that one."""

    picture: ImageSize
    etag: str | None
    last_modified: str | None


class Measurement(NamedTuple):
    """What came of looking at a URL. `known` is what is worth remembering of it."""

    picture: ImageSize | None
    failure: MeasuringFailure | None
    bytes_fetched: int
    known: KnownPicture | None


class Span(NamedTuple):
    """From a moment (inclusive) to another (exclusive); None leaves an end open."""

    start: datetime | None
    end: datetime | None


class Stores(Protocol):
    """The merchant's shops."""

    def put_stores(self, merchant_id: str, stores: Iterable[Store]) -> None:
        """Store or replace shops; no id may stand twice."""
        ...

    def find_stores(self, merchant_id: str, store_ids: Collection[str]) -> Mapping[str, Store]:
        """The shops there are of these."""
        ...

    def area_exists(self, merchant_id: str, area: str) -> bool:
        """Is there a shop in the area?"""
        ...


class KnownProducts(Protocol):
    """The merchant's products."""

    def existing(self, merchant_id: str, product_ids: Collection[str]) -> set[str]:
        """Those of the products that exist."""
        ...


class Jobs(Protocol):
    """Jobs and what came of their groups."""

    def add_job(self, job: Job) -> None:
        """Store a new job; nothing happens when it is there."""
        ...

    def find_job(self, key: JobKey) -> Job | None:
        """The job's totals, read consistently at one price whatever its size."""
        ...

    def begin_attempt(self, key: JobKey, attempt: int) -> None:
        """Open the failing groups again. Nothing happens unless the attempt before is over and left failures."""
        ...

    def find_records(self, key: JobKey, numbers: Collection[int]) -> Mapping[int, Record]:
        """What is recorded of these groups, read consistently."""
        ...

    def list_records(self, key: JobKey, start: int, limit: int) -> Sequence[Record]:
        """Up to `limit` records by group, from the group `start`."""
        ...

    def record(self, record: Record) -> Record:
        """Store what an attempt found out, once; answers what stands, which may be another worker's."""
        ...

    def note_failures(self, key: JobKey, attempt: int, failures: Iterable[StoreFailure]) -> None:
        """Keep each failed store's first reason, in whatever order they come."""
        ...

    def list_failures(self, key: JobKey, attempt: int) -> Sequence[StoreFailure]:
        """The failed stores by first reason's place."""
        ...

    def settle(self, record: Record) -> None:
        """Count a record in its job's totals. Nothing happens when its attempt counted it before."""
        ...

    def note_stores(self, key: JobKey, store_ids: Iterable[str]) -> None:
        """Remember that the job concerns these stores."""
        ...

    def list_jobs(self, merchant_id: str, store_id: str | None, first: str, last: str, limit: int) -> Sequence[Job]:
        """Up to `limit` jobs of ids from `first` to `last`, newest first; a store's if one is named."""
        ...


class Visits(Protocol):
    """What visits amount to."""

    def add_to_visits(self, record: Record) -> None:
        """Add the record's latest attempt to its visits, once."""
        ...

    def list_visits(
        self, merchant_id: str, store_id: str | None, area: str | None, span: Span, limit: int
    ) -> Sequence[MeasuredVisit]:
        """Up to `limit` wholly measured visits by time, of a store or else an area or else all."""
        ...


class KnownPictures(Protocol):
    """Pictures measured not long ago."""

    def find_pictures(self, merchant_id: str, urls: Collection[str], now: datetime) -> Mapping[str, KnownPicture]:
        """What is remembered of these URLs."""
        ...

    def keep_pictures(self, merchant_id: str, pictures: Mapping[str, KnownPicture], now: datetime) -> None:
        """Remember pictures for a day."""
        ...


class VisitRepository(Stores, Jobs, Visits, KnownPictures, Protocol):
    """All that is kept of store visits."""


class Submission(NamedTuple):
    """A job as it was submitted."""

    key: JobKey
    created_at: datetime
    visits: Sequence[Visit]


class Submissions(Protocol):
    """Jobs as they were submitted."""

    def keep(self, submission: Submission) -> None:
        """Store a submission."""
        ...

    def read(self, key: JobKey) -> Submission:
        """A stored submission."""
        ...


class Queue(Protocol):
    """Work for later."""

    def plan(self, key: JobKey, attempt: int) -> None:
        """Have an attempt at a job split into groups."""
        ...

    def send(self, groups: Iterable[Group]) -> None:
        """Have groups measured."""
        ...


class Measure(Protocol):
    """Looks at pictures on the web."""

    def __call__(self, pictures: Mapping[str, KnownPicture | None]) -> Mapping[str, Measurement]:
        """Measure the pictures at these URLs, of which some are known.

        Never raises for what a URL leads to; that is a failure of its measurement.
        """
        ...


class Publish(Protocol):
    """Shows measured pictures to shoppers."""

    def __call__(self, key: JobKey, outcomes: Sequence[Outcome]) -> None:
        """Make images of measured pictures whose visit asks for it. Harmless when repeated."""
        ...
