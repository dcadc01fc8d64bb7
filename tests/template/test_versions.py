"""A change of a layer publishes new versions of the functions that have it."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from samtranslator.translator.managed_policy_translator import ManagedPolicyLoader
from samtranslator.translator.transform import transform

from tests.aws import resources, template

# SAM does not look into conditions: the layers that a parameter chooses are for `commands/publish_versions.py`.
CHOSEN_BY_PARAMETER = {"OpenSearchLayer", "TantivyLayer"}
LAYERS = sorted(set(resources("AWS::Serverless::LayerVersion")) - CHOSEN_BY_PARAMETER)


class NoManagedPolicies(ManagedPolicyLoader):
    def __init__(self) -> None:
        super().__init__(None)
        self._policy_map = {}


def versions(changed_layer: str | None = None) -> dict[str, str]:
    """The version of each function, as SAM names it when all is uploaded and one layer holds something else."""
    uploaded: dict[str, Any] = copy.deepcopy(template())
    for name, resource in uploaded["Resources"].items():
        properties = resource.get("Properties", {})
        if resource["Type"] == "AWS::Serverless::Function":
            properties["CodeUri"] = f"s3://bucket/{name}"
        elif resource["Type"] == "AWS::Serverless::LayerVersion":
            properties["ContentUri"] = f"s3://bucket/{name}{'-changed' if name == changed_layer else ''}"
    made = transform(uploaded, {}, NoManagedPolicies())["Resources"]
    return {
        resource["Properties"]["FunctionName"]["Ref"]: name
        for name, resource in made.items()
        if resource["Type"] == "AWS::Lambda::Version"
    }


@pytest.mark.parametrize("layer", LAYERS)
def test_functions_of_a_changed_layer_get_new_versions_and_no_others_do(
    layer: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    shared = template()["Globals"]["Function"]["Layers"]
    of_layer = {
        name
        for name, function in resources("AWS::Serverless::Function").items()
        if layer in str([*shared, function.get("Layers", [])])
    }
    before, after = versions(), versions(layer)
    assert {name for name in before if before[name] != after[name]} == of_layer
    assert of_layer
