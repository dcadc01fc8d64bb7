"""Queue the images, products and snapshots whose picture changed, from their streams."""

from __future__ import annotations

import json
from typing import Any

from vitrine.platform.telemetry import invocation, logger
from vitrine.renditions.model import PRODUCTS, SNAPSHOTS, Holder
from vitrine.renditions.wiring import mirroring


@invocation
def lambda_handler(event: dict[str, Any], context: object) -> None:
    """Queue each item that shows another picture now. If sending fails, all records are delivered again."""
    sent = mirroring().send(_holder(record) for record in event["Records"] if _differs(record["dynamodb"]))
    logger.info("sent", extra={"records": len(event["Records"]), "images": sent})


def _differs(change: dict[str, Any]) -> bool:
    return _shown(change.get("OldImage")) != _shown(change.get("NewImage"))


def _shown(image: dict[str, Any] | None) -> tuple[str, str] | None:
    """Return what identifies the picture that an item shows; None if it shows none."""
    if image is None:
        return None
    if "hidden" in image:
        return "hidden", image["incarnation"]["S"]  # not the same as deleted: its upload is kept
    if "content" in image:
        url = json.loads(image["content"]["S"]).get("image_url")
        return (url, "") if url else None
    if "facts" in image:
        return (json.loads(image["facts"]["S"]).get("url", ""), "") if image["uploaded"]["BOOL"] else None
    if "description" in image:
        return json.loads(image["description"]["S"])["url"], image["incarnation"]["S"]
    return None


def _holder(record: dict[str, Any]) -> Holder:
    keys = record["dynamodb"]["Keys"]
    merchant_id, _, rest = keys["pk"]["S"].partition("/")
    if rest.startswith("snapshot/"):
        return Holder(merchant_id, SNAPSHOTS, rest.removeprefix("snapshot/"))
    return Holder(merchant_id, rest or PRODUCTS, keys["sk"]["S"])
