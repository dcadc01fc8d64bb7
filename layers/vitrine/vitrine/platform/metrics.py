"""Metrics of functions that answer nobody. Those of a request are in its line: `telemetry.log_request`."""

from __future__ import annotations

from aws_lambda_powertools.metrics import Metrics, MetricUnit

from vitrine.platform.telemetry import NAMESPACE, SERVICE

metrics = Metrics(namespace=NAMESPACE, service=SERVICE)

__all__ = ["MetricUnit", "metrics"]
