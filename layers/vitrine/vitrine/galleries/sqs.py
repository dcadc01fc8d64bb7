"""Gallery tasks as messages."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

    from vitrine.galleries.model import GalleryKey

_PLANNING_SECONDS = 5
_PAGING_SECONDS = 900
_REQUEST_SECONDS = 30  # a request lasts shorter


class SqsTasks:
    """The port `Tasks` on a queue. `hops` counts how often a task was handed on."""

    def __init__(self, client: SQSClient, queue_url: str, hops: int = 0) -> None:
        self._client = client
        self._queue_url = queue_url
        self._hops = hops

    def delete_gallery(self, key: GalleryKey) -> None:
        """Delete all images of a gallery marked for deletion, then the gallery."""
        self._send({"task": "delete_gallery", "key": list(key)})

    def fit_prior(self, key: GalleryKey) -> None:
        """Refit the prior of a gallery's ranking, if it is off."""
        self._send({"task": "fit_prior", "key": list(key)})

    def apply_rules(self, key: GalleryKey) -> None:
        """Reorder a gallery if other merchandising rules are in force now."""
        self._send({"task": "apply_rules", "key": list(key)})

    def forget_visits(self, key: GalleryKey, number: int) -> None:
        """Delete the visitors of an experiment, once no more are recorded. `number` is its second arm's version."""
        self._send({"task": "forget_visits", "key": list(key), "version": number}, delay_seconds=_PAGING_SECONDS)

    def mirror_images(self, key: GalleryKey, after: str | None = None) -> None:
        """Mirror or withdraw the pictures of the images after the id `after`."""
        task = {"task": "mirror_images", "key": list(key), "after": after}
        self._send(task, delay_seconds=0 if after else _REQUEST_SECONDS)

    def make_order(self, key: GalleryKey, version: int, after: str | None = None) -> None:
        """Score the images after `after` under the gallery's next version, then make it the live one.

        The task is sent before the version is planned, so that a crash cannot separate the two. Its first delivery is
        delayed until the version is planned and no reader remembers the version that had its slot.
        """
        task = {"task": "make_order", "key": list(key), "version": version, "after": after}
        self._send(task, delay_seconds=0 if after else _PLANNING_SECONDS)

    def forget_order(self, key: GalleryKey, version: int, after: str | None = None) -> None:
        """Remove the scores of a retired version, once its readers had time to finish."""
        task = {"task": "forget_order", "key": list(key), "version": version, "after": after}
        self._send(task, delay_seconds=0 if after else _PAGING_SECONDS)

    def _send(self, task: dict[str, Any], delay_seconds: int = 0) -> None:
        body = json.dumps({**task, "hops": self._hops})
        self._client.send_message(QueueUrl=self._queue_url, MessageBody=body, DelaySeconds=delay_seconds)
