"""Builds recommendation models, one work item at a time; the schedule starts builds for all merchants."""

from __future__ import annotations

import json
from typing import Any

from vitrine.access.wiring import access_store
from vitrine.platform.batches import BatchResponse, handle_each
from vitrine.platform.metrics import MetricUnit, metrics
from vitrine.platform.telemetry import invocation, logger
from vitrine.platform.times import utc_now
from vitrine.recommendations.build_model import start_build, start_build_if_due
from vitrine.recommendations.ports import WorkItem
from vitrine.recommendations.wiring import build_repository, model_builder, work_queue

_LAST_ROWS_MILLISECONDS = 60_000


@invocation
def lambda_handler(event: dict[str, Any], context: Any) -> BatchResponse | dict[str, Any]:
    """Run work items from the queue; or start a build, of `{"merchant_id": …}` or of every merchant with changes."""
    if "Records" not in event:
        one = event.get("merchant_id")
        builds = {
            merchant_id: start_build(
                build_repository(), work_queue(), merchant_id, utc_now(), if_changed=one is None
            ).number
            for merchant_id in ([one] if one else access_store().merchants())
        }
        logger.info("builds started", extra={"builds": len(builds)})
        return builds

    def time_is_left() -> bool:
        return bool(context.get_remaining_time_in_millis() > _LAST_ROWS_MILLISECONDS)

    def run_item(record: dict[str, Any]) -> None:
        item = WorkItem(*json.loads(record["body"]))
        if model_builder().do(item, time_is_left):
            start_build_if_due(build_repository(), work_queue(), item.merchant_id, 0, utc_now())

    batch = handle_each(event, run_item)
    failures = batch["batchItemFailures"]
    metrics.add_metric("ModelPartsDone", MetricUnit.Count, len(event["Records"]) - len(failures))
    metrics.add_metric("ModelPartsFailed", MetricUnit.Count, len(failures))
    metrics.flush_metrics()
    return batch
