"""Continuations as messages on the queue that also tells of new objects."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

    from vitrine.imports.model import ImportKey


class SqsContinuations:
    """Continuations on a queue."""

    def __init__(self, client: SQSClient, queue_url: str) -> None:
        self._client = client
        self._queue_url = queue_url

    def send(self, key: ImportKey, delay_seconds: int) -> None:
        """Run the import again after a while."""
        self._client.send_message(
            QueueUrl=self._queue_url, MessageBody=json.dumps(key._asdict()), DelaySeconds=delay_seconds
        )
