"""Jobs, their failed stores and their pictures are read."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from vitrine.platform.problems import NotFound
from vitrine.visits.model import GROUP_IMAGES
from vitrine.visits.ports import READ_LIMIT

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vitrine.visits.model import Job, JobKey, Outcome, Status
    from vitrine.visits.ports import Jobs

_LAST_JOB_ID = "~"
_MOST_READS = 20


class JobFilter(NamedTuple):
    """Which jobs are asked for; ids begin with the time, so times are bounds of ids."""

    status: Status | None = None
    store_id: str | None = None
    first: str = "0"
    last: str = _LAST_JOB_ID


class JobPage(NamedTuple):
    """Jobs, and the id of the last one looked at when there may be more."""

    jobs: Sequence[Job]
    next: str | None


class OutcomePage(NamedTuple):
    """Pictures, and the place of the next one when there may be more."""

    outcomes: Sequence[Outcome]
    next: int | None


def find_job(jobs: Jobs, key: JobKey) -> Job:
    """The job. Raises NotFound."""
    job = jobs.find_job(key)
    if job is None:
        raise NotFound(f"There is no job {key.job_id}.")
    return job


def list_jobs(jobs: Jobs, merchant_id: str, wanted: JobFilter, limit: int, before: str | None) -> JobPage:
    """Up to `limit` jobs, newest first. A rare status can end a page early, with more to come."""
    found: list[Job] = []
    read_limit = READ_LIMIT if wanted.status else limit + 1
    for _ in range(_MOST_READS):
        read = jobs.list_jobs(merchant_id, wanted.store_id, wanted.first, before or wanted.last, read_limit)
        fresh = [job for job in read if job.key.job_id != before]
        for job in fresh:
            if wanted.status in (None, job.status):
                found.append(job)
                if len(found) == limit:
                    return JobPage(found, job.key.job_id)
        if len(read) < read_limit or not fresh:
            return JobPage(found, None)
        before = fresh[-1].key.job_id
    return JobPage(found, before)


def list_outcomes(jobs: Jobs, key: JobKey, *, failed: bool | None, limit: int, start: int) -> OutcomePage:
    """Up to `limit` pictures by place in the job, from `start`; all, only failed or only measured ones.

    Pictures that no worker has come to are not among them. Raises NotFound.
    """
    job = find_job(jobs, key)
    found: list[Outcome] = []
    group = start // GROUP_IMAGES
    while group * GROUP_IMAGES < job.images:
        records = jobs.list_records(key, group, 1 + limit // GROUP_IMAGES)
        if not records:
            break
        for record in records:
            for outcome in record.outcomes:
                if outcome.task.at < start or failed not in (None, outcome.failure is not None):
                    continue
                if len(found) == limit:
                    return OutcomePage(found, outcome.task.at)
                found.append(outcome)
        group = records[-1].number + 1
    return OutcomePage(found, None)
