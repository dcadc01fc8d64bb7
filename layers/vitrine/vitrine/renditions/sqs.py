"""Images to mirror as messages: `{"merchant_id": …, "gallery_id": …, "image_id": …}`."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from vitrine.renditions.model import Holder

if TYPE_CHECKING:
    from collections.abc import Iterable

    from mypy_boto3_sqs import SQSClient

_MOST = 10


class SqsMirroring:
    """Images to mirror, on a queue."""

    def __init__(self, client: SQSClient, queue_url: str) -> None:
        self._client = client
        self._queue_url = queue_url

    def send(self, holders: Iterable[Holder]) -> int:
        """Send each image once; returns how many. Raises where one was not taken."""
        once = sorted(set(holders))
        for start in range(0, len(once), _MOST):
            entries = [
                {"Id": str(at), "MessageBody": json.dumps(holder._asdict())}
                for at, holder in enumerate(once[start : start + _MOST])
            ]
            response = self._client.send_message_batch(QueueUrl=self._queue_url, Entries=entries)  # type: ignore[arg-type]
            if response.get("Failed"):
                raise RuntimeError(f"messages were not taken: {response['Failed']}")
        return len(once)


def read_holder(body: str) -> Holder:
    """The image of a message. Raises ValueError or TypeError when it is none of ours."""
    return Holder(**json.loads(body))
