"""The platform's engines."""

from __future__ import annotations

import socket
from functools import cache, partial
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urlsplit

from vitrine.platform.aws import prompt_client
from vitrine.platform.settings import read_settings, setting

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


class DependencySettings(NamedTuple):
    """All dependencies of the product; the last word of each name is its kind."""

    access_table: str
    idempotency_table: str
    logs_table: str
    galleries_table: str
    images_table: str
    counters_table: str
    queries_table: str
    review_table: str
    imports_table: str
    visits_table: str
    products_table: str
    interactions_table: str
    recommendations_table: str
    pictures_bucket: str
    search_bucket: str
    uploads_bucket: str
    submissions_bucket: str
    models_bucket: str
    history_bucket: str
    events_queue: str
    gallery_tasks_queue: str
    weights_retry_queue: str
    search_changes_queue: str
    search_comparisons_queue: str
    invalidations_queue: str
    mirroring_queue: str
    renditions_table: str
    review_retry_queue: str
    imports_queue: str
    visit_plans_queue: str
    visit_groups_queue: str
    shortlists_queue: str
    models_queue: str
    opensearch_url: str = ""


def dependency_checks() -> dict[str, Callable[[], object]]:
    """A cheap check of each dependency, by name; it raises if the dependency does not respond."""
    tables, buckets, queues = prompt_client("dynamodb"), prompt_client("s3"), prompt_client("sqs")
    checks: dict[str, Callable[[str], object]] = {
        "table": lambda name: tables.query(
            TableName=name,
            KeyConditionExpression="pk = :pk",
            ExpressionAttributeValues={":pk": {"S": "health"}},
            Limit=1,
        ),
        "bucket": lambda name: buckets.head_bucket(Bucket=name),
        "queue": lambda url: queues.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"]),
        "url": _connect,
    }
    settings = read_settings(DependencySettings)._asdict()
    return {name: partial(checks[name.rpartition("_")[2]], where) for name, where in settings.items() if where}


def _connect(url: str) -> None:
    address = urlsplit(url)
    port = address.port or (443 if address.scheme == "https" else 80)
    socket.create_connection((address.hostname or "", port), timeout=2).close()
