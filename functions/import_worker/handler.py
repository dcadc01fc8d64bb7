"""Imports the files that are put into the uploads bucket."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote_plus
from uuid import uuid4

from vitrine.access.wiring import access_store
from vitrine.imports.model import ImportKey, ObjectVersion
from vitrine.imports.ports import Lease
from vitrine.imports.receive_upload import receive_upload
from vitrine.imports.run_import import forget_file, give_up, run_import
from vitrine.imports.wiring import KINDS, import_repository, importer
from vitrine.platform.batches import BatchResponse, handle_each
from vitrine.platform.metrics import MetricUnit, metrics
from vitrine.platform.telemetry import invocation, logger
from vitrine.platform.times import utc_now

if TYPE_CHECKING:
    from collections.abc import Iterator

MOST_DELIVERIES = 5  # the queue's maxReceiveCount
_CHUNK_MILLISECONDS = 30_000
_CLOCK_SKEW_SECONDS = 10


class Stopped(Exception):
    """The import failed at every delivery of its message."""


@invocation
def lambda_handler(event: dict[str, Any], context: Any) -> BatchResponse:
    """Run the imports of each message as far as time allows."""
    batch = handle_each(event, lambda record: _run_message(record, context))
    metrics.add_metric("ImportsStopped", MetricUnit.Count, len(batch["batchItemFailures"]))
    metrics.flush_metrics()
    return batch


def _run_message(record: dict[str, Any], context: Any) -> None:
    is_last_delivery = int(record["attributes"]["ApproximateReceiveCount"]) >= MOST_DELIVERIES
    message = json.loads(record["body"])
    for key in _imports(message):
        _run(key, message.get("hops", 0), context, is_last_delivery=is_last_delivery)


def _imports(message: dict[str, Any]) -> Iterator[ImportKey]:
    """The imports that an S3 notification or a continuation names."""
    if "import_id" in message:
        yield ImportKey(message["merchant_id"], message["import_id"])
    for record in message.get("Records", []):
        put = record["s3"]["object"]
        upload = ObjectVersion(unquote_plus(put["key"]), put["eTag"].strip('"'), put["size"])
        key = receive_upload(
            import_repository(),
            lambda merchant_id: access_store().find_merchant(merchant_id) is not None,
            KINDS,
            upload,
            put.get("sequencer", ""),
            now=utc_now(),
        )
        if key is None:
            logger.warning("no import", extra={"object_key": upload.key})
        else:
            yield key


def _run(key: ImportKey, hops: int, context: Any, *, is_last_delivery: bool) -> None:
    milliseconds = context.get_remaining_time_in_millis()
    # The lease outlasts the worker, so that two workers never write rows of one import at a time.
    lease = Lease(uuid4().hex, utc_now() + timedelta(milliseconds=milliseconds, seconds=_CLOCK_SKEW_SECONDS))
    if is_last_delivery:
        if give_up(importer(hops), key, lease):
            raise Stopped(key.import_id)
        return
    worker = importer(hops)
    progress = run_import(worker, key, lease, lambda: context.get_remaining_time_in_millis() > _CHUNK_MILLISECONDS)
    forget_file(worker, key)
    metrics.add_metric("ImportRows", MetricUnit.Count, progress.imported)
    metrics.add_metric("ImportRowsRejected", MetricUnit.Count, progress.rejected)
    logger.info("import", extra={"merchant_id": key.merchant_id, "import_id": key.import_id, **progress._asdict()})
