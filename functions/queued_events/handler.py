"""Counts the events of the queue, merged by image."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from vitrine.catalog.take_events import take_events
from vitrine.catalog.wiring import interaction_repository
from vitrine.engagement.model import tally
from vitrine.engagement.prepared import from_text
from vitrine.engagement.wiring import queued_counter
from vitrine.galleries.wiring import gallery_repository
from vitrine.platform.batches import BatchResponse, failures
from vitrine.platform.metrics import MetricUnit, metrics
from vitrine.platform.telemetry import invocation, logger
from vitrine.platform.times import utc_now

if TYPE_CHECKING:
    from vitrine.engagement.prepared import PreparedBatch


@invocation
def lambda_handler(event: dict[str, Any], context: object) -> BatchResponse:
    """Count the events of all messages together. Messages with an event that fails are delivered again.

    Events of images that are gone are not counted: they are in the metric `EventsRejected` and in the log.
    """
    batches: dict[str, PreparedBatch] = {}
    failed: set[str] = set()
    for record in event["Records"]:
        try:
            batches[record["messageId"]] = from_text(record["body"])
        except (IndexError, KeyError, TypeError, ValueError):
            logger.exception("message failed", extra={"message_id": record["messageId"]})
            failed.add(record["messageId"])
    now = utc_now()
    take = partial(take_events, interaction_repository(), gallery_repository().get_images)
    counted = queued_counter(take).count(batches, now)
    for error, number in tally(map(repr, counted.failed.values())).items():
        logger.warning("messages failed", extra={"error": error, "messages": number})
    statuses = tally(outcome.status for outcomes in counted.outcomes.values() for outcome in outcomes)
    for status, number in statuses.items():
        metrics.add_metric(f"Events{status.capitalize()}", MetricUnit.Count, number)
    if batches:
        waited = now - min(batch.arrived for batch in batches.values())
        metrics.add_metric("EventsWaited", MetricUnit.Milliseconds, max(0.0, waited.total_seconds() * 1000))
    metrics.flush_metrics()
    failed |= counted.failed.keys()
    logger.info("counted", extra={"messages": len(event["Records"]), "failed": len(failed), **statuses})
    return failures(failed)
