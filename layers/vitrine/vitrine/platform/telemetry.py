"""Structured logs; the log line of a request also carries its metrics."""

from __future__ import annotations

import json
import os
import sys
from functools import wraps
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, TypeVar

from aws_lambda_powertools.logging import Logger

from vitrine.platform.times import to_rfc3339

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

NAMESPACE = "Vitrine"
Result = TypeVar("Result")
SERVICE = os.environ.get("POWERTOOLS_SERVICE_NAME", "vitrine")

logger = Logger()
_is_cold = iter([True])
_encode = json.JSONEncoder(separators=(",", ":")).encode


class Metric(NamedTuple):
    """A metric of one request."""

    value: float
    unit: Literal["Count", "Milliseconds"] = "Count"


def bind_invocation(request_id: str) -> dict[str, Any]:
    """Add this invocation's fields to all later log lines, and return them."""
    fields = {
        "function": os.environ.get("AWS_LAMBDA_FUNCTION_NAME", "local"),
        "request_id": request_id,
        "cold_start": next(_is_cold, False),
    }
    logger.append_keys(**fields)
    return fields


def invocation(handler: Callable[[dict[str, Any], Any], Result]) -> Callable[[dict[str, Any], Any], Result]:
    """Decorator for handlers of functions without routes: adds the invocation's fields to log lines."""

    @wraps(handler)
    def handle(event: dict[str, Any], context: Any) -> Result:
        bind_invocation(getattr(context, "aws_request_id", ""))
        return handler(event, context)

    return handle


def log_request(now: datetime, metrics: Mapping[str, Metric], **fields: Any) -> None:
    """Write a request's log line, in the logger's form, with its metrics in CloudWatch's embedded format.

    It does not use Powertools, which takes five times as long and writes a second line.
    """
    line = {"level": "INFO", "message": "request", "timestamp": to_rfc3339(now), "service": SERVICE, **fields}
    sys.stdout.write(_encode(line | _embedded(now, metrics)) + "\n")


def log_metrics(now: datetime, metrics: Mapping[str, Metric]) -> None:
    """Write the metrics of a request whose log line is left out."""
    if metrics:
        sys.stdout.write(_encode({"service": SERVICE} | _embedded(now, metrics)) + "\n")


def _embedded(now: datetime, metrics: Mapping[str, Metric]) -> dict[str, Any]:
    if not metrics:
        return {}
    definitions = [{"Name": name, "Unit": metric.unit} for name, metric in metrics.items()]
    return {name: metric.value for name, metric in metrics.items()} | {
        "_aws": {
            "Timestamp": int(now.timestamp() * 1000),
            "CloudWatchMetrics": [{"Namespace": NAMESPACE, "Dimensions": [["service"]], "Metrics": definitions}],
        }
    }
