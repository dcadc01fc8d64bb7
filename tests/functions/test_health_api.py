"""Whether the API is there, and whether everything behind it is."""

from __future__ import annotations

import os
import socket
import time
import tomllib
from typing import TYPE_CHECKING

import pytest

from functions.health_api.handler import lambda_handler as health
from tests.aws import ROOT, resources, serve
from vitrine.platform.aws import client

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.usefixtures("cloud")

READ_BY_THE_EDGE = {"WebBucket"}  # no function reads it


def ready(kind: str = "secret") -> tuple[int, dict[str, str], float]:
    started = time.monotonic()
    status, response, _ = serve(health, "GET", "/health/ready", kind=kind)
    return (
        status,
        {dependency["name"]: dependency["status"] for dependency in response.get("dependencies", [])},
        time.monotonic() - started,
    )


def test_anyone_and_every_cache_may_read_that_it_responses_and_in_which_version() -> None:
    status, response, headers = serve(health, "GET", "/health", merchant=None)
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert (status, response) == (200, {"status": "ok", "version": project["version"]})
    assert headers["Cache-Control"].startswith("public")


def test_each_dependency_is_named_with_its_time() -> None:
    status, response, headers = serve(health, "GET", "/health/ready")
    assert (status, response["status"]) == (200, "ok")
    given = set(resources("AWS::Serverless::Function")["HealthApiFunction"]["Environment"]["Variables"])
    named = {name.lower() for name in given if name.endswith(("_TABLE", "_BUCKET", "_QUEUE"))}
    assert {dependency["name"] for dependency in response["dependencies"]} == named
    assert all(dependency["status"] == "ok" and dependency["ms"] >= 0 for dependency in response["dependencies"])
    assert "public" not in headers["Cache-Control"]


@pytest.mark.parametrize("name", ["images_table", "imports_queue"])
def test_what_is_missing_is_named_alone(name: str) -> None:
    if name.endswith("table"):
        client("dynamodb").delete_table(TableName=os.environ[name.upper()])
    else:
        client("sqs").delete_queue(QueueUrl=os.environ[name.upper()])
    status, found, _ = ready()
    assert (status, [dependency for dependency, said in found.items() if said == "failed"]) == (503, [name])


@pytest.fixture
def silent_host() -> Iterator[str]:
    """Takes no connection: its queue of those that wait is full."""
    with socket.socket() as server, socket.socket() as first, socket.socket() as second:
        server.bind(("127.0.0.1", 0))
        server.listen(0)
        for waiting in (first, second):
            waiting.setblocking(False)
            waiting.connect_ex(server.getsockname())
        yield f"http://127.0.0.1:{server.getsockname()[1]}"


def test_what_says_nothing_has_failed_after_two_seconds(silent_host: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENSEARCH_URL", silent_host)
    status, found, seconds = ready()
    assert (status, found["opensearch_url"], found["access_table"]) == (503, "failed", "ok")
    assert 1.9 < seconds < 6


def test_it_needs_a_secret_key() -> None:
    assert ready("publishable")[0] == 403


def test_every_table_bucket_and_queue_that_work_goes_through_is_asked() -> None:
    variables = resources("AWS::Serverless::Function")["HealthApiFunction"]["Environment"]["Variables"]
    asked = {value["Ref"] for value in variables.values() if "Ref" in value}
    queues = {name for name, queue in resources("AWS::SQS::Queue").items() if "RedrivePolicy" in queue}
    sent_by_aws = {"PictureUploadsQueue", "SnapshotUploadsQueue", "VisitGroupsLeftovers"}  # no function sends to them
    tables, buckets = set(resources("AWS::DynamoDB::Table")), set(resources("AWS::S3::Bucket")) - READ_BY_THE_EDGE
    assert tables | buckets | queues <= asked | sent_by_aws
