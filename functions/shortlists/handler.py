"""Shoppers' candidates follow what they do; shoppers are erased."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from vitrine.catalog.model import UserKey
from vitrine.catalog.wiring import interaction_store
from vitrine.platform.metrics import MetricUnit, metrics
from vitrine.platform.telemetry import logger
from vitrine.recommendations.refresh_shortlists import refresh_shortlist
from vitrine.recommendations.wiring import entries, model_store, shelf_store, shortlist_tasks

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

_MARGIN_MILLISECONDS = 10_000


def lambda_handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Follow stream records, or tasks.

    Whoever's candidates fail is set aside on the queue and blocks nobody; a task that fails is tried again.
    """
    records = event["Records"]
    if records[0]["eventSource"] == "aws:dynamodb":
        keys = {record["dynamodb"]["Keys"]["pk"]["S"]: None for record in records if _is_interaction(record)}
        users = [UserKey(*pk.split("/")) for pk in keys]
        failed = _refresh(users)
        if failed:
            shortlist_tasks().refresh(failed)
        _report(len(users), len(failed))
        return {"batchItemFailures": []}

    def time_is_left() -> bool:
        return bool(context.get_remaining_time_in_millis() > _MARGIN_MILLISECONDS)

    failures = [record["messageId"] for record in records if not _run(json.loads(record["body"]), time_is_left)]
    _report(len(records), len(failures))
    return {"batchItemFailures": [{"itemIdentifier": it} for it in failures]}


def _is_interaction(record: dict[str, Any]) -> bool:
    return bool(record["dynamodb"]["Keys"]["sk"]["S"].startswith("i/"))


def _run(task: dict[str, Any], time_is_left: Callable[[], bool]) -> bool:
    users = [UserKey(*user) for user in task["users"]]
    try:
        if task["task"] == "erase":
            return all(_erase(user, time_is_left) for user in users)
        if task["task"] == "sweep":
            for user in users:
                entries().drop(user)
    except Exception:  # noqa: BLE001 - the queue hands it out again
        logger.exception("a shopper is not erased yet")
        return False
    return not _refresh(users)


def _erase(user: UserKey, time_is_left: Callable[[], bool]) -> bool:
    erased = interaction_store().erase(user, time_is_left)
    shelf_store().erase(user)
    entries().drop(user)
    return erased


def _refresh(users: Iterable[UserKey]) -> list[UserKey]:
    failed = []
    for user in users:
        try:
            refresh_shortlist(interaction_store(), model_store(), shelf_store(), user)
        except Exception as error:  # noqa: BLE001 - one shopper must not hold up the others
            logger.warning("set aside", exc_info=error)
            failed.append(user)
    return failed


def _report(done: int, failed: int) -> None:
    metrics.add_metric("ShortlistsRefreshed", MetricUnit.Count, done - failed)
    metrics.add_metric("ShortlistsSetAside", MetricUnit.Count, failed)
    metrics.flush_metrics()
    logger.info("shortlists", extra={"done": done, "failed": failed})
