"""The engines that the suites run on."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest
from moto import mock_aws

from tests.aws import create_tables
from vitrine.platform.aws import client, close_clients

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

    from mypy_boto3_dynamodb import DynamoDBClient

    Tables = Callable[..., AbstractContextManager[DynamoDBClient]]


@pytest.fixture
def tables_on_moto(monkeypatch: pytest.MonkeyPatch) -> Tables:
    """What creates the named tables of the template on moto, for as long as the context lasts."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)

    @contextmanager
    def create(*names: str) -> Iterator[DynamoDBClient]:
        close_clients()
        with mock_aws():
            create_tables(*names)
            yield client("dynamodb")
        close_clients()

    return create
