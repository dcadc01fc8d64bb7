"""Jobs become messages for workers."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from functions.visit_plans.handler import lambda_handler
from tests.aws import Context
from tests.visits import take
from vitrine.visits.model import JobKey, Visit
from vitrine.visits.ports import Submission
from vitrine.visits.sqs import read_group
from vitrine.visits.wiring import submissions, visit_store

pytestmark = pytest.mark.usefixtures("cloud")

EVENT = json.loads(Path("events/visit_plans/first_attempt.json").read_text())
KEY = JobKey("shop", "1678385421234")
NOW = datetime(2023, 3, 9, 12, tzinfo=UTC)


def test_a_submission_that_never_became_a_job_becomes_one_and_is_split() -> None:
    urls = tuple(f"https://shop.example/{'x' * 1900}/{at}.jpg" for at in range(260))
    submissions().keep(Submission(KEY, NOW, [Visit("S1", NOW, urls, "shelf")]))
    assert lambda_handler(EVENT, Context()) == {"batchItemFailures": []}
    job = visit_store().find_job(KEY)
    assert job
    assert (job.images, job.left, job.created_at) == (260, 260, NOW)
    groups = []
    while requests := take("VisitGroupsQueue"):
        groups += [read_group(body) for body in requests]
    groups.sort(key=lambda group: group.number)
    assert [len(group.tasks) for group in groups] == [25] * 10 + [10]
    assert [task.url for group in groups for task in group.tasks] == list(urls)
    assert groups[0].tasks[0].gallery_id == "shelf"


def test_a_plan_whose_submission_is_not_there_stays_on_the_queue() -> None:
    assert lambda_handler(EVENT, Context()) == {"batchItemFailures": [{"itemIdentifier": "message-1"}]}
