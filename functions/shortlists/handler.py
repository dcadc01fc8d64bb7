"""Refreshes shoppers' shortlists after their interactions, and erases users."""

from __future__ import annotations

import json
from collections import Counter
from functools import cache
from typing import TYPE_CHECKING, Any

from vitrine.catalog.model import UserKey
from vitrine.catalog.wiring import interaction_repository
from vitrine.platform.batches import BatchResponse, failures, handle_each
from vitrine.platform.metrics import MetricUnit, metrics
from vitrine.platform.problems import Unavailable
from vitrine.platform.telemetry import invocation, logger
from vitrine.platform.times import utc_now
from vitrine.recommendations.build_model import interactions_of, start_build_if_due
from vitrine.recommendations.recent import MOST_LEARNED, keep_recent
from vitrine.recommendations.refresh_shortlists import refresh_shortlist
from vitrine.recommendations.wiring import (
    build_repository,
    early_work_queue,
    model_repository,
    recent_repository,
    recommendation_inputs_repository,
    response_cache,
    shortlist_tasks,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from vitrine.recommendations.recent import RecentTouch

_MARGIN_MILLISECONDS = 10_000


@invocation
def lambda_handler(event: dict[str, Any], context: Any) -> BatchResponse:
    """Refresh the shortlists that stream records name, or run tasks from the queue.

    A user whose shortlist fails is set aside on the queue and blocks no other; a task that fails is delivered again.
    """
    records = event["Records"]
    if records[0]["eventSource"] == "aws:dynamodb":
        changes = [
            UserKey(*record["dynamodb"]["Keys"]["pk"]["S"].split("/")) for record in records if _is_interaction(record)
        ]
        users = list(dict.fromkeys(changes))
        stuck = _keep_recent(users)
        failed = _refresh(users)
        if failed:
            shortlist_tasks().refresh(failed)
        _start_builds(Counter(user.merchant_id for user in changes))
        _report(len(users), len(failed))
        if stuck:
            raise Unavailable("The newest touches were not kept.", 1)
        return failures([])

    def time_is_left() -> bool:
        return bool(context.get_remaining_time_in_millis() > _MARGIN_MILLISECONDS)

    batch = handle_each(event, lambda record: _run(json.loads(record["body"]), time_is_left))
    _report(len(records), len(batch["batchItemFailures"]))
    return batch


def _is_interaction(record: dict[str, Any]) -> bool:
    return bool(record["dynamodb"]["Keys"]["sk"]["S"].startswith("i/"))


def _keep_recent(users: Iterable[UserKey]) -> bool:
    """Keep the newest touches of shops whose models are small; return whether that failed for one."""
    stuck = False
    by_merchant: dict[str, list[UserKey]] = {}
    for user in users:
        by_merchant.setdefault(user.merchant_id, []).append(user)
    for merchant_id, its in by_merchant.items():
        try:
            build = build_repository().find(merchant_id)
            if build and build.published and interactions_of(build.published.sources) > MOST_LEARNED:
                recent_repository().drop(merchant_id)
            else:
                keep_recent(interaction_repository(), recent_repository(), its, utc_now())
        except Exception as error:  # noqa: BLE001 - one shop must not hold up the others
            logger.warning("newest touches were not kept", exc_info=error)
            stuck = True
    return stuck


def _start_builds(changes: Mapping[str, int]) -> None:
    """Start the builds that are due. One that fails to start starts with a later change, or on the schedule."""
    work = early_work_queue()
    if work is None:
        return
    for merchant_id, count in changes.items():
        try:
            start_build_if_due(build_repository(), work, merchant_id, count, utc_now())
        except Exception as error:  # noqa: BLE001 - shoppers' candidates must not wait for it
            logger.warning("no model begun", exc_info=error)


def _run(task: dict[str, Any], time_is_left: Callable[[], bool]) -> bool:
    users = [UserKey(*user) for user in task["users"]]
    if task["task"] == "erase":
        return all(_erase(user, time_is_left) for user in users)
    if task["task"] == "sweep":
        for user in users:
            response_cache().drop(user)
    return not _refresh(users)


def _erase(user: UserKey, time_is_left: Callable[[], bool]) -> bool:
    erased = interaction_repository().erase(user, time_is_left)
    recommendation_inputs_repository().erase(user)
    response_cache().drop(user)
    return erased


def _refresh(users: Iterable[UserKey]) -> list[UserKey]:
    failed = []

    @cache
    def recent(merchant_id: str) -> Sequence[RecentTouch]:
        return recent_repository().find(merchant_id)[1]

    for user in users:
        try:
            refresh_shortlist(
                interaction_repository(),
                model_repository(),
                recommendation_inputs_repository(),
                user,
                recent(user.merchant_id),
            )
        except Exception as error:  # noqa: BLE001 - one shopper must not hold up the others
            logger.warning("set aside", exc_info=error)
            failed.append(user)
    return failed


def _report(done: int, failed: int) -> None:
    metrics.add_metric("ShortlistsRefreshed", MetricUnit.Count, done - failed)
    metrics.add_metric("ShortlistsSetAside", MetricUnit.Count, failed)
    metrics.flush_metrics()
    logger.info("shortlists", extra={"done": done, "failed": failed})
