"""Follow changes of snapshots: record the audit trail, update the counts, publish in galleries."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from vitrine.platform.aws import client
from vitrine.platform.batches import BatchResponse, failures
from vitrine.platform.metrics import MetricUnit, metrics
from vitrine.platform.settings import setting
from vitrine.platform.telemetry import invocation, logger
from vitrine.platform.times import utc_now
from vitrine.review.dynamodb import snapshot_of
from vitrine.review.follow_snapshots import SnapshotChange, follow_snapshots
from vitrine.review.wiring import publisher, review_store

if TYPE_CHECKING:
    from collections.abc import Mapping


@invocation
def lambda_handler(event: dict[str, Any], context: object) -> BatchResponse:
    """Follow records of the stream or of the retry queue.

    A record of the stream that fails goes to the retry queue, so it does not block the stream. The queue delivers it
    again until it moves it to the failure queue.
    """
    if event["Records"][0]["eventSource"] == "aws:sqs":
        records = {record["messageId"]: json.loads(record["body"]) for record in event["Records"]}
        return failures(_follow(records))
    records = {str(index): record["dynamodb"] for index, record in enumerate(event["Records"])}
    for name in _follow(records):
        body = json.dumps(records[name], default=str)
        client("sqs").send_message(QueueUrl=setting("REVIEW_RETRY_QUEUE"), MessageBody=body)
    return failures([])


def _follow(records: Mapping[str, dict[str, Any]]) -> set[str]:
    """Follow the changes; return the keys of the records that failed."""
    failed: set[str] = set()
    changes: dict[str, SnapshotChange] = {}
    for name, record in records.items():
        try:
            change = _change(record)
        except (KeyError, ValueError):
            logger.exception("unreadable record")
            failed.add(name)
            continue
        if change:
            changes[name] = change
    failed |= follow_snapshots(review_store(), publisher(), changes, utc_now(), on_failure=_tell)
    metrics.add_metric("SnapshotsSetAside", MetricUnit.Count, len(failed))
    metrics.flush_metrics()
    logger.info("followed", extra={"records": len(records), "failed": len(failed)})
    return failed


def _change(record: dict[str, Any]) -> SnapshotChange | None:
    after = snapshot_of(record["NewImage"]) if "NewImage" in record else None
    if after is None:
        return None
    before = snapshot_of(record["OldImage"]) if "OldImage" in record else None
    moment = record.get("ApproximateCreationDateTime", time.time())
    return SnapshotChange(before, after, datetime.fromtimestamp(float(moment), UTC))


def _tell(error: Exception) -> None:
    logger.warning("set aside", exc_info=error)
