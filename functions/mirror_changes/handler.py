"""Queue the images whose picture changed, from the stream of image changes."""

from __future__ import annotations

import json
from typing import Any

from vitrine.platform.telemetry import invocation, logger
from vitrine.renditions.model import Holder
from vitrine.renditions.wiring import mirroring


@invocation
def lambda_handler(event: dict[str, Any], context: object) -> None:
    """Queue each image that shows another picture now. If sending fails, all records are delivered again."""
    sent = mirroring().send(_holder(record) for record in event["Records"] if _differs(record["dynamodb"]))
    logger.info("sent", extra={"records": len(event["Records"]), "images": sent})


def _differs(change: dict[str, Any]) -> bool:
    return _shown(change.get("OldImage")) != _shown(change.get("NewImage"))


def _shown(image: dict[str, Any] | None) -> tuple[str, str] | None:
    """Return what identifies the picture that an image shows; None if it shows none."""
    if image is None or "hidden" in image:
        return None
    return json.loads(image["description"]["S"])["url"], image["incarnation"]["S"]


def _holder(record: dict[str, Any]) -> Holder:
    keys = record["dynamodb"]["Keys"]
    merchant_id, gallery_id = keys["pk"]["S"].split("/")
    return Holder(merchant_id, gallery_id, keys["sk"]["S"])
