"""Fixtures of all tests."""

from __future__ import annotations

import sys
import tempfile
import threading
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import settings

from tests.skips import pytest_make_collect_report, pytest_runtest_makereport  # noqa: F401 - pytest finds them here
from vitrine.platform.aws import close_clients

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

# Examples have no deadline: on a busy machine it would measure the other processes.
settings.register_profile("vitrine", deadline=None)
if settings.get_current_profile_name() == "default":
    settings.load_profile("vitrine")


@pytest.fixture
def aws_credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    """Credentials and a region that mean nothing to AWS, and no endpoint of this machine's."""
    for name, value in {
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
        "AWS_DEFAULT_REGION": "eu-west-1",
        "AWS_ACCOUNT_ID_ENDPOINT_MODE": "disabled",
    }.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)


@pytest.fixture
def cloud(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, aws_credentials: None) -> Iterator[None]:
    """The template's resources on moto, the functions' environment, and a temporary folder for this test."""
    from moto import mock_aws  # tests/unit does not wait for this import

    from tests import aws
    from tests.emulator import deploy

    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setenv("POWERTOOLS_DEV", "false")
    _let_moto_take_one_call_at_a_time(monkeypatch)
    with mock_aws():
        _forget_wiring()
        for name, value in aws.environment_of(deploy()).items():
            monkeypatch.setenv(name, value)
        yield
    _forget_wiring()


def _let_moto_take_one_call_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Serialize moto's calls: those of several threads would see half-changed dictionaries; AWS's are atomic."""
    from moto.core.botocore_stubber import BotocoreStubber

    lock, response = threading.RLock(), BotocoreStubber.process_request

    def response_alone(stubber: BotocoreStubber, request: Any) -> Any:
        with lock:
            return response(stubber, request)

    monkeypatch.setattr(BotocoreStubber, "process_request", response_alone)


def _forget_wiring() -> None:
    """Clear the wirings' caches, which keep one engine per process, so that each test has its own."""
    close_clients()
    for name, module in list(sys.modules.items()):
        if name.startswith("vitrine.") and name.endswith(".wiring"):
            for made in vars(module).values():
                if hasattr(made, "cache_clear"):
                    made.cache_clear()
