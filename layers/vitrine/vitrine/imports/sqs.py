"""Continuations as messages, on the queue of upload notifications."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from vitrine.platform.hops import next_hop

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

    from vitrine.imports.model import ImportKey


class SqsContinuations:
    """Continuations on SQS, for work that was continued `hops` times already."""

    def __init__(self, client: SQSClient, queue_url: str, hops: int = 0) -> None:
        self._client = client
        self._queue_url = queue_url
        self._hops = hops

    def send(self, key: ImportKey, delay_seconds: int) -> None:
        """Have the import continued after a delay. Raises TooManyHops."""
        message = {**key._asdict(), "hops": next_hop(self._hops)}
        self._client.send_message(QueueUrl=self._queue_url, MessageBody=json.dumps(message), DelaySeconds=delay_seconds)
