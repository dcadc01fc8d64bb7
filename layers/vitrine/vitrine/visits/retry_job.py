"""Retry the failed pictures of a job."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vitrine.platform.problems import Conflict
from vitrine.visits.read_jobs import find_job

if TYPE_CHECKING:
    from vitrine.visits.model import Job, JobKey
    from vitrine.visits.ports import Jobs, Queue


def retry_job(jobs: Jobs, queue: Queue, key: JobKey) -> Job:
    """Begin another attempt. Raises NotFound, and Conflict if the job is running or nothing failed.

    The message is sent first: if this stops after it, the planner begins the attempt.
    """
    job = find_job(jobs, key)
    if job.status == "ongoing":
        raise Conflict("The job is still running. Retry it when its status is failed.")
    if job.status == "completed":
        raise Conflict("Nothing of this job failed.")
    queue.plan(key, job.attempt + 1)
    jobs.begin_attempt(key, job.attempt + 1)
    return find_job(jobs, key)
