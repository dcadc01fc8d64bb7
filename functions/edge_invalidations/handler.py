"""Remove withdrawn pictures from the edge's caches."""

from __future__ import annotations

from typing import Any

from vitrine.platform.batches import BatchResponse, failures
from vitrine.platform.metrics import MetricUnit, metrics
from vitrine.platform.telemetry import invocation, logger
from vitrine.renditions.ports import PictureBusy
from vitrine.renditions.wiring import caches


@invocation
def lambda_handler(event: dict[str, Any], context: object) -> BatchResponse:
    """Invalidate the pictures of all messages at once; if the edge cannot yet, all are delivered again."""
    digests = {record["body"] for record in event["Records"]}
    logger.info("invalidating", extra={"pictures": len(digests)})
    try:
        caches().invalidate(digests)
    except PictureBusy:
        logger.info("the edge is busy", extra={"pictures": len(digests)})
        return failures(record["messageId"] for record in event["Records"])
    metrics.add_metric("PicturesInvalidated", MetricUnit.Count, len(digests))
    metrics.flush_metrics()
    return failures([])
