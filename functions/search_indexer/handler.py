"""Images that changed are brought into their merchant's index."""

from __future__ import annotations

import time
from collections import defaultdict
from functools import partial
from typing import TYPE_CHECKING, Any

from vitrine.galleries.wiring import gallery_store
from vitrine.platform.metrics import MetricUnit, metrics
from vitrine.platform.telemetry import logger
from vitrine.search.images import read_pictures
from vitrine.search.sqs import read_changes
from vitrine.search.wiring import picture_index

if TYPE_CHECKING:
    from vitrine.search.model import PictureKey


def lambda_handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """Index the batch's images, a merchant at a time; a merchant that fails holds up no other."""
    keys: dict[str, list[PictureKey]] = defaultdict(list)
    messages: dict[str, list[str]] = defaultdict(list)
    failed: list[str] = []
    for record in event["Records"]:
        try:
            merchant_id, changed = read_changes(record["body"])
        except (KeyError, TypeError, ValueError):
            logger.exception("not a change")
            failed.append(record["messageId"])
            continue
        keys[merchant_id] += changed
        messages[merchant_id].append(record["messageId"])
    for merchant_id, changed in keys.items():
        try:
            picture_index().update(merchant_id, changed, partial(read_pictures, gallery_store(), merchant_id))
        except Exception:  # noqa: BLE001 - see above
            logger.exception("not indexed", extra={"merchant_id": merchant_id})
            failed += messages[merchant_id]
    _report(event["Records"], sum(map(len, keys.values())), len(failed))
    return {"batchItemFailures": [{"itemIdentifier": message_id} for message_id in failed]}


def _report(records: list[dict[str, Any]], images: int, failed: int) -> None:
    oldest = min(int(record["attributes"]["SentTimestamp"]) for record in records)
    metrics.add_metric("SearchLag", MetricUnit.Milliseconds, max(0.0, time.time() * 1000 - oldest))
    metrics.flush_metrics()
    logger.info("indexed", extra={"images": images, "failed": failed})
