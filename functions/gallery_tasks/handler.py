"""Deletes galleries, and applies new rankings and changes of `mirror`, in the background."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from vitrine.engagement.wiring import gallery_counters
from vitrine.galleries.apply_rules import apply_due_rules, apply_rules
from vitrine.galleries.change_ranking import OrderMaker, fit_prior, forget_order
from vitrine.galleries.delete_gallery import delete_images
from vitrine.galleries.mirroring import mirror_images
from vitrine.galleries.model import GalleryKey
from vitrine.galleries.wiring import gallery_repository, gallery_tasks
from vitrine.platform.batches import BatchResponse, handle_each
from vitrine.platform.hops import next_hop
from vitrine.platform.telemetry import invocation, logger
from vitrine.platform.times import utc_now
from vitrine.renditions.wiring import mirroring

if TYPE_CHECKING:
    from collections.abc import Callable

_MARGIN_MILLISECONDS = 15_000


@invocation
def lambda_handler(event: dict[str, Any], context: Any) -> BatchResponse | dict[str, int]:
    """Run each task as far as time allows, and queue the rest. The schedule starts and ends merchandising rules."""

    def time_is_left() -> bool:
        return bool(context.get_remaining_time_in_millis() > _MARGIN_MILLISECONDS)

    if "Records" not in event:
        done = apply_due_rules(gallery_repository(), gallery_tasks(), time_is_left, now=utc_now())
        logger.info("rules due", extra={"due": done})
        return {"due": done}
    return handle_each(event, lambda record: _run(json.loads(record["body"]), time_is_left))


def _run(task: dict[str, Any], time_is_left: Callable[[], bool]) -> None:
    key = GalleryKey(*task["key"])
    store, tasks = gallery_repository(), gallery_tasks(next_hop(task.get("hops", 0)))
    if task["task"] == "delete_gallery":
        if not delete_images(store, gallery_counters(), key, time_is_left):
            tasks.delete_gallery(key)
    elif task["task"] == "apply_rules":
        apply_rules(store, tasks, key, now=utc_now())
    elif task["task"] == "fit_prior":
        fit_prior(store, tasks, key, now=utc_now())
    elif task["task"] == "forget_visits":
        for at in (0, 1):
            store.forget_visits(key, f"{task['version']}.{at}")
    else:
        _run_images(task, key, time_is_left)


def _run_images(task: dict[str, Any], key: GalleryKey, time_is_left: Callable[[], bool]) -> None:
    """Run a task over all images from the id `after`, and queue what is left when time is up."""
    store, tasks = gallery_repository(), gallery_tasks(next_hop(task.get("hops", 0)))
    after = task["after"]
    if task["task"] == "mirror_images":
        after = mirror_images(store, mirroring().send, key, after, time_is_left)
        if after is not None:
            tasks.mirror_images(key, after)
    elif task["task"] == "make_order":
        version = task["version"]
        after = OrderMaker(store, gallery_counters(), tasks).make(key, version, after, time_is_left, now=utc_now())
        if after is not None:
            tasks.make_order(key, version, after)
    else:
        version = task["version"]
        after = forget_order(store, key, version, after, time_is_left)
        if after is not None:
            tasks.forget_order(key, version, after)
