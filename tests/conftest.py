"""What all tests share."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest
from moto import mock_aws

from tests import aws
from vitrine.platform.aws import close_clients

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def cloud(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The template's tables and queues on moto, and the functions' environment."""
    for name, value in {
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
        "AWS_DEFAULT_REGION": "eu-west-1",
        "AWS_ACCOUNT_ID_ENDPOINT_MODE": "disabled",
        "POWERTOOLS_DEV": "false",
    }.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    with mock_aws():
        _forget_wiring()
        aws.create_tables()
        for name, value in aws.environment_of({**aws.create_queues(), **aws.create_buckets()}).items():
            monkeypatch.setenv(name, value)
        yield
    _forget_wiring()


def _forget_wiring() -> None:
    """Every wiring keeps one engine a process; each test gets its own."""
    close_clients()
    for name, module in list(sys.modules.items()):
        if name.startswith("vitrine.") and name.endswith(".wiring"):
            for made in vars(module).values():
                if hasattr(made, "cache_clear"):
                    made.cache_clear()
