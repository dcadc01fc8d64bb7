"""Read jobs and the outcomes of their pictures."""

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
    """Which jobs to list. Ids begin with the time, so `first` and `last` bound the time too."""

    status: Status | None = None
    store_id: str | None = None
    first: str = "0"
    last: str = _LAST_JOB_ID


class JobPage(NamedTuple):
    """Jobs, and the id of the last one that was read if there may be more."""

    jobs: Sequence[Job]
    next: str | None


class OutcomePage(NamedTuple):
    """Outcomes, and the position of the next one if there may be more."""

    outcomes: Sequence[Outcome]
    next: int | None


def find_job(jobs: Jobs, key: JobKey) -> Job:
    """Return the job. Raises NotFound."""
    job = jobs.find_job(key)
    if job is None:
        raise NotFound(f"There is no job {key.job_id}.")
    return job


def list_jobs(jobs: Jobs, merchant_id: str, wanted: JobFilter, limit: int, before: str | None) -> JobPage:
    """Return up to `limit` jobs, newest first. With a rare status a page may have fewer jobs although more follow."""
    page: list[Job] = []
    read_limit = READ_LIMIT if wanted.status else limit + 1
    for _ in range(_MOST_READS):
        read = jobs.list_jobs(merchant_id, wanted.store_id, wanted.first, before or wanted.last, read_limit)
        unseen = [job for job in read if job.key.job_id != before]
        for job in unseen:
            if wanted.status in (None, job.status):
                page.append(job)
                if len(page) == limit:
                    return JobPage(page, job.key.job_id)
        if len(read) < read_limit or not unseen:
            return JobPage(page, None)
        before = unseen[-1].key.job_id
    return JobPage(page, before)


def list_outcomes(jobs: Jobs, key: JobKey, *, failed: bool | None, limit: int, start: int) -> OutcomePage:
    """Return up to `limit` outcomes by position in the job, from `start`; all, only failed or only measured ones.

    Pictures that are not processed yet are left out. Raises NotFound.
    """
    job = find_job(jobs, key)
    page: list[Outcome] = []
    group = start // GROUP_IMAGES
    while group * GROUP_IMAGES < job.images:
        results = jobs.list_results(key, group, 1 + limit // GROUP_IMAGES)
        if not results:
            break
        for result in results:
            for outcome in result.outcomes:
                if outcome.task.at < start or failed not in (None, outcome.failure is not None):
                    continue
                if len(page) == limit:
                    return OutcomePage(page, outcome.task.at)
                page.append(outcome)
        group = results[-1].number + 1
    return OutcomePage(page, None)
