"""Measures groups of pictures."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import Any

from vitrine.platform.batches import BatchResponse, handle_each
from vitrine.platform.metrics import MetricUnit, metrics
from vitrine.platform.telemetry import invocation, logger
from vitrine.platform.times import utc_now
from vitrine.visits.measure_group import Measured, measure_group
from vitrine.visits.sqs import read_group
from vitrine.visits.wiring import known_products, measure_remote, publish_pictures_of_visits, visit_store

_GROUPS_AT_ONCE = 4


@cache
def _threads() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(_GROUPS_AT_ONCE)


@invocation
def lambda_handler(event: dict[str, Any], context: object) -> BatchResponse:
    """Measure the groups in parallel; those that fail are delivered again."""
    started = time.perf_counter()
    done: list[Measured] = []
    batch = handle_each(event, lambda record: done.append(_measure(record)), apply=_threads().map)
    _report(done, time.perf_counter() - started)
    return batch


def _measure(record: dict[str, Any]) -> Measured:
    group = read_group(record["body"])
    publish = publish_pictures_of_visits()
    products = known_products()
    return measure_group(visit_store(), measure_remote(), publish, group, products=products, clock=utc_now)


def _report(done: list[Measured], seconds: float) -> None:
    metrics.add_metric("PicturesMeasured", MetricUnit.Count, sum(group.pictures for group in done))
    metrics.add_metric("PicturesFailed", MetricUnit.Count, sum(group.failures for group in done))
    metrics.add_metric("PictureBytesFetched", MetricUnit.Bytes, sum(group.bytes_fetched for group in done))
    metrics.add_metric("GroupsTime", MetricUnit.Milliseconds, seconds * 1000)
    metrics.flush_metrics()
    logger.info("measured", extra={"groups": len(done), "pictures": sum(group.pictures for group in done)})
