"""Computes images' weights from the stream of counter changes, and from the changes that were set aside."""

from __future__ import annotations

import json
import time
from functools import cache, partial
from typing import TYPE_CHECKING, Any, NamedTuple

from vitrine.engagement.dynamodb import counter_key, whole_count
from vitrine.engagement.ports import CounterKey
from vitrine.engagement.recompute_weights import CounterChange, recompute_weights
from vitrine.engagement.wiring import counter_repository
from vitrine.galleries.model import GalleryKey
from vitrine.galleries.show_totals import show_totals
from vitrine.galleries.wiring import gallery_repository, gallery_tasks
from vitrine.platform.aws import client
from vitrine.platform.batches import BatchResponse, failures, handle_each
from vitrine.platform.metrics import MetricUnit, metrics
from vitrine.platform.settings import read_settings
from vitrine.platform.telemetry import invocation, logger
from vitrine.platform.times import utc_now

if TYPE_CHECKING:
    from collections.abc import Iterable


class WeightSettings(NamedTuple):
    """The queue of images whose weights could not be written."""

    weights_retry_queue: str


@cache
def _settings() -> WeightSettings:
    return read_settings(WeightSettings)


@invocation
def lambda_handler(event: dict[str, Any], context: object) -> BatchResponse:
    """Process stream records, or images that were set aside.

    An image that fails is set aside on a queue, so that it blocks no other. The queue delivers it again, and hands it
    to the failure queue in the end.
    """
    records = event["Records"]
    if records[0]["eventSource"] == "aws:sqs":
        return handle_each(event, _retry)
    _follow(records)
    return failures([])


def _follow(records: list[dict[str, Any]]) -> None:
    changes: list[CounterChange] = []
    set_aside: list[str] = []
    for record in records:
        try:
            if "NewImage" in record["dynamodb"]:
                changes.append(_change(record["dynamodb"]["NewImage"]))
        except (KeyError, ValueError, IndexError):
            set_aside.append(json.dumps(record, default=str))
    set_aside += [json.dumps([*key.gallery, key.image_id, key.incarnation]) for key in _recompute(changes)]
    for body in set_aside:
        client("sqs").send_message(QueueUrl=_settings().weights_retry_queue, MessageBody=body)
    _report(records, len(set_aside))


def _retry(record: dict[str, Any]) -> bool:
    merchant_id, gallery_id, image_id, incarnation = json.loads(record["body"])
    return not _recompute([CounterChange(CounterKey(GalleryKey(merchant_id, gallery_id), image_id, incarnation), None)])


def _recompute(changes: Iterable[CounterChange]) -> list[CounterKey]:
    done = recompute_weights(
        counter_repository(),
        partial(show_totals, gallery_repository()),
        changes,
        on_failure=lambda error: logger.warning("set aside", exc_info=error),
        now=utc_now(),
    )
    for gallery in done.priors_off:
        gallery_tasks().fit_prior(gallery)
    metrics.add_metric("WeightsWritten", MetricUnit.Count, done.written)
    return list(done.set_aside)


def _change(item: dict[str, Any]) -> CounterChange:
    return CounterChange(counter_key(item), whole_count(item))


def _report(records: list[dict[str, Any]], set_aside: int) -> None:
    oldest = min(record["dynamodb"].get("ApproximateCreationDateTime", time.time()) for record in records)
    metrics.add_metric("WeightLag", MetricUnit.Milliseconds, max(0.0, (time.time() - oldest) * 1000))
    metrics.add_metric("WeightsSetAside", MetricUnit.Count, set_aside)
    metrics.flush_metrics()
    logger.info("followed", extra={"records": len(records), "set_aside": set_aside})
