"""A picture arrived in the bucket, so its snapshot can be judged."""

from __future__ import annotations

from typing import Any
from urllib.parse import unquote_plus

from vitrine.platform.problems import NotFound
from vitrine.platform.telemetry import logger
from vitrine.review.add_snapshots import note_upload
from vitrine.review.s3 import snapshot_at
from vitrine.review.wiring import review_store


def lambda_handler(event: dict[str, Any], context: object) -> None:
    """Note each uploaded picture. What fails is invoked again, and then goes to the failure queue."""
    for record in event["Records"]:
        merchant_id, snapshot_id = snapshot_at(unquote_plus(record["s3"]["object"]["key"]))
        try:
            note_upload(review_store(), merchant_id, snapshot_id)
        except NotFound:
            logger.warning("a picture of no snapshot", extra={"snapshot_id": snapshot_id})
    logger.info("noted", extra={"pictures": len(event["Records"])})
