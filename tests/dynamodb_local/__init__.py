"""Amazon's own DynamoDB Local: a real engine that reports consumed capacity."""

from __future__ import annotations

import os
import socket
import subprocess
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from tests.maven import fetched

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


def _wait_for(port: int, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.1)
    raise RuntimeError(f"DynamoDB Local did not start (exit status {process.poll()})")
