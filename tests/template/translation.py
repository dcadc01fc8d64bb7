"""The template as CloudFormation gets it: translated by SAM, then with a deployment's parameters put in."""

from __future__ import annotations

import copy
import os
from functools import cache
from typing import TYPE_CHECKING, Any
from unittest import mock

from samtranslator.translator.managed_policy_translator import ManagedPolicyLoader
from samtranslator.translator.transform import transform

from tests.aws import template

if TYPE_CHECKING:
    from collections.abc import Mapping

REGION = "eu-west-1"
ACCOUNT = "123456789012"
PSEUDO = {
    "AWS::AccountId": ACCOUNT,
    "AWS::Partition": "aws",
    "AWS::Region": REGION,
    "AWS::StackId": f"arn:aws:cloudformation:{REGION}:{ACCOUNT}:stack/shop/0a1b2c3d-4e5f-6789-abcd-ef0123456789",
    "AWS::StackName": "shop",
    "AWS::URLSuffix": "amazonaws.com",
}
_NO_VALUE = object()


class _NoManagedPolicies(ManagedPolicyLoader):
    def __init__(self) -> None:
        super().__init__(None)
        self._policy_map: dict[str, str] = {}


@cache
def translated(changed_layer: str | None = None, gradual_rollout: str = "false") -> dict[str, Any]:
    """The template behind SAM when all is uploaded; `changed_layer` holds something else than in the other answers.

    SAM itself reads the parameter GradualRollout; the others are CloudFormation's.
    """
    uploaded: dict[str, Any] = copy.deepcopy(template())
    for name, resource in uploaded["Resources"].items():
        properties = resource.get("Properties", {})
        if resource["Type"] == "AWS::Serverless::Function":
            properties["CodeUri"] = f"s3://bucket/{name}"
        elif resource["Type"] == "AWS::Serverless::LayerVersion":
            properties["ContentUri"] = f"s3://bucket/{name}{'-changed' if name == changed_layer else ''}"
    with mock.patch.dict(os.environ, {"AWS_DEFAULT_REGION": REGION}):
        return transform(uploaded, {"GradualRollout": gradual_rollout}, _NoManagedPolicies())


def parameter_values(changed: Mapping[str, str]) -> dict[str, Any]:
    """The values of all parameters in a deployment that sets some of them."""
    values: dict[str, Any] = {}
    for name, parameter in template()["Parameters"].items():
        text = str(changed.get(name, parameter["Default"]))
        values[name] = text.split(",") if parameter["Type"] == "CommaDelimitedList" else text
    return values


def deployed(changed: Mapping[str, str] | None = None, changed_layer: str | None = None) -> dict[str, Any]:
    """The resources of a deployment with these parameters, nothing left to evaluate.

    A resource stands for itself as `<Name>` and its attributes as `<Name.Attribute>`.
    """
    whole = translated(changed_layer, (changed or {}).get("GradualRollout", "false"))
    evaluate = Evaluator(whole, parameter_values(changed or {}))
    return {
        name: evaluate(resource)
        for name, resource in whole["Resources"].items()
        if "Condition" not in resource or evaluate.condition(resource["Condition"])
    }


class Evaluator:
    """Evaluates the intrinsic functions that the template uses."""

    def __init__(self, whole: Mapping[str, Any], parameters: Mapping[str, Any]) -> None:
        self._conditions = whole.get("Conditions", {})
        self._known = {**PSEUDO, **parameters, "AWS::NoValue": _NO_VALUE}

    def __call__(self, value: Any) -> Any:
        """The value of an expression."""
        if isinstance(value, list):
            return [each for each in map(self, value) if each is not _NO_VALUE]
        if not isinstance(value, dict):
            return value
        if len(value) == 1:
            [(name, argument)] = value.items()
            if name in {"Ref", "Condition"} or name.startswith("Fn::"):
                return getattr(self, f"_{name.removeprefix('Fn::').lower()}")(argument)
        evaluated = {name: self(each) for name, each in value.items()}
        return {name: each for name, each in evaluated.items() if each is not _NO_VALUE}

    def condition(self, name: str) -> bool:
        """Whether a named condition holds."""
        return bool(self(self._conditions[name]))

    def _condition(self, name: Any) -> Any:
        return self.condition(name) if name in self._conditions else {"Condition": self(name)}

    def _ref(self, name: str) -> Any:
        return self._known.get(name, f"<{name}>")

    def _getatt(self, path: Any) -> str:
        return f"<{path if isinstance(path, str) else '.'.join(path)}>"

    def _sub(self, text: Any) -> str:
        pattern, own = (text, {}) if isinstance(text, str) else (text[0], text[1])
        known = {**self._known, **{name: self(value) for name, value in own.items()}}
        first, *rest = pattern.split("${")
        for part in rest:
            name, _, behind = part.partition("}")
            first += f"{known.get(name, f'<{name}>')}{behind}"
        return str(first)

    def _if(self, argument: Any) -> Any:
        name, then, otherwise = argument
        return self(then if self.condition(name) else otherwise)

    def _equals(self, argument: Any) -> bool:
        first, second = self(argument)
        return bool(first == second)

    def _not(self, argument: Any) -> bool:
        return not self(argument)[0]

    def _join(self, argument: Any) -> str:
        between, parts = self(argument)
        return str(between.join(parts))

    def _split(self, argument: Any) -> list[str]:
        between, text = self(argument)
        return list(text.split(between))

    def _select(self, argument: Any) -> Any:
        at, parts = self(argument)
        return parts[int(at)]
