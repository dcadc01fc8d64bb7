"""Work items and tasks as messages."""

from __future__ import annotations

import json
from itertools import islice
from typing import TYPE_CHECKING

from vitrine.platform.problems import Unavailable

if TYPE_CHECKING:
    from collections.abc import Iterable

    from mypy_boto3_sqs import SQSClient

    from vitrine.catalog.model import UserKey
    from vitrine.recommendations.ports import WorkItem

_USERS_PER_MESSAGE = 100
_LONGEST_DELAY_SECONDS = 900


class SqsTasks:
    """Tasks on SQS."""

    def __init__(self, client: SQSClient, queue_url: str) -> None:
        self._client = client
        self._queue_url = queue_url

    def refresh(self, users: Iterable[UserKey]) -> None:
        remaining = iter(users)
        while chunk := list(islice(remaining, _USERS_PER_MESSAGE)):
            self._send({"task": "refresh", "users": chunk})

    def erase(self, user: UserKey) -> None:
        """Queue the deletion, and a second one for what requests under way store meanwhile."""
        self._send({"task": "erase", "users": [user]})
        self._send({"task": "sweep", "users": [user]}, delay_seconds=_LONGEST_DELAY_SECONDS)

    def _send(self, task: object, delay_seconds: int = 0) -> None:
        try:
            self._client.send_message(
                QueueUrl=self._queue_url, MessageBody=json.dumps(task), DelaySeconds=delay_seconds
            )
        except self._client.exceptions.ClientError as error:
            raise Unavailable("The queue is busy. Send the request again.", 1) from error


class SqsWork:
    """WorkQueue on SQS."""

    def __init__(self, client: SQSClient, queue_url: str) -> None:
        self._client = client
        self._queue_url = queue_url

    def send(self, items: Iterable[WorkItem]) -> None:
        for item in items:
            self._client.send_message(QueueUrl=self._queue_url, MessageBody=json.dumps(item))
