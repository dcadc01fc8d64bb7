"""A real OpenSearch node for tests and benchmarks, its server fetched once from Maven Central."""

from __future__ import annotations

import random
import socket
import subprocess
import time
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING
from uuid import uuid4

from opensearchpy import OpenSearch
from opensearchpy.exceptions import ConnectionError as NotThere
from opensearchpy.exceptions import TransportError

from tests.maven import fetched

if TYPE_CHECKING:
    from collections.abc import Iterator

_VERSION = "2.18.0.0"
_START_SECONDS = 90


@contextmanager
def running_node(heap: str = "512m") -> Iterator[OpenSearch]:
    """A node of its own on free ports; it and its data are gone afterwards."""
    jars = fetched(f"opensearch-{_VERSION}", Path(__file__).with_name("pom.xml"))
    port = _free_port()
    with TemporaryDirectory(prefix="opensearch-") as home:
        process = subprocess.Popen(
            [
                *("java", f"-Xms{heap}", f"-Xmx{heap}", "-cp", f"{jars}/*"),
                "org.codelibs.opensearch.runner.OpenSearchRunner",
                *("-basePath", home, "-numOfNode", "1", "-clusterName", uuid4().hex, "-baseHttpPort", str(port - 1)),
            ],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        client = OpenSearch(f"http://127.0.0.1:{port}", timeout=30)
        try:
            _wait_for(client, process)
            yield client
        finally:
            client.close()
            process.terminate()
            process.wait(30)


def _wait_for(client: OpenSearch, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        try:
            client.cluster.health(params={"wait_for_status": "yellow"})
        except (NotThere, TransportError):
            time.sleep(0.2)
        else:
            return
    raise RuntimeError(f"OpenSearch did not start (exit status {process.poll()})")


def _free_port() -> int:
    """One of those the runner takes: it knows none above 9299."""
    for port in random.sample(range(9201, 9300), 99):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)):
                return port
    raise RuntimeError("no port from 9201 to 9299 is free")
