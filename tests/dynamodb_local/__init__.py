"""Amazon's own DynamoDB Local: a real engine that reports consumed capacity."""

from __future__ import annotations

import os
import socket
import subprocess
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.maven import fetched
from vitrine.platform.aws import client

if TYPE_CHECKING:
    from collections.abc import Iterator

_START_SECONDS = 60


@contextmanager
def running_dynamodb() -> Iterator[str]:
    """An engine of its own, in memory; answers its address. Gone afterwards."""
    jars = fetched("dynamodb-local-3.1.0", Path(__file__).with_name("pom.xml"))
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    process = subprocess.Popen(
        [
            *("java", "-Xmx2g", f"-Djava.library.path={jars}", "-cp", f"{jars}/*"),
            "software.amazon.dynamodb.services.local.main.ServerRunner",
            *("-inMemory", "-port", str(port), "-disableTelemetry"),
        ],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        _wait_for(port, process)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(30)


def use_dynamodb(address: str) -> dict[str, str]:
    """The environment that sends the product's clients to it."""
    environment = {
        "AWS_ENDPOINT_URL": address,
        "AWS_ACCESS_KEY_ID": "local",
        "AWS_SECRET_ACCESS_KEY": "local",
        "AWS_DEFAULT_REGION": "eu-west-1",
    }
    os.environ.update(environment)
    return environment


def begin_streams() -> None:
    """Put and delete an item in each table, so that later writes stay fast.

    The engine keeps the records of all streams in one file, and looks from its start for the first one of the
    table's stream at each write.
    """
    dynamodb = client("dynamodb")
    for name in dynamodb.list_tables()["TableNames"]:
        table = dynamodb.describe_table(TableName=name)["Table"]
        types = {attribute["AttributeName"]: attribute["AttributeType"] for attribute in table["AttributeDefinitions"]}
        key: dict[str, Any] = {
            part["AttributeName"]: {types[part["AttributeName"]]: "0"} for part in table["KeySchema"]
        }
        dynamodb.put_item(TableName=name, Item=key)
        dynamodb.delete_item(TableName=name, Key=key)


def _wait_for(port: int, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.1)
    raise RuntimeError(f"DynamoDB Local did not start (exit status {process.poll()})")
