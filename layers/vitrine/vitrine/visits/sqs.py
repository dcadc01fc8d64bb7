"""Queues of attempts to plan and of groups to measure."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, NamedTuple, cast

from vitrine.platform.dynamodb import translated
from vitrine.platform.problems import Unavailable
from vitrine.platform.times import from_rfc3339, to_rfc3339
from vitrine.visits.model import Group, JobKey, Task

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from mypy_boto3_sqs import SQSClient

_BATCH_MESSAGES = 10
_BATCH_BYTES = 250_000


class VisitQueues:
    """Queue on two SQS queues."""

    def __init__(self, client: SQSClient, plans: str, groups: str) -> None:
        self._client = client
        self._plans = plans
        self._groups = groups

    def plan(self, key: JobKey, attempt: int) -> None:
        """Queue an attempt at a job, to be split into groups."""
        with translated():
            self._client.send_message(QueueUrl=self._plans, MessageBody=json.dumps([*key, attempt]))

    def send(self, groups: Iterable[Group]) -> None:
        """Queue groups, to be measured. Raises Unavailable if some were not accepted."""
        for batch in _batches(map(write_group, groups)):
            with translated():
                response = self._client.send_message_batch(
                    QueueUrl=self._groups,
                    Entries=[{"Id": str(index), "MessageBody": body} for index, body in enumerate(batch)],
                )
            if response.get("Failed"):
                raise Unavailable("The queue accepted only some of the groups.", 1)


def _batches(bodies: Iterable[str]) -> Iterator[list[str]]:
    batch: list[str] = []
    size = 0
    for body in bodies:
        if batch and (len(batch) == _BATCH_MESSAGES or size + len(body) > _BATCH_BYTES):
            yield batch
            batch, size = [], 0
        batch.append(body)
        size += len(body)
    if batch:
        yield batch


class Plan(NamedTuple):
    """A message of `VisitQueues.plan`."""

    key: JobKey
    attempt: int


def read_plan(body: str) -> Plan:
    """Return the plan of a message body."""
    merchant_id, job_id, attempt = json.loads(body)
    return Plan(JobKey(merchant_id, job_id), attempt)


def write_group(group: Group) -> str:
    """Return a group as a message body."""
    tasks = [[*task._replace(visited_at=to_rfc3339(task.visited_at))] for task in group.tasks]  # type: ignore[arg-type]
    return json.dumps([*group.job, group.attempt, group.number, tasks], separators=(",", ":"))


def read_group(body: str) -> Group:
    """Return the group of a message body; the inverse of `write_group`."""
    merchant_id, job_id, attempt, number, tasks = json.loads(body)
    return Group(JobKey(merchant_id, job_id), attempt, number, tuple(map(_task, tasks)))


def _task(value: list[Any]) -> Task:
    task = Task(*value)
    return task._replace(visited_at=from_rfc3339(cast("str", task.visited_at)))
