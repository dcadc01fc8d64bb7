"""Jobs are split into groups of pictures."""

from __future__ import annotations

from typing import Any

from vitrine.platform.telemetry import logger
from vitrine.visits.plan_job import plan_job
from vitrine.visits.sqs import read_plan
from vitrine.visits.wiring import queues, submissions, visit_store


def lambda_handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """Plan each attempt at a job; what fails is delivered again."""
    failed = []
    for record in event["Records"]:
        try:
            plan = read_plan(record["body"])
            plan_job(visit_store(), submissions(), queues(), plan.key, plan.attempt)
        except Exception:  # noqa: BLE001 - one job must not hold up the others
            logger.exception("plan failed")
            failed.append({"itemIdentifier": record["messageId"]})
    logger.info("planned", extra={"plans": len(event["Records"]), "failed": len(failed)})
    return {"batchItemFailures": failed}
