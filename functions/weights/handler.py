"""Computes images' weights from the stream of counter changes, and from the changes that were put off or set aside.

It also looks, an hour apart, whether images whose counters are split have cooled, and folds these.
"""

from __future__ import annotations

import json
import time
from functools import cache, partial
from typing import TYPE_CHECKING, Any, NamedTuple

from vitrine.engagement.dynamodb import counter_key, is_frozen, whole_count
from vitrine.engagement.fold_counters import fold_if_cool
from vitrine.engagement.ports import CounterKey
from vitrine.engagement.recompute_weights import CounterChange, Recomputed, recompute_weights
from vitrine.engagement.wiring import counter_repository, put_off, split_images
from vitrine.galleries.model import GalleryKey
from vitrine.galleries.show_totals import show_totals
from vitrine.galleries.wiring import gallery_repository, gallery_tasks
from vitrine.platform.aws import client
from vitrine.platform.batches import BatchResponse, failures
from vitrine.platform.metrics import MetricUnit, metrics
from vitrine.platform.problems import Unavailable
from vitrine.platform.settings import read_settings
from vitrine.platform.telemetry import invocation, logger
from vitrine.platform.times import utc_now

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


_IMAGES_A_MESSAGE = 100
_LOOK = "look"
_LOOK_AFTER_SECONDS = 900


class WeightSettings(NamedTuple):
    """The queue of images whose weights wait, or could not be written."""

    weights_retry_queue: str


@cache
def _settings() -> WeightSettings:
    return read_settings(WeightSettings)


@invocation
def lambda_handler(event: dict[str, Any], context: object) -> BatchResponse:
    """Process stream records, or images that were put off or set aside.

    An image that fails is set aside on a queue, so that it blocks no other. The queue delivers it again, and hands it
    to the failure queue in the end.
    """
    records = event["Records"]
    if records[0]["eventSource"] == "aws:sqs":
        return _catch_up(records)
    _follow(records)
    return failures([])


def _follow(records: list[dict[str, Any]]) -> None:
    now = time.time()
    changes: list[CounterChange] = []
    set_aside: list[str] = []
    for record in records:
        try:
            item = record["dynamodb"].get("NewImage")
            if item and not is_frozen(item):
                changes.append(_change(item))
        except (KeyError, ValueError, IndexError):
            set_aside.append(json.dumps(record, default=str))
    done = put_off().follow(changes, now, _recompute, _put_off)
    set_aside += [_message([key]) for key in done.set_aside]
    _look_later({change.key for change in changes if change.whole is None}, now)
    for body in set_aside:
        client("sqs").send_message(QueueUrl=_settings().weights_retry_queue, MessageBody=body)
    _report(records, len(set_aside))


def _put_off(keys: Sequence[CounterKey], delay_seconds: int) -> None:
    for start in range(0, len(keys), _IMAGES_A_MESSAGE):
        body = _message(keys[start : start + _IMAGES_A_MESSAGE])
        queue = _settings().weights_retry_queue
        client("sqs").send_message(QueueUrl=queue, MessageBody=body, DelaySeconds=delay_seconds)
    metrics.add_metric("WeightsPutOff", MetricUnit.Count, len(keys))


def _look_later(split: Iterable[CounterKey], now: float) -> None:
    for key in split_images().due(split, now):
        body = json.dumps({_LOOK: json.loads(_message([key]))})
        queue = _settings().weights_retry_queue
        client("sqs").send_message(QueueUrl=queue, MessageBody=body, DelaySeconds=_LOOK_AFTER_SECONDS)


def _catch_up(records: list[dict[str, Any]]) -> BatchResponse:
    """Bring the images of all messages up to date together, and fold those that are to be looked at and have cooled.

    Messages with an image that fails are delivered again.
    """
    named: dict[str, list[CounterKey]] = {}
    failed: set[str] = set()
    for record in records:
        try:
            if (body := json.loads(record["body"])) and isinstance(body, dict):
                _fold(_named(body[_LOOK]))
            else:
                named[record["messageId"]] = _named(body)
        except Unavailable:
            logger.warning("not folded", exc_info=True)
            failed.add(record["messageId"])
        except (KeyError, TypeError, ValueError):
            logger.exception("message failed", extra={"message_id": record["messageId"]})
            failed.add(record["messageId"])
    keys = dict.fromkeys(key for of_message in named.values() for key in of_message)
    set_aside = set(_recompute([CounterChange(key, None) for key in keys]).set_aside)
    failed |= {message_id for message_id, of_message in named.items() if not set_aside.isdisjoint(of_message)}
    logger.info("caught up", extra={"messages": len(records), "images": len(keys), "failed": len(failed)})
    return failures(failed)


def _fold(keys: Iterable[CounterKey]) -> None:
    folded = [key for key in keys if fold_if_cool(counter_repository(), key, utc_now())]
    metrics.add_metric("CountersFolded", MetricUnit.Count, len(folded))
    metrics.flush_metrics()


def _recompute(changes: Sequence[CounterChange]) -> Recomputed:
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
    return done


def _message(keys: Sequence[CounterKey]) -> str:
    return json.dumps([[*key.gallery, key.image_id, key.incarnation] for key in keys])


def _named(names: Any) -> list[CounterKey]:
    """Return the images that a message names. Before 0.7 a message named one."""
    if names and isinstance(names[0], str):
        names = [names]
    return [
        CounterKey(GalleryKey(merchant_id, gallery_id), image_id, incarnation)
        for merchant_id, gallery_id, image_id, incarnation in names
    ]


def _change(item: dict[str, Any]) -> CounterChange:
    return CounterChange(counter_key(item), whole_count(item))


def _report(records: list[dict[str, Any]], set_aside: int) -> None:
    oldest = min(record["dynamodb"].get("ApproximateCreationDateTime", time.time()) for record in records)
    metrics.add_metric("WeightLag", MetricUnit.Milliseconds, max(0.0, (time.time() - oldest) * 1000))
    metrics.add_metric("WeightsSetAside", MetricUnit.Count, set_aside)
    metrics.flush_metrics()
    logger.info("followed", extra={"records": len(records), "set_aside": set_aside})
