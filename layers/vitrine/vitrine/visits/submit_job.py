"""Accept a job, in constant time whatever its size."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vitrine.visits.model import new_job

if TYPE_CHECKING:
    from vitrine.visits.model import Job
    from vitrine.visits.ports import Jobs, Queue, Submission, Submissions


def submit_job(jobs: Jobs, submissions: Submissions, queue: Queue, submission: Submission) -> Job:
    """Store and queue a job; return it.

    It may stop anywhere: a submission that was not queued is never used, and the planner makes a job of one that was
    queued.
    """
    job = new_job(submission.key, submission.visits, submission.created_at)
    submissions.keep(submission)
    queue.plan(job.key, job.attempt)
    jobs.add_job(job)
    return job
