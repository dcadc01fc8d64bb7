"""The queue of events in SQS."""

from __future__ import annotations

from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from vitrine.engagement.prepared import to_text
from vitrine.platform.problems import Unavailable

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

    from vitrine.engagement.prepared import PreparedBatch

_EVENTS_A_MESSAGE = 100  # with the longest ids half of what a message may hold


class SqsEvents:
    """EventQueue on SQS."""

    def __init__(self, client: SQSClient, queue: str) -> None:
        self._client = client
        self._queue = queue

    def store(self, batch: PreparedBatch) -> None:
        for start in range(0, len(batch.events), _EVENTS_A_MESSAGE):
            body = to_text(batch._replace(events=batch.events[start : start + _EVENTS_A_MESSAGE]))
            try:
                self._client.send_message(QueueUrl=self._queue, MessageBody=body)
            except (BotoCoreError, ClientError) as error:
                raise Unavailable("The events could not be stored. Send them again.", 1) from error
