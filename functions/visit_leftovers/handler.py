"""Groups that no worker could finish are accounted for as failed, so that their jobs end."""

from __future__ import annotations

from typing import Any

from vitrine.platform.metrics import MetricUnit, metrics
from vitrine.platform.telemetry import logger
from vitrine.visits.measure_group import give_up_group
from vitrine.visits.sqs import read_group
from vitrine.visits.wiring import publish_pictures_of_visits, visit_store


def lambda_handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """Give up each group; what fails is delivered again."""
    failed = []
    for record in event["Records"]:
        try:
            give_up_group(visit_store(), publish_pictures_of_visits(), read_group(record["body"]))
        except Exception:  # noqa: BLE001 - one group must not hold up the others
            logger.exception("leftover failed")
            failed.append({"itemIdentifier": record["messageId"]})
    metrics.add_metric("GroupsGivenUp", MetricUnit.Count, len(event["Records"]) - len(failed))
    metrics.flush_metrics()
    logger.info("gave up", extra={"groups": len(event["Records"]), "failed": len(failed)})
    return {"batchItemFailures": failed}
