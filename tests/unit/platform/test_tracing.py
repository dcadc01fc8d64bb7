from __future__ import annotations

import json
import socket
from typing import TYPE_CHECKING, Any

import botocore.session
import pytest
from botocore.stub import Stubber

from vitrine.platform.tracing import _socket, trace_calls

if TYPE_CHECKING:
    from collections.abc import Iterator

TRACE = "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1"


@pytest.fixture
def daemon(monkeypatch: pytest.MonkeyPatch) -> Iterator[socket.socket]:
    """What Lambda runs beside a traced function."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as daemon:
        daemon.bind(("127.0.0.1", 0))
        daemon.settimeout(5)
        monkeypatch.setenv("AWS_XRAY_DAEMON_ADDRESS", f"127.0.0.1:{daemon.getsockname()[1]}")
        monkeypatch.setenv("_X_AMZN_TRACE_ID", TRACE)
        yield daemon
    _socket().close()
    _socket.cache_clear()


def client() -> Any:
    made = botocore.session.get_session().create_client(
        "dynamodb", region_name="eu-west-1", aws_access_key_id="key", aws_secret_access_key="secret"
    )
    trace_calls(made.meta.events, "dynamodb")
    return made


def span(daemon: socket.socket) -> Any:
    header, _, document = daemon.recv(65536).partition(b"\n")
    assert json.loads(header) == {"format": "json", "version": 1}
    return json.loads(document)


def test_a_call_is_a_span_of_the_invocation(daemon: socket.socket) -> None:
    traced = client()
    with Stubber(traced) as stub:
        stub.add_response("get_item", {"Item": {"pk": {"S": "a"}}})
        traced.get_item(TableName="images", Key={"pk": {"S": "a"}})
    sent = span(daemon)
    assert sent["start_time"] <= sent["end_time"]
    assert (sent["trace_id"], sent["parent_id"]) == ("1-5759e988-bd862e3fe1be46a994272793", "53995c3f42cd8ad8")
    assert (sent["name"], sent["aws"], sent["namespace"]) == ("dynamodb", {"operation": "GetItem"}, "aws")
    assert not sent["error"]
    assert not sent["fault"]


@pytest.mark.parametrize(("status", "error", "fault"), [(400, True, False), (503, False, True)])
def test_a_refused_call_is_marked(daemon: socket.socket, status: int, error: bool, fault: bool) -> None:
    traced = client()
    with Stubber(traced) as stub:
        stub.add_client_error("get_item", "Refused", http_status_code=status)
        with pytest.raises(traced.exceptions.ClientError):
            traced.get_item(TableName="images", Key={"pk": {"S": "a"}})
    sent = span(daemon)
    assert (sent["error"], sent["fault"]) == (error, fault)


def test_an_invocation_that_is_not_sampled_sends_nothing(
    daemon: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("_X_AMZN_TRACE_ID", TRACE.replace("Sampled=1", "Sampled=0"))
    traced = client()
    with Stubber(traced) as stub:
        stub.add_response("get_item", {"Item": {}})
        traced.get_item(TableName="images", Key={"pk": {"S": "a"}})
    daemon.setblocking(False)
    with pytest.raises(BlockingIOError):
        daemon.recv(65536)


def test_no_daemon_no_spans(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_XRAY_DAEMON_ADDRESS", raising=False)
    monkeypatch.setenv("_X_AMZN_TRACE_ID", TRACE)
    traced = client()
    with Stubber(traced) as stub:
        stub.add_response("get_item", {"Item": {}})
        assert traced.get_item(TableName="images", Key={"pk": {"S": "a"}}) == {"Item": {}}


def test_a_daemon_that_is_gone_disturbs_no_call(daemon: socket.socket) -> None:
    traced = client()
    daemon.close()
    with Stubber(traced) as stub:
        for _ in range(3):
            stub.add_response("get_item", {"Item": {}})
            assert traced.get_item(TableName="images", Key={"pk": {"S": "a"}}) == {"Item": {}}
