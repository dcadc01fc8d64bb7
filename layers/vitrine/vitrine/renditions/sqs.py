"""Queues of images to mirror, `{"merchant_id": …, "gallery_id": …, "image_id": …}`, and of pictures to invalidate."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from vitrine.renditions.model import Holder

if TYPE_CHECKING:
    from collections.abc import Iterable

    from mypy_boto3_sqs import SQSClient

_BATCH_LIMIT = 10


class SqsMirroring:
    """The queue of images to mirror, on SQS."""

    def __init__(self, client: SQSClient, queue_url: str) -> None:
        self._client = client
        self._queue_url = queue_url

    def send(self, holders: Iterable[Holder]) -> int:
        """Send a message for each different image; return how many. Raises RuntimeError if one was not accepted."""
        distinct = sorted(set(holders))
        for start in range(0, len(distinct), _BATCH_LIMIT):
            entries = [
                {"Id": str(index), "MessageBody": json.dumps(holder._asdict())}
                for index, holder in enumerate(distinct[start : start + _BATCH_LIMIT])
            ]
            response = self._client.send_message_batch(QueueUrl=self._queue_url, Entries=entries)  # type: ignore[arg-type]
            if response.get("Failed"):
                raise RuntimeError(f"messages were not accepted: {response['Failed']}")
        return len(distinct)


class SqsEdge:
    """Edge on SQS: a queue of digests to invalidate, which are the message bodies."""

    def __init__(self, client: SQSClient, queue_url: str) -> None:
        self._client = client
        self._queue_url = queue_url

    def invalidate(self, digest: str) -> None:
        """Queue the picture."""
        self._client.send_message(QueueUrl=self._queue_url, MessageBody=digest)


def read_holder(body: str) -> Holder:
    """Return the image that a message names. Raises ValueError or TypeError if it names none."""
    return Holder(**json.loads(body))
