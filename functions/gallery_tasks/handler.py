"""Galleries are deleted and ranked again in the background."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from vitrine.engagement.wiring import gallery_counters
from vitrine.galleries.model import GalleryKey
from vitrine.galleries.reshape_gallery import delete_images, rank_images_again
from vitrine.galleries.wiring import gallery_store, gallery_tasks
from vitrine.platform.hops import next_hop
from vitrine.platform.telemetry import logger

if TYPE_CHECKING:
    from collections.abc import Callable

_MARGIN_MILLISECONDS = 15_000


def lambda_handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Run each task as far as time allows and send on what is left."""
    failed = []
    for record in event["Records"]:
        try:
            _run(json.loads(record["body"]), lambda: context.get_remaining_time_in_millis() > _MARGIN_MILLISECONDS)
        except Exception:  # noqa: BLE001 - one task must not hold up the others
            logger.exception("task failed")
            failed.append({"itemIdentifier": record["messageId"]})
    logger.info("tasks", extra={"tasks": len(event["Records"]), "failed": len(failed)})
    return {"batchItemFailures": failed}


def _run(task: dict[str, Any], time_is_left: Callable[[], bool]) -> None:
    key = GalleryKey(*task["key"])
    rest = gallery_tasks(next_hop(task.get("hops", 0)))
    if task["task"] == "delete_gallery":
        if not delete_images(gallery_store(), gallery_counters(), key, time_is_left):
            rest.delete_gallery(key)
        return
    after = rank_images_again(gallery_store(), key, task["policy"], task["after"], time_is_left)
    if after is not None:
        rest.rank_again(key, task["policy"], after)
