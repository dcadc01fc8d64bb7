"""AWS clients: one per service and process, made on first use.

`botocore` is used without `boto3`: the clients are the same objects and the start is shorter.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any, Literal, overload

import botocore.session
from botocore.config import Config

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_sqs import SQSClient

_CONFIG = Config(
    connect_timeout=2,
    read_timeout=10,
    retries={"mode": "standard", "max_attempts": 5},
    max_pool_connections=64,
    tcp_keepalive=True,
)


@cache
def _session() -> botocore.session.Session:
    return botocore.session.get_session()


@overload
def client(service: Literal["dynamodb"]) -> DynamoDBClient: ...
@overload
def client(service: Literal["s3"]) -> S3Client: ...
@overload
def client(service: Literal["sqs"]) -> SQSClient: ...
@cache
def client(service: str) -> Any:
    """The process's client of a service. Thread-safe."""
    return _session().create_client(service, config=_CONFIG)


def close_clients() -> None:
    """Forget all clients, so that the next use makes new ones (tests change endpoints)."""
    client.cache_clear()  # type: ignore[attr-defined]
    _session.cache_clear()
