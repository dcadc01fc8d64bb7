"""Alarms watch everything, and new versions come as each environment wants them."""

from __future__ import annotations

import re
import tomllib
from typing import Any

import pytest

from tests.aws import ROOT
from tests.template.test_translated import of
from tests.template.translation import Evaluator, deployed, parameter_values, translated

MOST_METRICS = 10
MOST_ALARMS_OF_A_ROLLOUT = 10
ENVIRONMENTS = tomllib.loads((ROOT / "samconfig.toml").read_text())
TOPIC = "arn:aws:sns:eu-west-1:123456789012:alarms"


def watched(metric: str) -> dict[str, tuple[str, dict[str, Any]]]:
    """What alarms on this metric watch, with the metric's id and the alarm."""
    return {
        query["MetricStat"]["Metric"]["Dimensions"][0]["Value"].strip("<>"): (query["Id"], alarm)
        for alarm in of("AWS::CloudWatch::Alarm").values()
        for query in alarm.get("Metrics", [])
        if query.get("MetricStat", {}).get("Metric", {}).get("MetricName") == metric
    }


def parameters(environment: str) -> dict[str, str]:
    text = ENVIRONMENTS[environment]["deploy"]["parameters"]["parameter_overrides"]
    return dict(each.split("=") for each in text.split())


def is_refused(changed: dict[str, str]) -> bool:
    evaluate = Evaluator(translated(), parameter_values(changed))
    return any(
        evaluate(rule["RuleCondition"]) and not all(evaluate(assertion["Assert"]) for assertion in rule["Assertions"])
        for rule in translated()["Rules"].values()
    )


def test_every_function_is_watched_for_errors_and_for_its_own_time_limit() -> None:
    functions = of("AWS::Lambda::Function")
    assert set(watched("Errors")) == set(watched("Duration")) == set(functions)
    for name, (metric, alarm) in watched("Duration").items():
        [expression] = [metric["Expression"] for metric in alarm["Metrics"] if "Expression" in metric]
        limits = dict(re.findall(r"(m[0-9]+)/([0-9]+)", expression))
        assert int(limits[metric]) == functions[name]["Timeout"] * 1000, name
        assert alarm["Threshold"] < 1


def test_every_table_is_watched_for_throttles() -> None:
    for metric in ("ReadThrottleEvents", "WriteThrottleEvents"):
        assert set(watched(metric)) == set(of("AWS::DynamoDB::Table"))


def test_an_alarm_has_no_more_metrics_than_cloudwatch_takes_and_leaves_none_out() -> None:
    for name, alarm in of("AWS::CloudWatch::Alarm").items():
        metrics = [metric for metric in alarm.get("Metrics", []) if "MetricStat" in metric]
        assert len(metrics) <= MOST_METRICS, name
        for expression in [metric["Expression"] for metric in alarm.get("Metrics", []) if "Expression" in metric]:
            named = set(re.findall(r"\bm[0-9]+\b", expression))
            assert "METRICS()" in expression or named == {metric["Id"] for metric in metrics}, name


def test_a_gradual_rollout_moves_every_function_and_watches_alarms() -> None:
    plain, gradual = deployed({}), deployed({"GradualRollout": "true", "AlarmTopic": TOPIC})
    assert not [resource for resource in plain.values() if resource["Type"].startswith("AWS::CodeDeploy")]
    groups = [
        resource["Properties"]
        for resource in gradual.values()
        if resource["Type"] == "AWS::CodeDeploy::DeploymentGroup"
    ]
    assert len(groups) == len(of("AWS::Lambda::Function"))
    for group in groups:
        alarms = {alarm["Name"].strip("<>") for alarm in group["AlarmConfiguration"]["Alarms"]}
        assert {"ServerErrorsAlarm", "WeightsFailuresAlarm"} <= alarms <= set(of("AWS::CloudWatch::Alarm"))
        assert len(alarms) <= MOST_ALARMS_OF_A_ROLLOUT
        assert "LambdaCanary10Percent5Minutes" in str(group["DeploymentConfigName"])


@pytest.mark.parametrize(("environment", "needs_topic"), [("dev", False), ("staging", True), ("prod", True)])
def test_prod_and_staging_are_refused_without_somebody_to_tell(environment: str, needs_topic: bool) -> None:
    assert is_refused(parameters(environment)) == needs_topic
    assert not is_refused(parameters(environment) | {"AlarmTopic": TOPIC})
