"""The line of a request, beside what Powertools writes of the same metrics."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from vitrine.platform.metrics import MetricUnit, metrics
from vitrine.platform.telemetry import Metric, log_request

NOW = datetime(2024, 5, 31, 12, tzinfo=UTC)


def written(capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    [line] = capsys.readouterr().out.splitlines()
    told: dict[str, Any] = json.loads(line)
    return told


def test_a_request_tells_its_metrics_as_powertools_does(capsys: pytest.CaptureFixture[str]) -> None:
    metrics.add_metric("EventsAccepted", MetricUnit.Count, 3)
    metrics.add_metric("SearchTook", MetricUnit.Milliseconds, 1.5)
    metrics.flush_metrics()
    theirs = written(capsys)
    told = {"EventsAccepted": Metric(3), "SearchTook": Metric(1.5, "Milliseconds")}
    log_request(NOW, told, request_id="r", status=202)
    ours = written(capsys)
    definitions = [
        {**each, "Metrics": [{"Name": metric["Name"], "Unit": metric["Unit"]} for metric in each["Metrics"]]}
        for each in theirs["_aws"]["CloudWatchMetrics"]
    ]
    assert ours["_aws"] == {"Timestamp": NOW.timestamp() * 1000, "CloudWatchMetrics": definitions}
    assert ours["service"] == theirs["service"]
    assert [ours["EventsAccepted"]] == theirs["EventsAccepted"]
    assert [ours["SearchTook"]] == theirs["SearchTook"]


def test_a_request_without_metrics_is_a_plain_line(capsys: pytest.CaptureFixture[str]) -> None:
    log_request(NOW, {}, request_id="r", status=200)
    assert written(capsys) == {
        "level": "INFO",
        "message": "request",
        "timestamp": "2024-05-31T12:00:00Z",
        "service": "vitrine",
        "request_id": "r",
        "status": 200,
    }
