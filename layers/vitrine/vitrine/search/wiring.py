"""Picks the search engine that the template's parameter names. Only that engine is imported."""

from __future__ import annotations

from datetime import timedelta
from functools import cache, partial
from pathlib import Path
from tempfile import gettempdir
from threading import Lock
from typing import TYPE_CHECKING

from vitrine.platform.aws import client
from vitrine.platform.settings import setting

if TYPE_CHECKING:
    from opensearchpy import OpenSearch

    from vitrine.engagement.dynamodb import DynamoDBCounters
    from vitrine.search.count_queries import QueryCounter
    from vitrine.search.dynamodb import DynamoDBQueries, DynamoDBSettings
    from vitrine.search.model import MerchantSettings
    from vitrine.search.ports import ImageFinder, ImageIndex
    from vitrine.search.queries import QueryCounts
    from vitrine.search.recent import Recent
    from vitrine.search.reconcile_index import Reconciler
    from vitrine.search.segments import LocalVersions, SegmentRepository
    from vitrine.search.sqs import SqsChanges, SqsComparisons

EMBEDDED = "embedded"
SETTINGS_REMEMBERED_FOR = timedelta(seconds=5)
QUERIES_REMEMBERED_FOR = timedelta(seconds=30)
_one_at_a_time = Lock()


@cache
def search_settings() -> DynamoDBSettings:
    """Return the settings of merchants."""
    from vitrine.search.dynamodb import DynamoDBSettings  # noqa: PLC0415 - only one function reads them

    return DynamoDBSettings(client("dynamodb"), setting("GALLERIES_TABLE"))


@cache
def recent_settings() -> Recent[MerchantSettings]:
    """Return the cache of settings."""
    from vitrine.search.recent import Recent  # noqa: PLC0415 - as above

    return Recent(partial(search_settings().find, consistent=False), SETTINGS_REMEMBERED_FOR, 100)


@cache
def queries() -> DynamoDBQueries:
    """Return what was counted for queries."""
    from vitrine.search.dynamodb import DynamoDBQueries  # noqa: PLC0415 - indexing needs none of it

    return DynamoDBQueries(client("dynamodb"), setting("QUERIES_TABLE"))


@cache
def recent_queries() -> Recent[QueryCounts]:
    """Return the cache of what was counted for queries."""
    from vitrine.search.recent import Recent  # noqa: PLC0415 - as above

    return Recent(queries().find, QUERIES_REMEMBERED_FOR, 1000)


@cache
def query_counters() -> DynamoDBCounters:
    """Return the counters of queries."""
    from vitrine.engagement.dynamodb import DynamoDBCounters  # noqa: PLC0415 - as above
    from vitrine.search.dynamodb import QUERIES_ARE_KEPT  # noqa: PLC0415 - as above

    return DynamoDBCounters(client("dynamodb"), setting("QUERIES_TABLE"), QUERIES_ARE_KEPT)


@cache
def query_counter() -> QueryCounter:
    """Return what counts searches and their clicks."""
    from vitrine.engagement.count_events import EventCounter  # noqa: PLC0415 - only what takes events counts
    from vitrine.engagement.wiring import daily_salts, event_window  # noqa: PLC0415 - as above
    from vitrine.search.count_queries import Queries, QueryCounter  # noqa: PLC0415 - as above

    return QueryCounter(EventCounter(query_counters(), Queries(), daily_salts(), event_window()))


@cache
def image_finder() -> ImageFinder:
    """Return the process's finder."""
    if setting("SEARCH_ENGINE") == EMBEDDED:
        from vitrine.search.tantivy import TantivyFinder  # noqa: PLC0415 - one engine is imported

        return TantivyFinder(*_embedded())
    from vitrine.search.opensearch import OpenSearchFinder  # noqa: PLC0415 - as above

    return OpenSearchFinder(_opensearch())


@cache
def image_index() -> ImageIndex:
    """Return the process's index."""
    if setting("SEARCH_ENGINE") == EMBEDDED:
        from vitrine.search.tantivy import TantivyIndex  # noqa: PLC0415 - one engine is imported

        return TantivyIndex(*_embedded(), search_settings().newest_language)
    from vitrine.search.opensearch import OpenSearchIndex  # noqa: PLC0415 - as above

    return OpenSearchIndex(_opensearch(), search_settings().newest_language)


def reconciler() -> Reconciler:
    """Return what compares the index with the images."""
    from vitrine.galleries.wiring import gallery_repository  # noqa: PLC0415 - only one function compares
    from vitrine.search.reconcile_index import Reconciler  # noqa: PLC0415 - as above

    return Reconciler(gallery_repository(), image_finder(), image_index(), search_settings().newest_language)


def comparisons(hops: int = 0) -> SqsComparisons:
    """Return the queue of comparisons; messages to it carry `hops`."""
    from vitrine.search.sqs import SqsComparisons  # noqa: PLC0415 - only one function compares

    return SqsComparisons(client("sqs"), setting("SEARCH_COMPARISONS_QUEUE"), hops)


@cache
def changes() -> SqsChanges:
    """Return the queue of changed images."""
    from vitrine.search.sqs import SqsChanges  # noqa: PLC0415 - only one function sends

    return SqsChanges(client("sqs"), setting("SEARCH_CHANGES_QUEUE"))


def _embedded() -> tuple[SegmentRepository, LocalVersions]:
    with _one_at_a_time:  # what starts deletes what was abandoned, and must not delete what another thread began
        return _embedded_store()


@cache
def _embedded_store() -> tuple[SegmentRepository, LocalVersions]:
    from vitrine.search.segments import LocalVersions, SegmentRepository  # noqa: PLC0415 - one engine is imported

    repository = SegmentRepository(client("s3"), setting("SEARCH_BUCKET"))
    budget = int(setting("SEARCH_DISK_BYTES", "400_000_000"))
    return repository, LocalVersions(repository, Path(gettempdir()) / "vitrine-search", budget)


def _opensearch() -> OpenSearch:
    from opensearchpy import OpenSearch, Urllib3AWSV4SignerAuth  # noqa: PLC0415 - one engine is imported

    from vitrine.platform.aws import credentials  # noqa: PLC0415 - as above

    url = setting("OPENSEARCH_URL")
    signed = url.startswith("https://")
    return OpenSearch(
        url,
        http_auth=Urllib3AWSV4SignerAuth(credentials(), setting("AWS_REGION", "")) if signed else None,
        timeout=8,
        max_retries=2,
        retry_on_timeout=True,
    )
