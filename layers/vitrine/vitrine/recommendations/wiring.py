"""Picks the recommendations' engines."""

from __future__ import annotations

from functools import cache, partial
from typing import TYPE_CHECKING
from uuid import uuid4

from vitrine.catalog.wiring import interaction_repository, product_repository
from vitrine.platform.aws import client, read_secret
from vitrine.platform.settings import setting
from vitrine.recommendations.build_model import ModelBuilder
from vitrine.recommendations.dynamodb import (
    DynamoDBBuilds,
    DynamoDBModels,
    DynamoDBRecent,
    DynamoDBRecommendationInputs,
    TableCache,
)
from vitrine.recommendations.recommend import Recommender
from vitrine.recommendations.s3 import S3Files
from vitrine.recommendations.sqs import SqsTasks, SqsWork

if TYPE_CHECKING:
    from collections.abc import Iterator

    from vitrine.catalog.model import Interaction, Product
    from vitrine.catalog.ports import Withdrawals
    from vitrine.recommendations.athena import AthenaEngine
    from vitrine.recommendations.ports import ResponseCache


@cache
def model_repository() -> DynamoDBModels:
    """Return the process's model repository."""
    return DynamoDBModels(client("dynamodb"), setting("RECOMMENDATIONS_TABLE"))


def withdrawals() -> Withdrawals:
    """Return the listener for withdrawn products."""
    return model_repository()


@cache
def recommendation_inputs_repository() -> DynamoDBRecommendationInputs:
    """Return the process's repository of inputs."""
    return DynamoDBRecommendationInputs(
        client("dynamodb"),
        setting("RECOMMENDATIONS_TABLE"),
        setting("PRODUCTS_TABLE"),
        setting("INTERACTIONS_TABLE"),
    )


@cache
def recent_repository() -> DynamoDBRecent:
    """Return the process's repository of shops' newest touches."""
    return DynamoDBRecent(client("dynamodb"), setting("RECOMMENDATIONS_TABLE"))


@cache
def response_cache() -> ResponseCache:
    """Return the process's response cache."""
    url = setting("REDIS_URL", "")
    if url:
        from vitrine.recommendations.redis import RedisCache, SecretCredentials  # noqa: PLC0415 - loaded where used

        secret = setting("REDIS_SECRET_ARN", "")
        return RedisCache(url, SecretCredentials(partial(read_secret, secret)) if secret else None)
    return TableCache(client("dynamodb"), setting("RECOMMENDATIONS_TABLE"))


@cache
def recommender() -> Recommender:
    """Return the process's recommender."""
    return Recommender(recommendation_inputs_repository(), response_cache(), product_repository())


@cache
def build_repository() -> DynamoDBBuilds:
    """Return the process's repository of builds."""
    return DynamoDBBuilds(client("dynamodb"), setting("RECOMMENDATIONS_TABLE"))


@cache
def work_queue() -> SqsWork:
    """Return the queue of work items."""
    return SqsWork(client("sqs"), setting("MODELS_QUEUE"))


@cache
def early_work_queue() -> SqsWork | None:
    """Return the queue of work items if interactions alone may start a build."""
    queue = setting("EARLY_MODELS_QUEUE", "")
    return SqsWork(client("sqs"), queue) if queue else None


@cache
def shortlist_tasks() -> SqsTasks:
    """Return the queue of tasks."""
    return SqsTasks(client("sqs"), setting("SHORTLISTS_QUEUE"))


def new_recommendation_id() -> str:
    """Return a new recommendation id."""
    return uuid4().hex


class _Catalog:
    """Catalog on the catalogue's repositories."""

    def interactions(self, merchant_id: str, part: int) -> Iterator[Interaction]:
        return interaction_repository().part(merchant_id, part)

    def products(self, merchant_id: str) -> Iterator[Product]:
        return product_repository().all_products(merchant_id)


def _athena(files: S3Files) -> AthenaEngine:
    from vitrine.recommendations.athena import AthenaEngine  # noqa: PLC0415 - loaded where it is used

    return AthenaEngine(
        client("athena"),
        client("s3"),
        files,
        setting("MODELS_BUCKET"),
        setting("MODELS_WORKGROUP"),
        setting("MODELS_DATABASE"),
    )


@cache
def model_builder() -> ModelBuilder:
    """Return the process's model builder. Needs DuckDB, which only the function `models` has."""
    from vitrine.recommendations.duckdb import DuckDBEngine  # noqa: PLC0415 - heavy

    files = S3Files(client("s3"), setting("MODELS_BUCKET"))
    local = DuckDBEngine(files)
    return ModelBuilder(
        build_repository(),
        files,
        _athena(files) if setting("MODEL_ENGINE", "duckdb") == "athena" else local,
        local,
        _Catalog(),
        model_repository(),
        work_queue(),
        shortlist_tasks(),
        recent_repository(),
    )
