"""Split an attempt at a job into groups of pictures, and queue them for workers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vitrine.visits.model import Group, groups_of, new_job
from vitrine.visits.ports import READ_LIMIT

if TYPE_CHECKING:
    from collections.abc import Iterator

    from vitrine.visits.model import Job, JobKey
    from vitrine.visits.ports import Jobs, Queue, Submissions


def plan_job(jobs: Jobs, submissions: Submissions, queue: Queue, key: JobKey, attempt: int) -> None:
    """Queue the groups that the attempt has not settled. Repeating it queues groups again, which is harmless."""
    if attempt > 1:
        jobs.begin_attempt(key, attempt)
        job = jobs.find_job(key)
        if job and job.attempt == attempt:
            queue.send(_failed_groups(jobs, job))
        return
    submission = submissions.read(key)
    jobs.add_job(new_job(key, submission.visits, submission.created_at))
    job = jobs.find_job(key)
    if job and job.attempt == attempt:
        queue.send(group for group in groups_of(key, submission.visits) if group.number in job.open)


def _failed_groups(jobs: Jobs, job: Job) -> Iterator[Group]:
    """Iterate over the open groups, each with its failed tasks.

    A group with a result of this attempt is included: the worker may have stopped before it counted the result.
    """
    numbers = sorted(job.open)
    for start in range(0, len(numbers), READ_LIMIT):
        for result in jobs.find_results(job.key, numbers[start : start + READ_LIMIT]).values():
            yield Group(job.key, job.attempt, result.number, result.failed_tasks())
