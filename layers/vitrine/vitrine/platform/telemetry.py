"""Structured logs and EMF metrics."""

from __future__ import annotations

import json
import os
import sys
from typing import TYPE_CHECKING, Any

from aws_lambda_powertools.logging import Logger
from aws_lambda_powertools.metrics import Metrics, MetricUnit

from vitrine.platform.times import to_rfc3339

if TYPE_CHECKING:
    from datetime import datetime

logger = Logger()
metrics = Metrics(namespace="Vitrine")

__all__ = ["MetricUnit", "log_request", "logger", "metrics"]

_SERVICE = os.environ.get("POWERTOOLS_SERVICE_NAME", "vitrine")


def log_request(now: datetime, **fields: Any) -> None:
    """Write the one line of each request, in the logger's form.

    Apart from the logger because every request pays for it: this takes a fifth of its time.
    """
    line = {"level": "INFO", "message": "request", "timestamp": to_rfc3339(now), "service": _SERVICE, **fields}
    sys.stdout.write(json.dumps(line, separators=(",", ":")) + "\n")
