"""A job is submitted: kept, queued and answered, whatever its size."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vitrine.visits.model import new_job

if TYPE_CHECKING:
    from vitrine.visits.model import Job
    from vitrine.visits.ports import Jobs, Queue, Submission, Submissions


def submit_job(jobs: Jobs, submissions: Submissions, queue: Queue, submission: Submission) -> Job:
    """Keep and queue a job.

    The order leaves no half job behind wherever this is cut: a submission that is not queued is nobody's, and
    one that is queued becomes a job by itself (`plan_job`).
    """
    job = new_job(submission.key, submission.visits, submission.created_at)
    submissions.keep(submission)
    queue.plan(job.key, job.attempt)
    jobs.add_job(job)
    return job
