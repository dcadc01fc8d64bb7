"""Recommendations on their engines."""

from __future__ import annotations

from functools import cache, partial
from typing import TYPE_CHECKING, NamedTuple
from uuid import uuid4

from vitrine.catalog.wiring import InteractionSettings, ProductSettings, interaction_repository, product_repository
from vitrine.platform.aws import client, read_secret
from vitrine.platform.settings import read_settings
from vitrine.recommendations.build_model import LocalEngine, ModelBuilder
from vitrine.recommendations.dynamodb import DynamoDBBuilds, DynamoDBModels, DynamoDBRecommendationInputs, TableCache
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
    """Where models, shortlists and entries are kept.

    `redis_url` moves the entries there; `redis_secret_arn` names the secret with its password.
    """

    recommendations_table: str
    redis_url: str = ""
    redis_secret_arn: str = ""


class ModelSettings(NamedTuple):
    """Where models are built, and by what: `duckdb` or `athena`, which has a workgroup and a database of tables."""

    models_bucket: str
    model_engine: str = "duckdb"
    models_workgroup: str = ""
    models_database: str = ""


class WorkSettings(NamedTuple):
    """Where work on models goes."""

    models_queue: str


class EarlyWorkSettings(NamedTuple):
    """Where work goes on models that no schedule asked for; empty for no such models."""

    early_models_queue: str = ""


class TaskSettings(NamedTuple):
    """Where work on shoppers goes."""

    shortlists_queue: str


@cache
def model_repository() -> DynamoDBModels:
    """Models."""
    return DynamoDBModels(client("dynamodb"), read_settings(RecommendationSettings).recommendations_table)


def withdrawals() -> Withdrawals:
    """Who must know that a product may no longer be shown."""
    return model_repository()


@cache
def recommendation_inputs_repository() -> DynamoDBRecommendationInputs:
    """What was prepared for shoppers."""
    return DynamoDBRecommendationInputs(
        client("dynamodb"),
        read_settings(RecommendationSettings).recommendations_table,
        read_settings(ProductSettings).products_table,
        read_settings(InteractionSettings).interactions_table,
    )


@cache
def entries() -> ResponseCache:
    """Finished recommendations."""
    settings = read_settings(RecommendationSettings)
    if settings.redis_url:
        from vitrine.recommendations.redis import RedisCache, SecretCredentials  # noqa: PLC0415 - loaded where used

        secret = settings.redis_secret_arn
        return RedisCache(settings.redis_url, SecretCredentials(partial(read_secret, secret)) if secret else None)
    return TableCache(client("dynamodb"), settings.recommendations_table)


@cache
def recommender() -> Recommender:
    """Serves recommendations."""
    return Recommender(recommendation_inputs_repository(), entries(), product_repository())


@cache
def model_runs() -> DynamoDBBuilds:
    """Runs of the model builder."""
    return DynamoDBBuilds(client("dynamodb"), read_settings(RecommendationSettings).recommendations_table)


@cache
def model_work() -> SqsWork:
    """Parts of runs that wait."""
    return SqsWork(client("sqs"), read_settings(WorkSettings).models_queue)


@cache
def early_model_work() -> SqsWork | None:
    """The same, where interactions alone may begin a run."""
    queue = read_settings(EarlyWorkSettings).early_models_queue
    return SqsWork(client("sqs"), queue) if queue else None


@cache
def shortlist_tasks() -> SqsTasks:
    """Work on shoppers that goes on after the answer."""
    return SqsTasks(client("sqs"), read_settings(TaskSettings).shortlists_queue)


def new_recommendation_id() -> str:
    """A fresh id."""
    return uuid4().hex


class _Catalog:
    """The model builder's port `Catalog`."""

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
    """Builds models. Needs DuckDB, which only the function `models` carries."""
    from vitrine.recommendations import duckdb  # noqa: PLC0415 - heavy

    settings = read_settings(ModelSettings)
    files = S3Files(client("s3"), settings.models_bucket)
    local = LocalEngine(files, duckdb.learn)
    return ModelBuilder(
        model_runs(),
        files,
        _athena(files, settings) if settings.model_engine == "athena" else local,
        local,
        _Catalog(),
        model_repository(),
        model_work(),
        shortlist_tasks(),
    )
