"""Splits jobs into groups of pictures."""

from __future__ import annotations

from typing import Any

from vitrine.platform.batches import BatchResponse, handle_each
from vitrine.platform.telemetry import invocation
from vitrine.visits.plan_job import plan_job
from vitrine.visits.sqs import read_plan
from vitrine.visits.wiring import queues, submissions, visit_store


@invocation
def lambda_handler(event: dict[str, Any], context: object) -> BatchResponse:
    """Plan each attempt at a job; those that fail are delivered again."""
    return handle_each(event, _plan)


def _plan(record: dict[str, Any]) -> None:
    plan = read_plan(record["body"])
    plan_job(visit_store(), submissions(), queues(), plan.key, plan.attempt)
