"""Workers beside hosts that are not kind."""

from __future__ import annotations

import gzip
import json
import os
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from functions.visit_groups.handler import lambda_handler
from tests.aws import Context
from tests.hostile_host import HostileHost, response
from tests.hostile_pictures import MAKERS
from tests.visits import drain, pictures_of, put_stores, submit, visit
from vitrine.platform.wiring import fetcher
from vitrine.visits.model import JobKey
from vitrine.visits.wiring import visit_store

if TYPE_CHECKING:
    import socket
    from collections.abc import Iterator

pytestmark = pytest.mark.usefixtures("cloud")

EVENT = json.loads(Path("events/visit_groups/one_picture.json").read_text())
SVG = b'<svg xmlns="http://www.w3.org/2000/svg" width="30" height="20"/>'
SAYS = {
    "bad_response": b"SSH-2.0-OpenSSH\r\n\r\n",
    "connection_broken": response(body=b"\x89PNG\r\n\x1a\n", Content_Length="9999")[:-1],
    "http_status": response("500 Oops"),
    "address_not_allowed": response("302 Found", Location="http://127.0.0.1/secret"),
    "scheme_not_allowed": response("302 Found", Location="file:///etc/passwd"),
    "too_many_redirects": response("302 Found", Location="/again"),
    "encoding_not_supported": response(body=SVG, Content_Encoding="br"),
    "not_a_picture": response(body=b"<html>"),
    "picture_broken": response(body=b"<svg>"),
    "too_much_work": response(body=gzip.compress(MAKERS["avif of empty boxes"](4_000_000)), Content_Encoding="gzip"),
    "too_many_pixels": response(body=b'<svg width="99999" height="99999"/>'),
}


def say(said: bytes, connection: socket.socket, _: str) -> None:
    connection.sendall(said)
    connection.close()


@pytest.fixture
def hosts(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, HostileHost]]:
    with ExitStack() as stack:
        made = {
            code: stack.enter_context(HostileHost(partial(say, said)))
            for code, said in {**SAYS, "fine": response(body=SVG)}.items()
        }
        monkeypatch.setenv("FETCH_ALLOWED_HOSTS", ",".join(host.name for host in made.values()))
        yield made
        fetcher().close()


def test_each_refusal_has_its_code_and_the_worker_goes_on(hosts: dict[str, HostileHost]) -> None:
    put_stores()
    job_id = submit(visit("S1", *[host.url() for host in hosts.values()]))
    drain()
    found = [picture["error"]["code"] if picture["error"] else "fine" for picture in pictures_of(job_id)]
    assert found == list(hosts)


def test_processing_can_be_simulated(hosts: dict[str, HostileHost], monkeypatch: pytest.MonkeyPatch) -> None:
    assert os.environ["SIMULATE_PROCESSING"] == "no"
    monkeypatch.setenv("SIMULATE_PROCESSING", "yes")
    put_stores()
    job_id = submit(visit("S1", hosts["fine"].url()))
    drain()
    assert pictures_of(job_id)[0]["perimeter"] == 100


def test_a_group_of_a_job_that_is_not_there_is_recorded_and_counts_nowhere() -> None:
    assert lambda_handler(EVENT, Context()) == {"batchItemFailures": []}
    assert visit_store().find_job(JobKey("shop", "1678385421234")) is None
