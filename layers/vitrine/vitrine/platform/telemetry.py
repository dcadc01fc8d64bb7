"""Structured logs and EMF metrics."""

from __future__ import annotations

from aws_lambda_powertools.logging import Logger
from aws_lambda_powertools.metrics import Metrics, MetricUnit

logger = Logger()
metrics = Metrics(namespace="Vitrine")

__all__ = ["MetricUnit", "logger", "metrics"]
