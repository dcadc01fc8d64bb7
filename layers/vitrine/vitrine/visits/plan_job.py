"""An attempt at a job becomes groups of pictures, each a message for whichever worker is free."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vitrine.visits.model import Group, groups_of, new_job
from vitrine.visits.ports import READ_LIMIT

if TYPE_CHECKING:
    from collections.abc import Iterator

    from vitrine.visits.model import Job, JobKey
    from vitrine.visits.ports import Jobs, Queue, Submissions


def plan_job(jobs: Jobs, submissions: Submissions, queue: Queue, key: JobKey, attempt: int) -> None:
    """Send out the groups that the attempt has not settled. Repeating it repeats messages, which is harmless."""
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
    """The failures of open groups. A record of this attempt is sent too: counting it may have been cut off."""
    numbers = sorted(job.open)
    for start in range(0, len(numbers), READ_LIMIT):
        for record in jobs.find_records(job.key, numbers[start : start + READ_LIMIT]).values():
            yield Group(job.key, job.attempt, record.number, record.failed_tasks())
