"""Stores, jobs, visits and recently measured pictures in memory, with the queue and the submissions."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import TYPE_CHECKING

from vitrine.visits.model import JobKey, MeasuredVisit, visit_gains

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence
    from datetime import datetime

    from vitrine.visits.model import Group, GroupResult, Job, Store, StoreFailure, Task
    from vitrine.visits.ports import KnownPicture, Span, Submission

_KNOWN_FOR = timedelta(days=1)


@dataclass
class _Sum:
    task: Task
    area: str | None
    measured: int = 0
    perimeter: int = 0
    summed: set[tuple[int, int]] = field(default_factory=set)


class VisitsInMemory:
    """VisitRepository."""

    def __init__(self) -> None:
        self._stores: defaultdict[str, dict[str, Store]] = defaultdict(dict)
        self._jobs: dict[JobKey, Job] = {}
        self._results: defaultdict[JobKey, dict[int, GroupResult]] = defaultdict(dict)
        self._failures: defaultdict[tuple[JobKey, int], dict[str, StoreFailure]] = defaultdict(dict)
        self._store_jobs: defaultdict[tuple[str, str], set[str]] = defaultdict(set)
        self._visits: dict[tuple[JobKey, int], _Sum] = {}
        self._pictures: dict[tuple[str, str], tuple[KnownPicture, datetime]] = {}

    def put_stores(self, merchant_id: str, stores: Iterable[Store]) -> None:
        self._stores[merchant_id].update({store.store_id: store for store in stores})

    def find_stores(self, merchant_id: str, store_ids: Collection[str]) -> Mapping[str, Store]:
        stored = self._stores[merchant_id]
        return {store_id: stored[store_id] for store_id in store_ids if store_id in stored}

    def area_exists(self, merchant_id: str, area: str) -> bool:
        return any(store.area == area for store in self._stores[merchant_id].values())

    def add_job(self, job: Job) -> None:
        self._jobs.setdefault(job.key, job)

    def find_job(self, key: JobKey) -> Job | None:
        return self._jobs.get(key)

    def begin_attempt(self, key: JobKey, attempt: int) -> None:
        job = self._jobs.get(key)
        if job and job.failing and not job.open and job.attempt == attempt - 1:
            self._jobs[key] = replace(job, open=job.failing, failing=frozenset(), failed=0, attempt=attempt)

    def find_results(self, key: JobKey, numbers: Collection[int]) -> Mapping[int, GroupResult]:
        stored = self._results[key]
        return {number: stored[number] for number in numbers if number in stored}

    def list_results(self, key: JobKey, start: int, limit: int) -> Sequence[GroupResult]:
        stored = self._results[key]
        return [stored[number] for number in sorted(stored) if number >= start][:limit]

    def add_result(self, result: GroupResult) -> GroupResult:
        stored = self._results[result.job].get(result.number)
        if stored is None or stored.attempt < result.attempt:
            self._results[result.job][result.number] = result
        return self._results[result.job][result.number]

    def note_failures(self, key: JobKey, attempt: int, failures: Iterable[StoreFailure]) -> None:
        noted = self._failures[key, attempt]
        for failure in failures:
            if failure.store_id not in noted or failure.at < noted[failure.store_id].at:
                noted[failure.store_id] = failure

    def list_failures(self, key: JobKey, attempt: int) -> Sequence[StoreFailure]:
        return sorted(self._failures[key, attempt].values(), key=lambda failure: failure.at)

    def settle(self, result: GroupResult) -> None:
        job = self._jobs.get(result.job)
        if job is None or job.attempt != result.attempt or result.number not in job.open:
            return
        number = frozenset([result.number])
        self._jobs[result.job] = replace(
            job,
            open=job.open - number,
            failing=job.failing | number if result.failed else job.failing,
            done=job.done + result.measured,
            failed=job.failed + result.failed,
        )

    def note_stores(self, key: JobKey, store_ids: Iterable[str]) -> None:
        for store_id in store_ids:
            self._store_jobs[key.merchant_id, store_id].add(key.job_id)

    def list_jobs(self, merchant_id: str, store_id: str | None, first: str, last: str, limit: int) -> Sequence[Job]:
        names = {key.job_id for key in self._jobs if key.merchant_id == merchant_id}
        if store_id is not None:
            names &= self._store_jobs[merchant_id, store_id]
        newest = sorted((name for name in names if first <= name <= last), reverse=True)[:limit]
        return [self._jobs[JobKey(merchant_id, name)] for name in newest]

    def add_to_visits(self, result: GroupResult) -> None:
        for gain in visit_gains(result):
            visit = self._visits.setdefault((result.job, gain.task.visit), _Sum(gain.task, gain.area))
            if (result.number, result.attempt) not in visit.summed:
                visit.summed.add((result.number, result.attempt))
                visit.measured += gain.measured
                visit.perimeter += gain.perimeter

    def list_visits(
        self, merchant_id: str, store_id: str | None, area: str | None, span: Span, limit: int
    ) -> Sequence[MeasuredVisit]:
        found = [
            (
                visit.task.visited_at,
                key,
                number,
                MeasuredVisit(visit.task.store_id, visit.task.visited_at, visit.perimeter),
            )
            for (key, number), visit in self._visits.items()
            if key.merchant_id == merchant_id
            and visit.measured == visit.task.visit_images
            and (visit.task.store_id == store_id if store_id is not None else area in (None, visit.area))
            and (span.start is None or visit.task.visited_at >= span.start)
            and (span.end is None or visit.task.visited_at < span.end)
        ]
        return [visit for *_, visit in sorted(found, key=lambda each: each[:3])][:limit]

    def find_pictures(self, merchant_id: str, urls: Collection[str], now: datetime) -> Mapping[str, KnownPicture]:
        stored = {url: self._pictures[merchant_id, url] for url in urls if (merchant_id, url) in self._pictures}
        return {url: known for url, (known, until) in stored.items() if until > now}

    def save_pictures(self, merchant_id: str, pictures: Mapping[str, KnownPicture], now: datetime) -> None:
        for url, known in pictures.items():
            self._pictures[merchant_id, url] = known, now + _KNOWN_FOR


class SubmissionsInMemory:
    """Submissions."""

    def __init__(self) -> None:
        self._kept: dict[JobKey, Submission] = {}

    def keep(self, submission: Submission) -> None:
        self._kept[submission.key] = submission

    def read(self, key: JobKey) -> Submission:
        return self._kept[key]


class VisitQueueInMemory:
    """Queue, whose messages are lists."""

    def __init__(self) -> None:
        self.planned: list[tuple[JobKey, int]] = []
        self.groups: list[Group] = []

    def plan(self, key: JobKey, attempt: int) -> None:
        self.planned.append((key, attempt))

    def send(self, groups: Iterable[Group]) -> None:
        self.groups += groups
