"""AWS clients: one per service and process, created on first use.

They use `botocore` without `boto3`, and only the part of its data that the layer carries (`sdk_data.py`), if there is
one: the clients are the same, and a cold start is shorter.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, overload
from uuid import uuid4

import botocore.session
from botocore.config import Config
from botocore.loaders import Loader

from vitrine.platform.tracing import trace_calls

if TYPE_CHECKING:
    from collections.abc import Sequence

    from botocore.credentials import Credentials
    from mypy_boto3_athena import AthenaClient
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_sqs import SQSClient

_CONFIG = Config(
    connect_timeout=2,
    read_timeout=10,
    retries={"mode": "standard", "max_attempts": 5},
    max_pool_connections=64,
    tcp_keepalive=True,
    user_agent="Vitrine/1",  # botocore builds its own anew for each call, which takes 90 µs
    parameter_validation=False,  # the service validates too; here it would take 40 µs a call
)
# For calls that a request waits for: a slow response counts as none.
_PROMPT_CONFIG = _CONFIG.merge(
    Config(connect_timeout=1, read_timeout=1, retries={"mode": "standard", "total_max_attempts": 1})
)
# Without these, presigned URLs have the older signature, which signs no headers, and not the bucket's own region.
_S3_CONFIG = _CONFIG.merge(Config(signature_version="s3v4", s3={"addressing_style": "virtual"}))

_SDK_DATA = Path(__file__).parents[2] / "sdk_data"


@cache
def _session(data: Path | None) -> botocore.session.Session:
    session = botocore.session.get_session()
    if data is not None:
        loader = Loader(extra_search_paths=[str(data)], include_default_search_paths=False)
        session.register_component("data_loader", loader)
    return session


@overload
def client(service: Literal["dynamodb"]) -> DynamoDBClient: ...
@overload
def client(service: Literal["s3"]) -> S3Client: ...
@overload
def client(service: Literal["sqs"]) -> SQSClient: ...
@overload
def client(service: Literal["athena"]) -> AthenaClient: ...
@overload
def client(service: Literal["secretsmanager", "cloudfront", "cloudformation"]) -> Any: ...
@cache
def client(service: str) -> Any:
    """The process's client of a service. Thread-safe."""
    data = _SDK_DATA if (_SDK_DATA / service).is_dir() else None
    config = {"s3": _S3_CONFIG, "secretsmanager": _PROMPT_CONFIG}.get(service, _CONFIG)
    made = _session(data).create_client(service, config=config)
    trace_calls(made.meta.events, service)
    return made


def prompt_client(service: Literal["dynamodb", "s3", "sqs"]) -> Any:
    """A client without retries that waits at most a second or two."""
    data = _SDK_DATA if (_SDK_DATA / service).is_dir() else None
    return _session(data).create_client(service, config=_PROMPT_CONFIG)


def read_secret(arn: str) -> str:
    """The text of a secret. Raises botocore's error if it cannot be read within a second or two."""
    return str(client("secretsmanager").get_secret_value(SecretId=arn)["SecretString"])


def invalidate(cloudfront: Any, distribution: str, paths: Sequence[str]) -> None:
    """Remove what is below these paths from the caches of a distribution."""
    batch = {"Paths": {"Quantity": len(paths), "Items": paths}, "CallerReference": uuid4().hex}
    cloudfront.create_invalidation(DistributionId=distribution, InvalidationBatch=batch)


def credentials() -> Credentials | None:
    """The credentials that sign requests to other AWS services."""
    return _session(None).get_credentials()


def close_clients() -> None:
    """Forget all clients, so that the next use creates new ones (tests change endpoints).

    The sessions stay, since reading their service data takes ten times as long as creating a client.
    """
    client.cache_clear()  # type: ignore[attr-defined]
