"""The platform's engines."""

from __future__ import annotations

import os
import socket
from functools import cache, partial
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from vitrine.platform.aws import prompt_client
from vitrine.platform.settings import setting

if TYPE_CHECKING:
    from collections.abc import Callable

    from vitrine.platform.fetcher import Fetcher
    from vitrine.platform.idempotency import SavedResponses


@cache
def saved_responses() -> SavedResponses:
    """Responses by Idempotency-Key. Loaded only when a request carries one."""
    from vitrine.platform.idempotency import SavedResponses  # noqa: PLC0415 - see above

    return SavedResponses(setting("IDEMPOTENCY_TABLE"))


@cache
def fetcher() -> Fetcher:
    """The only client for addresses that merchants name. Needs the layer of pictures."""
    from vitrine.platform.fetcher import Fetcher  # noqa: PLC0415 - see above

    allowed = setting("FETCH_ALLOWED_HOSTS", "")
    return Fetcher(allowed_hosts=frozenset(host for host in allowed.split(",") if host))


def dependency_checks() -> dict[str, Callable[[], object]]:
    """A cheap check of each table, bucket and queue that the function is given, and of OpenSearch if it has a URL.

    The checks are named after their variables, whose last word is the kind; they raise if nothing responds.
    """
    tables, buckets, queues = prompt_client("dynamodb"), prompt_client("s3"), prompt_client("sqs")
    checks: dict[str, Callable[[str], object]] = {
        "TABLE": lambda name: tables.query(
            TableName=name,
            KeyConditionExpression="pk = :pk",
            ExpressionAttributeValues={":pk": {"S": "health"}},
            Limit=1,
        ),
        "BUCKET": lambda name: buckets.head_bucket(Bucket=name),
        "QUEUE": lambda url: queues.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"]),
    }
    dependencies: dict[str, Callable[[], object]] = {}
    for name, where in sorted(os.environ.items()):
        check = checks.get(name.rpartition("_")[2])
        if check and where:
            dependencies[name.lower()] = partial(check, where)
    if url := setting("OPENSEARCH_URL", ""):
        dependencies["opensearch_url"] = partial(_connect, url)
    return dependencies


def _connect(url: str) -> None:
    address = urlsplit(url)
    port = address.port or (443 if address.scheme == "https" else 80)
    socket.create_connection((address.hostname or "", port), timeout=2).close()
