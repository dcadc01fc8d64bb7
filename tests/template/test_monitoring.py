"""What the monitoring files name is what the functions write."""

from __future__ import annotations

import json
import re
from itertools import chain
from typing import get_args

import yaml

from tests.aws import ROOT
from vitrine.engagement.model import Status

MONITORING = ROOT / "docs" / "monitoring"


def written_by_the_code() -> set[str]:
    source = "".join(
        file.read_text() for folder in ("functions", "layers/vitrine") for file in (ROOT / folder).rglob("*.py")
    )
    templates = {
        "Events{}": get_args(Status),
        "RecommendationsCache{}": ["hit", "miss", "stale"],
        "Responses{}xx": ["4", "5"],
    }
    made = {template.format(word.capitalize()) for template, words in templates.items() for word in words}
    return made | set(re.findall(r'"([A-Z][A-Za-z]+)"', source))


def on_the_dashboard() -> dict[str, set[str]]:
    panels = json.loads((MONITORING / "grafana-dashboard.json").read_text())["panels"]
    found: dict[str, set[str]] = {}
    for target in chain.from_iterable(panel.get("targets", []) for panel in panels):
        found.setdefault(target["namespace"], set()).add(target["metricName"])
    return found


def test_grafana_shows_metrics_that_the_functions_write() -> None:
    assert on_the_dashboard()["Vitrine"] - written_by_the_code() == set()


def test_prometheus_scrapes_what_grafana_shows() -> None:
    config = yaml.safe_load((MONITORING / "yace.yml").read_text())
    scraped = {job["type"]: {metric["name"] for metric in job["metrics"]} for job in config["discovery"]["jobs"]}
    scraped["Vitrine"] = {metric["name"] for metric in config["customNamespace"][0]["metrics"]}
    assert scraped == on_the_dashboard()
