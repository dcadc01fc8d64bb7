"""Gallery tasks as messages."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

    from vitrine.galleries.model import GalleryKey, Policy

_CHANGING_SECONDS = 15


class SqsTasks:
    """Tasks on a queue; `hops` is how often they were handed on."""

    def __init__(self, client: SQSClient, queue_url: str, hops: int = 0) -> None:
        self._client = client
        self._queue_url = queue_url
        self._hops = hops

    def delete_gallery(self, key: GalleryKey) -> None:
        """Remove all images of a gallery that is marked, then itself."""
        self._send({"task": "delete_gallery", "key": list(key)})

    def rank_again(self, key: GalleryKey, policy: Policy, after: str | None = None) -> None:
        """Give the images behind `after` the gallery's policy.

        It is asked for before the gallery changes, so that no crash can part the two; a first run waits for it.
        """
        task = {"task": "rank_again", "key": list(key), "policy": policy, "after": after}
        self._send(task, delay_seconds=0 if after else _CHANGING_SECONDS)

    def _send(self, task: dict[str, Any], delay_seconds: int = 0) -> None:
        body = json.dumps({**task, "hops": self._hops})
        self._client.send_message(QueueUrl=self._queue_url, MessageBody=body, DelaySeconds=delay_seconds)
