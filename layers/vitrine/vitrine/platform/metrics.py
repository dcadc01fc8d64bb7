"""Metrics of functions without routes. Those of HTTP requests are in their log lines: `telemetry.log_request`."""

from __future__ import annotations

from aws_lambda_powertools.metrics import Metrics, MetricUnit

from vitrine.platform.telemetry import NAMESPACE, SERVICE

metrics = Metrics(namespace=NAMESPACE, service=SERVICE)

__all__ = ["MetricUnit", "metrics"]
