"""Queues the images to index again, from the stream of image changes."""

from __future__ import annotations

from typing import Any

from vitrine.platform.telemetry import invocation, logger
from vitrine.search.model import ImageKey
from vitrine.search.sqs import ChangedImage
from vitrine.search.wiring import changes

_SEARCHED = ("description", "weight", "hidden", "incarnation", "original")


@invocation
def lambda_handler(event: dict[str, Any], context: object) -> None:
    """Queue each image with a change that a search shows. If sending fails, all records are delivered again."""
    sent = changes().send(_image(record) for record in event["Records"] if _differs(record["dynamodb"]))
    logger.info("sent", extra={"records": len(event["Records"]), "images": sent})


def _differs(change: dict[str, Any]) -> bool:
    before, after = change.get("OldImage", {}), change.get("NewImage", {})
    return any(before.get(name) != after.get(name) for name in _SEARCHED)


def _image(record: dict[str, Any]) -> ChangedImage:
    keys = record["dynamodb"]["Keys"]
    merchant_id, gallery_id = keys["pk"]["S"].split("/")
    return ChangedImage(merchant_id, ImageKey(gallery_id, keys["sk"]["S"]))
