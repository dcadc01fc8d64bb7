"""A span in AWS X-Ray for each call to an AWS service.

Lambda runs a daemon beside a traced function and names the trace of each invocation in the environment. A span is one
datagram to the daemon: a
[segment document](https://docs.aws.amazon.com/xray/latest/devguide/xray-api-segmentdocuments.html).
ADR 36 says why this is not `aws-xray-sdk`.
"""

from __future__ import annotations

import json
import os
import secrets
import socket
import time
from contextlib import suppress
from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from botocore.hooks import BaseEventHooks

_HEADER = b'{"format":"json","version":1}\n'
_STARTED = "span_started"


def trace_calls(events: BaseEventHooks, service: str) -> None:
    """Send a span for each call of a client; do nothing where no daemon runs."""
    if "AWS_XRAY_DAEMON_ADDRESS" in os.environ:
        events.register(f"before-parameter-build.{service}", _begin)
        events.register(f"after-call.{service}", _end)
        events.register(f"after-call-error.{service}", _fail)


def _begin(context: dict[str, Any], **_: Any) -> None:
    context[_STARTED] = time.time()


def _end(event_name: str, parsed: Mapping[str, Any], context: Mapping[str, Any], **_: Any) -> None:
    status = parsed.get("ResponseMetadata", {}).get("HTTPStatusCode", 200)
    _send(event_name, context, error=status // 100 == 4, fault=status // 100 == 5)  # noqa: PLR2004 - HTTP's classes


def _fail(event_name: str, context: Mapping[str, Any], **_: Any) -> None:
    _send(event_name, context, error=False, fault=True)


def _send(event_name: str, context: Mapping[str, Any], *, error: bool, fault: bool) -> None:
    trace = dict(part.split("=", 1) for part in os.environ.get("_X_AMZN_TRACE_ID", "").split(";") if "=" in part)
    if trace.get("Sampled") != "1" or _STARTED not in context:
        return
    _, service, operation = event_name.split(".")
    span = {
        "type": "subsegment",
        "name": service,
        "id": secrets.token_hex(8),
        "trace_id": trace["Root"],
        "parent_id": trace["Parent"],
        "start_time": context[_STARTED],
        "end_time": time.time(),
        "namespace": "aws",
        "aws": {"operation": operation},
        "error": error,
        "fault": fault,
    }
    host, port = os.environ["AWS_XRAY_DAEMON_ADDRESS"].rsplit(":", 1)
    with suppress(OSError):  # a span may be lost, a request may not
        _socket().sendto(_HEADER + json.dumps(span).encode(), (host, int(port)))


@cache
def _socket() -> socket.socket:
    sending = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sending.settimeout(0)
    return sending
