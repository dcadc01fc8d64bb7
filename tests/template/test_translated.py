"""What AWS refuses or leaves open is not in the template that SAM hands to CloudFormation."""

from __future__ import annotations

import re
from functools import cache
from typing import Any

import pytest
from cfnlint.schema.manager import PROVIDER_SCHEMA_MANAGER

from tests.aws import template
from tests.template.translation import PSEUDO, REGION, Evaluator, deployed, parameter_values, translated

# They grant writing logs and traces, and network interfaces in a VPC: actions that know no resource of a stack.
MANAGED_POLICIES = {
    "arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole",
    "arn:aws:iam::aws:policy/AWSXrayWriteOnlyAccess",
    "arn:aws:iam::aws:policy/service-role/AWSLambdaVPCAccessExecutionRole",
}
EVERYTHING_ON = {
    "SnapStart": "PublishedVersions",
    "ModelEngine": "athena",
    "EdgeDomain": "shop.example",
    "EdgeCertificateArn": "arn:aws:acm:us-east-1:123456789012:certificate/shop",
    "EdgeFirewallArn": "arn:aws:wafv2:us-east-1:123456789012:global/webacl/shop/1",
    "ProtectData": "yes",
    "AlarmTopic": "arn:aws:sns:eu-west-1:123456789012:alarms",
    "SearchEngine": "opensearch",
    "OpenSearchDomainArn": "arn:aws:es:eu-west-1:123456789012:domain/shop",
    "RedisUrl": "rediss://host:6379/0",
    "RedisSecretArn": "arn:aws:secretsmanager:eu-west-1:123456789012:secret:redis",
    "RedisSecurityGroup": "sg-0",
}
OF_THIS_STACK = re.compile(
    # its resources, what parameters name, and of Athena's catalogue the entries that a query looks up
    "<.*>|:secret:redis$|:domain/shop/|:workgroup/shop-models$|:database/default$|:catalog$"
)
PASSING = {"IdempotencyTable"}  # what it holds expires within a day
MOST_EPHEMERAL_MEGABYTES = 512


@cache
def stack(*, everything: bool = True) -> dict[str, Any]:
    return deployed(EVERYTHING_ON if everything else {})


def of(kind: str, *, everything: bool = True) -> dict[str, dict[str, Any]]:
    return {
        name: resource.get("Properties", {})
        for name, resource in stack(everything=everything).items()
        if resource["Type"] == kind
    }


def listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def test_no_resource_has_a_name_that_a_second_stack_would_want_too() -> None:
    """What identifies a resource to AWS is left to AWS, or holds the stack's name, or a resource that it belongs to."""
    for name, resource in stack().items():
        schema = PROVIDER_SCHEMA_MANAGER.get_resource_schema(REGION, resource["Type"]).schema
        chosen_here = set(schema["primaryIdentifier"]) - set(schema.get("readOnlyProperties", []))
        values = [resource.get("Properties", {}).get(pointer.rpartition("/")[2]) for pointer in chosen_here]
        given = [value for value in values if value is not None]
        if given and not re.search("<.*>", str(given)):
            assert any(PSEUDO["AWS::StackName"] in value for value in given), f"{name} is named {given}"


def test_athena_can_read_the_databases_name() -> None:
    [database] = of("AWS::Glue::Database").values()
    assert re.fullmatch("[a-z0-9_]{1,255}", database["DatabaseInput"]["Name"])


@pytest.mark.parametrize("name", sorted([*of("AWS::IAM::Role"), *of("AWS::IAM::Policy")]))
def test_a_role_may_do_what_is_named_to_what_is_named(name: str) -> None:
    properties = stack()[name]["Properties"]
    assert set(properties.get("ManagedPolicyArns", [])) <= MANAGED_POLICIES
    documents = [policy["PolicyDocument"] for policy in properties.get("Policies", [])]
    documents += [properties["PolicyDocument"]] if "PolicyDocument" in properties else []
    for statement in [statement for document in documents for statement in document["Statement"]]:
        for action in listed(statement["Action"]):
            assert "*" not in action
        for resource in listed(statement["Resource"]):
            assert not resource.startswith("*"), statement
            assert re.search(OF_THIS_STACK, resource), resource


@pytest.mark.parametrize("name", sorted(of("AWS::Lambda::EventSourceMapping")))
def test_a_function_may_read_the_source_that_it_is_given(name: str) -> None:
    mapping = of("AWS::Lambda::EventSourceMapping")[name]
    alias = of("AWS::Lambda::Alias")[mapping["FunctionName"].strip("<>")]
    role = of("AWS::IAM::Role")[alias["FunctionName"].strip("<>") + "Role"]
    allowed = {
        action
        for policy in role["Policies"]
        for statement in policy["PolicyDocument"]["Statement"]
        if mapping["EventSourceArn"] in listed(statement["Resource"])
        for action in listed(statement["Action"])
    }
    if "StartingPosition" in mapping:
        assert allowed >= {f"dynamodb:{action}" for action in ("DescribeStream", "GetRecords", "GetShardIterator")}
    else:
        assert allowed >= {f"sqs:{action}" for action in ("ReceiveMessage", "DeleteMessage", "GetQueueAttributes")}


@pytest.mark.parametrize("name", sorted(of("AWS::S3::Bucket")))
def test_a_bucket_is_reached_by_tls_only(name: str) -> None:
    denied = [
        statement
        for policy in of("AWS::S3::BucketPolicy").values()
        if policy["Bucket"] == f"<{name}>"
        for statement in policy["PolicyDocument"]["Statement"]
        if statement["Effect"] == "Deny"
    ]
    assert {
        "Effect": "Deny",
        "Principal": "*",
        "Action": "s3:*",
        "Resource": [f"<{name}.Arn>", f"<{name}.Arn>/*"],
        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
    } in denied


def test_a_bucket_that_is_told_of_uploads_takes_them_from_web_pages() -> None:
    told = {name: bucket for name, bucket in of("AWS::S3::Bucket").items() if "NotificationConfiguration" in bucket}
    assert set(told) == {"UploadsBucket", "PicturesBucket"}
    for bucket in told.values():
        [rule] = bucket["CorsConfiguration"]["CorsRules"]
        assert "PUT" in rule["AllowedMethods"]
        assert rule["AllowedHeaders"] == ["*"]
        assert rule["AllowedOrigins"] == ["*"]
    some = deployed({"UploadOrigins": "https://a.example,https://b.example"})["UploadsBucket"]["Properties"]
    assert some["CorsConfiguration"]["CorsRules"][0]["AllowedOrigins"] == ["https://a.example", "https://b.example"]


def test_no_bucket_is_public_and_the_edge_alone_reads_the_web_app_and_published_pictures() -> None:
    allowed = {
        resource: statement
        for policy in of("AWS::S3::BucketPolicy").values()
        for statement in policy["PolicyDocument"]["Statement"]
        if statement["Effect"] == "Allow"
        for resource in listed(statement["Resource"])
    }
    assert set(allowed) == {"<WebBucket.Arn>/*", "<PicturesBucket.Arn>/v1/pictures/*"}
    distribution = "arn:aws:cloudfront::123456789012:distribution/<EdgeDistribution>"
    for statement in allowed.values():
        assert statement["Principal"] == {"Service": "cloudfront.amazonaws.com"}
        assert statement["Action"] == "s3:GetObject"
        assert statement["Condition"] == {"StringEquals": {"aws:SourceArn": distribution}}
    for bucket in of("AWS::S3::Bucket").values():
        assert set(bucket["PublicAccessBlockConfiguration"].values()) == {True}
    without = deployed({"Edge": "off"})
    assert "cloudfront" not in str(
        [resource for resource in without.values() if resource["Type"] == "AWS::S3::BucketPolicy"]
    )


@pytest.mark.parametrize("name", sorted(of("AWS::Lambda::Function")))
def test_snap_start_is_asked_for_where_aws_allows_it(name: str) -> None:
    function = of("AWS::Lambda::Function")[name]
    ephemeral = function.get("EphemeralStorage", {"Size": 512})["Size"]
    allowed = ephemeral <= MOST_EPHEMERAL_MEGABYTES and "FileSystemConfigs" not in function
    assert function["SnapStart"]["ApplyOn"] == ("PublishedVersions" if allowed else "None")


@pytest.mark.parametrize(("runtime", "allowed"), [("python3.11", False), ("python3.12", True), ("python3.14", True)])
def test_snap_start_of_a_runtime_that_has_none_is_refused_before_anything_is_made(runtime: str, allowed: bool) -> None:
    rule = template()["Rules"]["SnapStartNeedsPython312"]
    for snap_start in ("None", "PublishedVersions"):
        evaluate = Evaluator(translated(), parameter_values({"SnapStart": snap_start, "PythonRuntime": runtime}))
        refused = evaluate(rule["RuleCondition"]) and not all(
            evaluate(assertion["Assert"]) for assertion in rule["Assertions"]
        )
        assert refused == (snap_start == "PublishedVersions" and not allowed)


def test_whatever_calls_a_function_calls_its_alias() -> None:
    aliases = {f"<{name}>" for name in of("AWS::Lambda::Alias")}
    called = [mapping["FunctionName"] for mapping in of("AWS::Lambda::EventSourceMapping").values()]
    called += [permission["FunctionName"] for permission in of("AWS::Lambda::Permission").values()]
    called += [schedule["Target"]["Arn"] for schedule in of("AWS::Scheduler::Schedule").values()]
    assert set(called) <= aliases
    [api] = of("AWS::ApiGateway::RestApi").values()
    uris = re.findall(r"functions/(<\w+>)/invocations", str(api["Body"]))
    assert set(uris) <= aliases
    assert uris
    assert len(uris) == str(api["Body"]).count("/invocations")


def test_every_function_has_an_alias_on_its_published_version() -> None:
    versions = {f"<{name}.Version>": version["FunctionName"] for name, version in of("AWS::Lambda::Version").items()}
    served = {alias["FunctionName"]: versions[alias["FunctionVersion"]] for alias in of("AWS::Lambda::Alias").values()}
    assert served == {f"<{name}>": f"<{name}>" for name in of("AWS::Lambda::Function")}


@pytest.mark.parametrize("name", sorted({*of("AWS::DynamoDB::Table"), "PicturesBucket"} - PASSING))
def test_data_outlives_its_stack_and_a_failed_first_deployment_can_be_rolled_back(name: str) -> None:
    resource = stack()[name]
    assert resource["DeletionPolicy"] == "RetainExceptOnCreate"
    assert resource["UpdateReplacePolicy"] == "Retain"


@pytest.mark.parametrize("name", sorted({*of("AWS::DynamoDB::Table")} - PASSING))
def test_tables_are_protected_from_deletion_in_a_second_step(name: str) -> None:
    assert of("AWS::DynamoDB::Table", everything=False)[name]["DeletionProtectionEnabled"] is False
    assert of("AWS::DynamoDB::Table")[name]["DeletionProtectionEnabled"] is True


@pytest.mark.parametrize("url", ["redis://:secret@host", "rediss://user:secret@host:6379/0"])
def test_a_redis_url_with_a_password_is_refused(url: str) -> None:
    pattern = template()["Parameters"]["RedisUrl"]["AllowedPattern"]
    assert not re.search(pattern, url)
    assert re.search(pattern, "rediss://host:6379/0")
    assert re.search(pattern, "")


def test_only_functions_that_ask_the_redis_read_its_password() -> None:
    secret = EVERYTHING_ON["RedisSecretArn"]
    readers = {name for name, role in of("AWS::IAM::Role").items() if secret in str(role)}
    askers = {
        f"{name}Role"
        for name, function in of("AWS::Lambda::Function").items()
        if "REDIS_URL" in function.get("Environment", {}).get("Variables", {})
    }
    assert readers == askers
    assert readers
    assert "secretsmanager" not in str(of("AWS::IAM::Role", everything=False))


def test_the_gateway_asks_the_authorizer_with_every_request() -> None:
    """A key comes in the header or the query. With a cache, or with sources, the gateway would ask for one of them."""
    [api] = [
        resource["Properties"]
        for resource in translated()["Resources"].values()
        if resource["Type"] == "AWS::ApiGateway::RestApi"
    ]
    authorizer = api["Body"]["components"]["securitySchemes"]["KeyAuthorizer"]["x-amazon-apigateway-authorizer"]
    assert authorizer["authorizerResultTtlInSeconds"] == 0
    assert "identitySource" not in authorizer
