"""Picks the recommendations' engines."""

from __future__ import annotations

from functools import cache, partial
from typing import TYPE_CHECKING, NamedTuple
from uuid import uuid4

from vitrine.catalog.wiring import InteractionSettings, ProductSettings, interaction_repository, product_repository
from vitrine.platform.aws import client, read_secret
from vitrine.platform.settings import read_settings
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


class RecommendationSettings(NamedTuple):
    """The table of models, shortlists and cached responses.

    With `redis_url` the responses are cached there; `redis_secret_arn` names the secret with its password.
    """

    recommendations_table: str
    redis_url: str = ""
    redis_secret_arn: str = ""


class ModelSettings(NamedTuple):
    """The bucket and the engine that build models: `duckdb`, or `athena` with its workgroup and database."""

    models_bucket: str
    model_engine: str = "duckdb"
    models_workgroup: str = ""
    models_database: str = ""


class WorkSettings(NamedTuple):
    """The queue of work items."""

    models_queue: str


class EarlyWorkSettings(NamedTuple):
    """The queue of work items of builds that interactions start; empty if they start none."""

    early_models_queue: str = ""


class TaskSettings(NamedTuple):
    """The queue of tasks."""

    shortlists_queue: str


@cache
def model_repository() -> DynamoDBModels:
    """Return the process's model repository."""
    return DynamoDBModels(client("dynamodb"), read_settings(RecommendationSettings).recommendations_table)


def withdrawals() -> Withdrawals:
    """Return the listener for withdrawn products."""
    return model_repository()


@cache
def recommendation_inputs_repository() -> DynamoDBRecommendationInputs:
    """Return the process's repository of inputs."""
    return DynamoDBRecommendationInputs(
        client("dynamodb"),
        read_settings(RecommendationSettings).recommendations_table,
        read_settings(ProductSettings).products_table,
        read_settings(InteractionSettings).interactions_table,
    )


@cache
def recent_repository() -> DynamoDBRecent:
    """Return the process's repository of shops' newest touches."""
    return DynamoDBRecent(client("dynamodb"), read_settings(RecommendationSettings).recommendations_table)


@cache
def response_cache() -> ResponseCache:
    """Return the process's response cache."""
    settings = read_settings(RecommendationSettings)
    if settings.redis_url:
        from vitrine.recommendations.redis import RedisCache, SecretCredentials  # noqa: PLC0415 - loaded where used

        secret = settings.redis_secret_arn
        return RedisCache(settings.redis_url, SecretCredentials(partial(read_secret, secret)) if secret else None)
    return TableCache(client("dynamodb"), settings.recommendations_table)


@cache
def recommender() -> Recommender:
    """Return the process's recommender."""
    return Recommender(recommendation_inputs_repository(), response_cache(), product_repository())


@cache
def build_repository() -> DynamoDBBuilds:
    """Return the process's repository of builds."""
    return DynamoDBBuilds(client("dynamodb"), read_settings(RecommendationSettings).recommendations_table)


@cache
def work_queue() -> SqsWork:
    """Return the queue of work items."""
    return SqsWork(client("sqs"), read_settings(WorkSettings).models_queue)


@cache
def early_work_queue() -> SqsWork | None:
    """Return the queue of work items if interactions alone may start a build."""
    queue = read_settings(EarlyWorkSettings).early_models_queue
    return SqsWork(client("sqs"), queue) if queue else None


@cache
def shortlist_tasks() -> SqsTasks:
    """Return the queue of tasks."""
    return SqsTasks(client("sqs"), read_settings(TaskSettings).shortlists_queue)


def new_recommendation_id() -> str:
    """Return a new recommendation id."""
    return uuid4().hex


class _Catalog:
    """Catalog on the catalogue's repositories."""

    def interactions(self, merchant_id: str, part: int) -> Iterator[Interaction]:
        return interaction_repository().part(merchant_id, part)

    def products(self, merchant_id: str) -> Iterator[Product]:
        return product_repository().all_products(merchant_id)


def _athena(files: S3Files, settings: ModelSettings) -> AthenaEngine:
    from vitrine.recommendations.athena import AthenaEngine  # noqa: PLC0415 - loaded where it is used

    return AthenaEngine(
        client("athena"),
        client("s3"),
        files,
        settings.models_bucket,
        settings.models_workgroup,
        settings.models_database,
    )


@cache
def model_builder() -> ModelBuilder:
    """Return the process's model builder. Needs DuckDB, which only the function `models` has."""
    from vitrine.recommendations.duckdb import DuckDBEngine  # noqa: PLC0415 - heavy

    settings = read_settings(ModelSettings)
    files = S3Files(client("s3"), settings.models_bucket)
    local = DuckDBEngine(files)
    return ModelBuilder(
        build_repository(),
        files,
        _athena(files, settings) if settings.model_engine == "athena" else local,
        local,
        _Catalog(),
        model_repository(),
        work_queue(),
        shortlist_tasks(),
    )
