"""Note uploaded pictures, so that their snapshots can be reviewed."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import unquote_plus

from vitrine.platform.batches import BatchResponse, handle_each
from vitrine.platform.problems import NotFound
from vitrine.platform.telemetry import invocation, logger
from vitrine.review.add_snapshots import note_upload
from vitrine.review.s3 import snapshot_at
from vitrine.review.wiring import pictures, review_store


@invocation
def lambda_handler(event: dict[str, Any], context: object) -> BatchResponse:
    """Note each uploaded picture of S3's notifications. A message that fails is delivered again."""
    return handle_each(event, _note_message)


def _note_message(message: dict[str, Any]) -> None:
    for record in json.loads(message["body"]).get("Records", []):
        _note(record["s3"]["object"])


def _note(put: dict[str, Any]) -> None:
    merchant_id, snapshot_id = snapshot_at(unquote_plus(put["key"]))
    try:
        note_upload(review_store(), pictures(), merchant_id, snapshot_id, put["size"])
    except NotFound:
        logger.warning("a picture of no snapshot", extra={"snapshot_id": snapshot_id})
