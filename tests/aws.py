"""The resources of `template.yaml` on moto: tables, queues, buckets, and the functions' environment."""

from __future__ import annotations

import base64
import json
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from vitrine.platform.aws import client

if TYPE_CHECKING:
    from collections.abc import Mapping

ROOT = Path(__file__).parents[1]


class _TemplateLoader(yaml.SafeLoader):
    pass


def _intrinsic(loader: yaml.SafeLoader, suffix: str, node: yaml.Node) -> dict[str, Any]:
    name = suffix if suffix in {"Ref", "Condition"} else f"Fn::{suffix}"
    if isinstance(node, yaml.ScalarNode):
        value: Any = loader.construct_scalar(node)
        if suffix == "GetAtt":
            value = value.split(".", 1)
    elif isinstance(node, yaml.SequenceNode):
        value = loader.construct_sequence(node, deep=True)
    else:
        assert isinstance(node, yaml.MappingNode)
        value = loader.construct_mapping(node, deep=True)
    return {name: value}


_TemplateLoader.add_multi_constructor("!", _intrinsic)


@cache
def template() -> dict[str, Any]:
    return yaml.load((ROOT / "template.yaml").read_text(), _TemplateLoader)


def resources(kind: str) -> dict[str, dict[str, Any]]:
    return {
        name: resource.get("Properties", {})
        for name, resource in template()["Resources"].items()
        if resource["Type"] == kind
    }


def as_created(table: Mapping[str, Any]) -> dict[str, Any]:
    """Return what CreateTable takes of a table in the template: without what depends on a parameter."""
    wanted = ("AttributeDefinitions", "KeySchema", "BillingMode", "GlobalSecondaryIndexes", "LocalSecondaryIndexes")
    made: dict[str, Any] = {key: table[key] for key in wanted if key in table}
    if "StreamSpecification" in table:
        made["StreamSpecification"] = {"StreamEnabled": True, **table["StreamSpecification"]}
    if "GlobalSecondaryIndexes" in made:
        made["GlobalSecondaryIndexes"] = [
            {key: value for key, value in index.items() if key != "WarmThroughput"}
            for index in made["GlobalSecondaryIndexes"]
        ]
    return made


def create_tables(*names: str) -> None:
    """Create the template's tables (all, or those named) under their logical ids."""
    from tests import fast_moto  # noqa: F401 - makes moto's transactions and responses fast

    dynamodb = client("dynamodb")
    for name, properties in resources("AWS::DynamoDB::Table").items():
        if names and name not in names:
            continue
        dynamodb.create_table(TableName=name, **as_created(properties))


def add_products(*product_ids: str, merchant: str = "shop") -> None:
    """Put products, named after their ids, into the catalog."""
    from vitrine.catalog.model import Product
    from vitrine.catalog.wiring import product_repository

    product_repository().put_products(merchant, [Product(product_id, product_id) for product_id in product_ids])


def create_queues() -> dict[str, str]:
    """Create the template's queues; return their URLs by logical id."""
    sqs = client("sqs")
    return {name: sqs.create_queue(QueueName=name)["QueueUrl"] for name in resources("AWS::SQS::Queue")}


def create_buckets() -> dict[str, str]:
    """Create the template's buckets; return their names by logical id."""
    names = {name: name.lower() for name in resources("AWS::S3::Bucket")}
    for name in names.values():
        client("s3").create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    return names


def environment_of(made: Mapping[str, str]) -> dict[str, str]:
    """The environment variables of all functions; `made` are the names of created resources by logical id."""
    variables: dict[str, str] = {}
    parameters = {name: str(parameter.get("Default", "")) for name, parameter in template()["Parameters"].items()}
    functions = resources("AWS::Serverless::Function").values()
    for scope in [template()["Globals"]["Function"], *functions]:
        for name, value in scope.get("Environment", {}).get("Variables", {}).items():
            if isinstance(value, dict):
                target = str(value.get("Ref", ""))
                # A conditional value is empty here, unless another function has the variable.
                variables[name] = made.get(target) or parameters.get(target, target) or variables.get(name, "")
            else:
                variables[name] = str(value)
    return variables


def api_event(
    method: str,
    resource: str,
    *,
    body: Any = None,
    raw: str | None = None,
    headers: Mapping[str, str] | None = None,
    query: Mapping[str, str] | None = None,
    merchant: str | None = "shop",
    kind: str = "secret",
    base64_body: bool = False,
    source_address: str = "192.0.2.1",
    **path: str,
) -> dict[str, Any]:
    """An API Gateway proxy event, as it is after the authorizer."""
    text = raw if raw is not None else None if body is None else json.dumps(body)
    if text is not None and base64_body:
        text = base64.b64encode(text.encode()).decode()
    authorizer = {
        "merchant_id": merchant,
        "key_id": f"key_{merchant}",
        "kind": kind,
        "merchant_secret": f"secret of {merchant}",
        "identity_secrets": f"identity-secret-of-{merchant}",
        "requests_per_minute": "100000",
    }
    return {
        "httpMethod": method,
        "resource": resource,
        "path": resource.format_map({**path, "proxy+": path.get("proxy", "")}),
        "pathParameters": dict(path) or None,
        "queryStringParameters": dict(query) if query else None,
        "headers": {"Content-Type": "application/json", **(headers or {})},
        "body": text,
        "isBase64Encoded": base64_body,
        "requestContext": {
            "requestId": "request-1",
            "identity": {"sourceIp": source_address},
            "authorizer": authorizer if merchant else None,
        },
    }


class Context:
    """Lambda's context."""

    aws_request_id = "invocation-1"
    function_name = "function"

    def __init__(self, milliseconds: int = 60_000) -> None:
        self._milliseconds = milliseconds

    def get_remaining_time_in_millis(self) -> int:
        return self._milliseconds


def send(handler: Any, event: dict[str, Any]) -> tuple[int, Any, dict[str, str]]:
    """Status, content and headers of a handler's response."""
    response = handler(event, Context())
    return response["statusCode"], json.loads(response["body"]) if response["body"] else None, response["headers"]


def serve(handler: Any, method: str, resource: str, **more: Any) -> tuple[int, Any, dict[str, str]]:
    """Status, content and headers of a handler's response to a request; `more` is as for `api_event`."""
    return send(handler, api_event(method, resource, **more))
