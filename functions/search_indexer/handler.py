"""Updates merchants' indexes with the images that changed."""

from __future__ import annotations

import time
from collections import defaultdict
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

from vitrine.galleries.wiring import gallery_repository
from vitrine.platform.batches import BatchResponse, failures
from vitrine.platform.metrics import MetricUnit, metrics
from vitrine.platform.telemetry import invocation, logger
from vitrine.search.images import read_images
from vitrine.search.sqs import read_changes
from vitrine.search.wiring import image_index

if TYPE_CHECKING:
    from collections.abc import Iterator

    from vitrine.search.model import ImageKey


_KEYS_TOGETHER = 10_000
_LAST_UPDATE_MILLISECONDS = 60_000


class Change(NamedTuple):
    """A message and its keys."""

    message_id: str
    keys: list[ImageKey]


@invocation
def lambda_handler(event: dict[str, Any], context: Any) -> BatchResponse:
    """Index the batch's images, one merchant at a time; a merchant that fails does not block the others.

    Messages for which no time is left are delivered again. The function's timeout is short, because another one takes
    over from a function that was killed only when that time has passed.
    """
    waiting: dict[str, list[Change]] = defaultdict(list)
    failed: list[str] = []
    for record in event["Records"]:
        try:
            merchant_id, changed = read_changes(record["body"])
        except (KeyError, TypeError, ValueError):
            logger.exception("not a change")
            failed.append(record["messageId"])
            continue
        waiting[merchant_id].append(Change(record["messageId"], changed))
    indexed = 0
    for merchant_id, changes in waiting.items():
        for part in _parts(changes):
            keys = [key for change in part for key in change.keys]
            if context.get_remaining_time_in_millis() < _LAST_UPDATE_MILLISECONDS:
                failed += [change.message_id for change in part]
                continue
            try:
                image_index().update(merchant_id, keys, partial(read_images, gallery_repository(), merchant_id))
                indexed += len(keys)
            except Exception:  # noqa: BLE001 - see above
                logger.exception("not indexed", extra={"merchant_id": merchant_id})
                failed += [change.message_id for change in part]
    _report(event["Records"], indexed, len(failed))
    return failures(failed)


def _parts(changes: list[Change]) -> Iterator[list[Change]]:
    """Split the changes into parts of at most `_KEYS_TOGETHER` keys; a larger change is a part of its own."""
    part: list[Change] = []
    for change in changes:
        if part and sum(len(earlier.keys) for earlier in part) + len(change.keys) > _KEYS_TOGETHER:
            yield part
            part = []
        part.append(change)
    yield part


def _report(records: list[dict[str, Any]], images: int, failed: int) -> None:
    oldest = min(int(record["attributes"]["SentTimestamp"]) for record in records)
    metrics.add_metric("SearchLag", MetricUnit.Milliseconds, max(0.0, time.time() * 1000 - oldest))
    metrics.flush_metrics()
    logger.info("indexed", extra={"images": images, "failed": failed})
