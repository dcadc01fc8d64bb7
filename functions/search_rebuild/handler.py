"""Rebuilds a merchant's index from the tables: `{"merchant_id": …}`."""

from __future__ import annotations

from functools import partial
from typing import Any

from vitrine.galleries.wiring import gallery_repository
from vitrine.platform.telemetry import invocation, logger
from vitrine.search.images import read_all_images, read_images
from vitrine.search.wiring import image_index


@invocation
def lambda_handler(event: dict[str, Any], context: object) -> dict[str, int]:
    """Build a new index beside the one in use, then switch to it; return its number of images."""
    merchant_id = event["merchant_id"]
    repository = gallery_repository()
    images = image_index().rebuild(
        merchant_id,
        partial(read_all_images, repository, merchant_id),
        partial(read_images, repository, merchant_id),
        lambda count: logger.info("rebuilding", extra={"merchant_id": merchant_id, "images": count}),
    )
    logger.info("rebuilt", extra={"merchant_id": merchant_id, "images": images})
    return {"images": images}
