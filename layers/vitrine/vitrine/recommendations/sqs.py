"""Work on shoppers as messages."""

from __future__ import annotations

import json
from itertools import islice
from typing import TYPE_CHECKING

from vitrine.platform.problems import Unavailable

if TYPE_CHECKING:
    from collections.abc import Iterable

    from mypy_boto3_sqs import SQSClient

    from vitrine.catalog.model import UserKey
    from vitrine.recommendations.build_model import Work

_USERS_PER_MESSAGE = 100
_LONGEST_DELAY_SECONDS = 900


class SqsTasks:
    """Tasks on a queue."""

    def __init__(self, client: SQSClient, queue_url: str) -> None:
        self._client = client
        self._queue_url = queue_url

    def refresh(self, users: Iterable[UserKey]) -> None:
        """Prepare these shoppers' candidates anew."""
        left = iter(users)
        while some := list(islice(left, _USERS_PER_MESSAGE)):
            self._send({"task": "refresh", "users": some})

    def erase(self, user: UserKey) -> None:
        """Remove all there is of a user; what others were making meanwhile goes when they must have ended."""
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
    """Parts of runs on a queue."""

    def __init__(self, client: SQSClient, queue_url: str) -> None:
        self._client = client
        self._queue_url = queue_url

    def send(self, works: Iterable[Work]) -> None:
        """Let these be done, in any order, each at least once."""
        for work in works:
            self._client.send_message(QueueUrl=self._queue_url, MessageBody=json.dumps(work))
