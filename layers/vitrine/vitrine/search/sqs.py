"""Keys of changed images as messages: `{"merchant_id": …, "keys": [[gallery_id, image_id], …]}`."""

from __future__ import annotations

import json
from itertools import groupby
from typing import TYPE_CHECKING, NamedTuple

from vitrine.search.model import ImageKey
from vitrine.search.reconcile_index import Comparison

if TYPE_CHECKING:
    from collections.abc import Iterable

    from mypy_boto3_sqs import SQSClient

KEYS_A_MESSAGE = 500


class ChangedImage(NamedTuple):
    """An image that changed."""

    merchant_id: str
    key: ImageKey


class SqsChanges:
    """The queue of changed images."""

    def __init__(self, client: SQSClient, queue_url: str) -> None:
        self._client = client
        self._queue_url = queue_url

    def send(self, changed: Iterable[ChangedImage]) -> int:
        """Send each image once, grouped by merchant; return how many."""
        distinct = sorted(set(changed))
        for merchant_id, group in groupby(distinct, key=lambda change: change.merchant_id):
            keys = [list(change.key) for change in group]
            for start in range(0, len(keys), KEYS_A_MESSAGE):
                message = {"merchant_id": merchant_id, "keys": keys[start : start + KEYS_A_MESSAGE]}
                self._client.send_message(QueueUrl=self._queue_url, MessageBody=json.dumps(message))
        return len(distinct)


class SqsComparisons:
    """The queue of comparisons that go on. `hops` counts the earlier invocations."""

    def __init__(self, client: SQSClient, queue_url: str, hops: int = 0) -> None:
        self._client = client
        self._queue_url = queue_url
        self._hops = hops

    def send(self, comparison: Comparison) -> None:
        """Continue the comparison in another invocation."""
        body = json.dumps({"comparison": comparison._asdict(), "hops": self._hops})
        self._client.send_message(QueueUrl=self._queue_url, MessageBody=body)


def read_comparison(body: str) -> tuple[Comparison, int]:
    """Return the comparison of a message, and its `hops`."""
    message = json.loads(body)
    return Comparison(**message["comparison"]), message["hops"]


def read_changes(body: str) -> tuple[str, list[ImageKey]]:
    """Return the merchant and the keys of a message. Raises ValueError or KeyError if it has another form."""
    message = json.loads(body)
    return message["merchant_id"], [ImageKey(gallery_id, image_id) for gallery_id, image_id in message["keys"]]
