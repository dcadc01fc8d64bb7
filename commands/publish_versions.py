"""Serve a stack's functions as they are configured now: `python -m commands.publish_versions STACK`.

SAM publishes a version of a function when its code, its template or a layer named there changes, and none when only a
parameter's value does (aws/serverless-application-model, issue 3820) or a layer that a parameter chooses; the alias
that clients reach then keeps what was before. Run this after such a deployment; it touches the functions that lag,
and is harmless otherwise.
"""

from __future__ import annotations

import sys
from typing import Any

import boto3

ALIAS = "live"


def publish_versions(cloudformation: Any, functions: Any, stack: str) -> list[str]:
    """Let each function's alias serve its present configuration; answers the functions for which it did not."""
    lagging = []
    for page in cloudformation.get_paginator("list_stack_resources").paginate(StackName=stack):
        for resource in page["StackResourceSummaries"]:
            name = resource.get("PhysicalResourceId")
            if resource["ResourceType"] == "AWS::Lambda::Function" and _lags(functions, name):
                version = functions.publish_version(FunctionName=name)["Version"]
                functions.get_waiter("published_version_active").wait(FunctionName=name, Qualifier=version)
                functions.update_alias(FunctionName=name, Name=ALIAS, FunctionVersion=version)
                lagging.append(name)
    return lagging


def _lags(functions: Any, name: str) -> bool:
    latest = functions.get_function_configuration(FunctionName=name)
    served = functions.get_function_configuration(FunctionName=name, Qualifier=ALIAS)
    return _chosen(latest) != _chosen(served)


def _chosen(configuration: dict[str, Any]) -> tuple[Any, list[str]]:
    """What a parameter can change."""
    return configuration.get("Environment"), [layer["Arn"] for layer in configuration.get("Layers", [])]


if __name__ == "__main__":
    for published in publish_versions(boto3.client("cloudformation"), boto3.client("lambda"), sys.argv[1]):
        print(f"{published} serves its parameters as they are now")
