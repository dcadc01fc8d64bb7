"""Compares merchants' indexes with their images and repairs them: on a schedule, or for `{"merchant_id": …}`."""

from __future__ import annotations

from typing import Any

from vitrine.access.wiring import access_store
from vitrine.platform.batches import BatchResponse, handle_each
from vitrine.platform.hops import next_hop
from vitrine.platform.metrics import MetricUnit, metrics
from vitrine.platform.telemetry import invocation, logger
from vitrine.search.reconcile_index import Comparison
from vitrine.search.sqs import read_comparison
from vitrine.search.wiring import comparisons, reconciler

_LAST_REPAIR_MILLISECONDS = 90_000


@invocation
def lambda_handler(event: dict[str, Any], context: Any) -> BatchResponse | dict[str, int]:
    """Start comparisons; or continue those of the queue as far as time allows, and queue the rest."""
    if "Records" not in event:
        merchants = [event["merchant_id"]] if "merchant_id" in event else access_store().merchants()
        for merchant_id in merchants:
            comparisons().send(Comparison(merchant_id))
        logger.info("comparisons begun", extra={"merchants": len(merchants)})
        return {"begun": len(merchants)}
    repaired = []
    batch = handle_each(event, lambda record: repaired.append(_go_on(record["body"], context)))
    metrics.add_metric("SearchRepaired", MetricUnit.Count, sum(repaired))
    metrics.flush_metrics()
    return batch


def _go_on(body: str, context: Any) -> int:
    """Continue a comparison; return the number of repaired documents."""
    before, hops = read_comparison(body)
    rest = comparisons(next_hop(hops))
    comparison, repaired = reconciler().go_on(
        before, lambda: context.get_remaining_time_in_millis() > _LAST_REPAIR_MILLISECONDS
    )
    if not comparison.done:
        rest.send(comparison)
    logger.info(
        "compared",
        extra={
            "merchant_id": comparison.merchant_id,
            "images": comparison.images - before.images,
            "repaired": repaired,
            "done": comparison.done,
        },
    )
    return repaired
