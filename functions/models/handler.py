"""Models are built part by part, for all merchants when the schedule says so."""

from __future__ import annotations

import json
from typing import Any

from vitrine.access.wiring import access_store
from vitrine.platform.metrics import MetricUnit, metrics
from vitrine.platform.telemetry import logger
from vitrine.platform.times import utc_now
from vitrine.recommendations.build_model import Work
from vitrine.recommendations.wiring import model_builder

_LAST_ROWS_MILLISECONDS = 60_000


def lambda_handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Do parts from the queue; or begin a run: `{"merchant_id": …}`, or of every merchant without it."""
    if "Records" not in event:
        merchants = [event["merchant_id"]] if "merchant_id" in event else access_store().merchants()
        runs = {merchant_id: model_builder().begin(merchant_id, utc_now()).number for merchant_id in merchants}
        logger.info("runs begun", extra={"runs": len(runs)})
        return runs
    failures = []
    for record in event["Records"]:
        try:
            model_builder().do(
                Work(*json.loads(record["body"])),
                time_is_left=lambda: context.get_remaining_time_in_millis() > _LAST_ROWS_MILLISECONDS,
            )
        except Exception:  # noqa: BLE001 - the queue hands it out again
            logger.exception("part failed")
            failures.append({"itemIdentifier": record["messageId"]})
    metrics.add_metric("ModelPartsDone", MetricUnit.Count, len(event["Records"]) - len(failures))
    metrics.add_metric("ModelPartsFailed", MetricUnit.Count, len(failures))
    metrics.flush_metrics()
    logger.info("parts", extra={"parts": len(event["Records"]), "failed": len(failures)})
    return {"batchItemFailures": failures}
