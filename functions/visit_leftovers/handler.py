"""Marks groups that no worker could finish as failed, so that their jobs end."""

from __future__ import annotations

from typing import Any

from vitrine.platform.batches import BatchResponse, handle_each
from vitrine.platform.metrics import MetricUnit, metrics
from vitrine.platform.telemetry import invocation
from vitrine.visits.measure_group import give_up_group
from vitrine.visits.sqs import read_group
from vitrine.visits.wiring import publish_pictures_of_visits, visit_store


@invocation
def lambda_handler(event: dict[str, Any], context: object) -> BatchResponse:
    """Give up each group; those that fail are delivered again."""
    batch = handle_each(
        event,
        lambda record: give_up_group(visit_store(), publish_pictures_of_visits(), read_group(record["body"])),
    )
    metrics.add_metric("GroupsGivenUp", MetricUnit.Count, len(event["Records"]) - len(batch["batchItemFailures"]))
    metrics.flush_metrics()
    return batch
