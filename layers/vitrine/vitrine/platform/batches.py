"""Batches of SQS messages, handled one by one: only messages that fail are delivered again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypedDict

from vitrine.platform.telemetry import logger

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    Record = dict[str, Any]


class FailedItem(TypedDict):
    """A message to deliver again."""

    itemIdentifier: str


class BatchResponse(TypedDict):
    """The response of a function with `ReportBatchItemFailures`."""

    batchItemFailures: list[FailedItem]


def failures(message_ids: Iterable[str]) -> BatchResponse:
    """The response by which these messages are delivered again."""
    return {"batchItemFailures": [{"itemIdentifier": message_id} for message_id in message_ids]}


def handle_each(
    event: Mapping[str, Any],
    handle: Callable[[Record], object],
    *,
    apply: Callable[[Callable[[Record], bool], list[Record]], Iterable[bool]] = map,
) -> BatchResponse:
    """Call `handle` with each message, and report those that failed.

    A message fails if `handle` raises, which is logged here, or returns False, after logging the reason or leaving
    work undone. `apply` is `map`, or an executor's `map` to handle the messages in parallel.
    """

    def is_done(record: Record) -> bool:
        try:
            return handle(record) is not False
        except Exception:  # noqa: BLE001 - one message must not block the others
            logger.exception("message failed", extra={"message_id": record["messageId"]})
            return False

    records = event["Records"]
    done = list(apply(is_done, records))
    logger.info("batch", extra={"messages": len(records), "failed": done.count(False)})
    return failures(record["messageId"] for record, is_handled in zip(records, done, strict=True) if not is_handled)
