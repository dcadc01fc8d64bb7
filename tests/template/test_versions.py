"""An update serves itself: whatever changes what a function is publishes a version of it, and nothing else does."""

from __future__ import annotations

import re
from functools import cache
from typing import Any

import pytest

from tests.aws import resources, template
from tests.template.translation import deployed

FUNCTIONS = sorted(resources("AWS::Serverless::Function"))
LAYERS = sorted(resources("AWS::Serverless::LayerVersion"))
LONGEST_DESCRIPTION = 256  # of a version, at AWS
# What the deployments that are compared have in common: engines that are chosen use what they are given.
CLUSTER = {"SearchEngine": "opensearch"}
REDIS = {"RedisUrl": "rediss://host:6379/0", "RedisSecurityGroup": "sg-0"}
SETTINGS: list[dict[str, str]] = [{}, CLUSTER, REDIS]
OTHER_VALUES = {
    "PythonRuntime": "python3.13",
    "Architecture": "x86_64",
    "SnapStart": "PublishedVersions",
    "KeepData": "no",
    "ProtectData": "yes",
    "KeyCacheSeconds": "61",
    "EventWindowMinutes": "61",
    "IntakeSeconds": "300",
    "WarmWriteUnits": "40000",
    "SearchEngine": "opensearch",
    "OpenSearchUrl": "https://" + "o" * 112,
    "OpenSearchDomainArn": "arn:aws:es:eu-west-1:123456789012:domain/other",
    "FetchAllowedHosts": "h" * 200,
    "SimulateProcessing": "yes",
    "LogRetentionDays": "31",
    "PublicApiUrl": "https://" + "p" * 192,
    "Edge": "off",
    "EdgeDomain": "shop.example",
    "EdgeCertificateArn": "arn:aws:acm:us-east-1:123456789012:certificate/shop",
    "EdgeFirewallArn": "arn:aws:wafv2:us-east-1:123456789012:global/webacl/shop/1",
    "UploadOrigins": "https://shop.example,https://other.example",
    "ReviewLeaseSeconds": "3600",
    "SecondOpinionPercent": "100",
    "ModelSchedule": "",
    "ModelEngine": "athena",
    "RedisUrl": "rediss://" + "r" * 71,
    "RedisSecretArn": "arn:aws:secretsmanager:eu-west-1:123456789012:secret:" + "s" * 60,
    "RedisSubnets": ",".join(f"subnet-{number:017x}" for number in range(3)),
    "RedisSecurityGroup": f"sg-{1:017x}",
    "LoggedShare": "0.01",
    "TracedShare": "0.01",
    "GradualRollout": "true",
    "AlarmTopic": "arn:aws:sns:eu-west-1:123456789012:alarms",
}


@cache
def _deployed(parameters: tuple[tuple[str, str], ...], changed_layer: str | None) -> dict[str, Any]:
    return deployed(dict(parameters), changed_layer)


def functions_and_versions(
    parameters: dict[str, str], changed_layer: str | None = None
) -> tuple[dict[str, Any], dict[str, Any]]:
    """By function: what it is made of, its layers' content with it, and which version of it is published."""
    whole = _deployed(tuple(sorted(parameters.items())), changed_layer)
    made = {}
    versions = {}
    for name, resource in whole.items():
        properties = resource.get("Properties", {})
        if resource["Type"] == "AWS::Lambda::Function":
            layers = [whole[layer.strip("<>")] for layer in properties["Layers"]]
            made[name] = {**properties, "Layers": layers}
        elif resource["Type"] == "AWS::Lambda::Version":
            # CloudFormation replaces a version, which publishes another, when one of these changes.
            versions[properties["FunctionName"].strip("<>")] = (name, properties["Description"])
    return made, versions


def differing(before: dict[str, Any], after: dict[str, Any]) -> set[str]:
    return {name for name in before if before[name] != after[name]}


def test_every_parameter_is_changed_here() -> None:
    assert set(OTHER_VALUES) == set(template()["Parameters"])
    for name, parameter in template()["Parameters"].items():
        assert OTHER_VALUES[name] != str(parameter["Default"])
        if "MaxLength" in parameter:
            assert len(OTHER_VALUES[name]) == parameter["MaxLength"], f"{name}: use the longest value"


@pytest.mark.parametrize("others", SETTINGS, ids=str)
@pytest.mark.parametrize("parameter", sorted(OTHER_VALUES))
def test_a_changed_parameter_publishes_the_functions_that_it_changes_and_no_others(
    parameter: str, others: dict[str, str]
) -> None:
    """A version of a function that has not changed is refused by AWS, and the deployment with it.

    When this fails for a function, name in its VersionDescription the parameters that its configuration uses.
    """
    made, versions = functions_and_versions(others)
    made_after, versions_after = functions_and_versions(others | {parameter: OTHER_VALUES[parameter]})
    assert differing(versions, versions_after) == differing(made, made_after)


@pytest.mark.parametrize("layer", LAYERS)
def test_a_changed_layer_publishes_the_functions_that_have_it_and_no_others(layer: str) -> None:
    parameters = CLUSTER if layer == "OpenSearchLayer" else {}
    made, versions = functions_and_versions(parameters)
    made_after, versions_after = functions_and_versions(parameters, changed_layer=layer)
    changed = differing(made, made_after)
    assert changed
    if layer == "VitrineLayer":
        assert changed == set(FUNCTIONS)
    assert differing(versions, versions_after) == changed


def test_a_versions_description_fits_at_the_longest_values() -> None:
    layer = "arn:aws-us-gov:lambda:us-gov-west-1:123456789012:layer:OpenSearchLayer:12345"
    for chosen in ({}, CLUSTER):
        _, versions = functions_and_versions(OTHER_VALUES | chosen)
        for name, (_, description) in versions.items():
            assert len(re.sub("<.*>", layer, description)) <= LONGEST_DESCRIPTION, name
