"""What `docs/architecture.md` and CONTRIBUTING promise of the template, held by machine."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

import pytest

from commands.openapi import routes
from tests.aws import ROOT, resources, template
from tests.gateway import folder_of, served_routes
from tests.samples import samples
from tests.template.settings_read import variables_read_by
from vitrine.platform.http import ANYONE

if TYPE_CHECKING:
    from collections.abc import Iterator

FUNCTIONS = resources("AWS::Serverless::Function")
MAPPINGS = resources("AWS::Lambda::EventSourceMapping")
QUEUES = resources("AWS::SQS::Queue")
TABLES = resources("AWS::DynamoDB::Table")
ALARMS = resources("AWS::CloudWatch::Alarm")
FOLDERS = sorted(folder.name for folder in (ROOT / "functions").iterdir() if any(folder.glob("*.py")))
# What they hold expires within a day or is made again from other tables: no backups.
PASSING = {"IdempotencyTable"}
# They name the kinds of imports and run none: only the worker writes.
UNREAD = {
    "imports_api": {
        "VISITS_TABLE",
        "SUBMISSIONS_BUCKET",
        "REVIEW_TABLE",
        "SECOND_OPINION_PERCENT",
        "PRODUCTS_TABLE",
        "INTERACTIONS_TABLE",
        "RECOMMENDATIONS_TABLE",
    },
}
SHARED_VARIABLES = {"POWERTOOLS_SERVICE_NAME", "POWERTOOLS_METRICS_NAMESPACE", "PYDANTIC_DISABLE_PLUGINS"}
ACCOUNT_WIDE = {"cloudwatch:PutMetricData", "xray:PutTraceSegments"}  # these actions know no resources


def resource_of(folder: str) -> str:
    return "".join(word.capitalize() for word in folder.split("_")) + "Function"


def statements(function: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Every statement of a function's role, those behind conditions too."""
    for policy in function.get("Policies", []):
        waiting = list(policy["Statement"])
        while waiting:
            statement = waiting.pop()
            if "Fn::If" in statement:
                waiting += [branch for branch in statement["Fn::If"][1:] if "Ref" not in branch]
            else:
                yield statement


def listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def named_in(value: Any) -> Iterator[str]:
    """The logical ids that a value refers to."""
    if isinstance(value, dict):
        for kind, target in value.items():
            if kind == "Ref":
                yield target
            elif kind == "Fn::GetAtt":
                yield target[0]
            elif kind == "Fn::Sub":
                text = target if isinstance(target, str) else target[0]
                yield from (part.split("}")[0].split(".")[0] for part in text.split("${")[1:])
            else:
                yield from named_in(target)
    elif isinstance(value, list):
        for each in value:
            yield from named_in(each)


def functions() -> Any:
    return pytest.mark.parametrize("name", FUNCTIONS)


@pytest.mark.parametrize("folder", FOLDERS)
def test_a_function_is_one_handler_one_resource_samples_and_a_test(folder: str) -> None:
    files = [file.name for file in (ROOT / "functions" / folder).iterdir() if file.name != "__pycache__"]
    assert files == ["handler.py"]
    assert folder_of(FUNCTIONS[resource_of(folder)]) == folder
    assert [sample for sample in samples() if sample.function == folder], f"put a sample into events/{folder}/"
    assert f"functions.{folder}.handler" in _source_of_tests(), f"no test runs {folder}"


@cache
def _source_of_tests() -> str:
    return "".join(file.read_text() for file in (ROOT / "tests").rglob("*.py"))


def test_every_resource_and_every_sample_has_its_function() -> None:
    assert {resource_of(folder) for folder in FOLDERS} == set(FUNCTIONS)
    assert {sample.function for sample in samples()} <= set(FOLDERS)


@functions()
def test_a_role_names_actions_and_this_stacks_resources(name: str) -> None:
    for statement in statements(FUNCTIONS[name]):
        for action in listed(statement["Action"]):
            assert "*" not in action
        for resource in listed(statement["Resource"]):
            if set(listed(statement["Action"])) <= ACCOUNT_WIDE:
                continue
            # An ARN that CloudFormation does not give is composed of the account and a resource of the stack.
            names = set(named_in(resource)) - {"AWS::Partition", "AWS::AccountId"}
            assert names, f"{resource} is not of this stack"
            assert names <= set(template()["Resources"]) | set(template()["Parameters"])


@functions()
def test_a_role_is_not_shared(name: str) -> None:
    assert "Role" not in FUNCTIONS[name]


def mappings_of(name: str) -> list[dict[str, Any]]:
    """The streams and queues that a function follows."""
    return [mapping for mapping in MAPPINGS.values() if mapping["FunctionName"] == {"Ref": f"{name}.Alias"}]


def test_every_stream_and_queue_that_is_followed_is_followed_by_a_function() -> None:
    assert sum(len(mappings_of(name)) for name in FUNCTIONS) == len(MAPPINGS)
    # As an event of a function it would come with a policy of SAM that reads every queue or stream of the account.
    kinds = {event["Type"] for function in FUNCTIONS.values() for event in function.get("Events", {}).values()}
    assert kinds <= {"Api", "ScheduleV2"}


@functions()
def test_what_fails_in_the_background_goes_to_a_queue(name: str) -> None:
    function = FUNCTIONS[name]
    for mapping in mappings_of(name):
        [source] = named_in(mapping["EventSourceArn"])
        if source in QUEUES:
            assert "RedrivePolicy" in QUEUES[source]
            assert mapping["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
            timeout = function.get("Timeout", template()["Globals"]["Function"]["Timeout"])
            assert QUEUES[source]["VisibilityTimeout"] > timeout
        else:
            assert set(named_in(mapping["DestinationConfig"]["OnFailure"])) <= set(QUEUES)
            assert mapping["MaximumRetryAttempts"] > 0
    kinds = {event["Type"] for event in function.get("Events", {}).values()}
    is_called = bool(mappings_of(name)) or "Api" in kinds or name == "AuthorizerFunction"
    if "ScheduleV2" in kinds or not is_called:
        assert set(named_in(function["EventInvokeConfig"]["DestinationConfig"]["OnFailure"])) <= set(QUEUES)


def failure_queues() -> set[str]:
    redrive = {name for queue in QUEUES.values() for name in named_in(queue.get("RedrivePolicy", {}))}
    followers = [*FUNCTIONS.values(), *MAPPINGS.values()]
    return redrive | {name for follower in followers for name in named_in(list(destinations(follower)))}


def destinations(value: Any) -> Iterator[Any]:
    if isinstance(value, dict):
        for key, inner in value.items():
            if key == "OnFailure":
                yield inner
            else:
                yield from destinations(inner)


@pytest.mark.parametrize("name", QUEUES)
def test_a_queue_hands_failures_on_or_takes_them_and_tells(name: str) -> None:
    queue = QUEUES[name]
    assert queue.get("SqsManagedSseEnabled") is True
    watched = {alarm["MetricName"] for alarm in ALARMS.values() if name in named_in(alarm.get("Dimensions"))}
    if name in failure_queues() and "RedrivePolicy" not in queue:
        assert watched == {"ApproximateNumberOfMessagesVisible"}, "a failure queue needs an alarm"
        assert queue["MessageRetentionPeriod"] == 14 * 24 * 3600
    else:
        assert "RedrivePolicy" in queue
        assert watched == {"ApproximateAgeOfOldestMessage"}, "a queue needs an alarm on its age"


@functions()
def test_a_stream_that_is_followed_late_tells(name: str) -> None:
    if any("StartingPosition" in mapping for mapping in mappings_of(name)):
        watched = [alarm["MetricName"] for alarm in ALARMS.values() if name in named_in(alarm.get("Dimensions"))]
        assert "IteratorAge" in watched


@pytest.mark.parametrize("name", ALARMS)
def test_an_alarm_reaches_who_wants_it(name: str) -> None:
    told = [{"Ref": "AlarmTopic"}]
    needs_topic = template()["Resources"][name].get("Condition") == "TellsAlarms"
    actions = told if needs_topic else {"Fn::If": ["TellsAlarms", told, {"Ref": "AWS::NoValue"}]}
    assert ALARMS[name]["AlarmActions"] == actions
    assert ALARMS[name]["TreatMissingData"] == "notBreaching"


@pytest.mark.parametrize("name", TABLES)
def test_a_table_costs_nothing_idle_is_encrypted_and_kept(name: str) -> None:
    table = TABLES[name]
    assert table["BillingMode"] == "PAY_PER_REQUEST"
    assert table["SSESpecification"] == {"SSEEnabled": True}
    if name in PASSING:
        assert "TimeToLiveSpecification" in table
        return
    kept = {"Fn::If": ["KeepsData", True, False]}
    assert table["PointInTimeRecoverySpecification"] == {"PointInTimeRecoveryEnabled": kept}


@pytest.mark.parametrize("name", sorted(resources("AWS::S3::Bucket")))
def test_a_bucket_is_private_and_encrypted(name: str) -> None:
    bucket = resources("AWS::S3::Bucket")[name]
    assert set(bucket["PublicAccessBlockConfiguration"].values()) == {True}
    assert bucket["BucketEncryption"]
    assert bucket["OwnershipControls"] == {"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]}


def test_the_openapi_document_and_the_template_have_the_same_routes() -> None:
    described = {(route.method, route.path, route.scope == ANYONE) for route in routes()}
    served = {(route.method, route.path, route.is_open) for route in served_routes() if route.folder != "fallback_api"}
    assert served == described


def test_every_route_without_a_key_has_a_throttle_of_its_own() -> None:
    [api] = resources("AWS::Serverless::Api").values()
    throttled = {
        (setting["HttpMethod"], setting["ResourcePath"].replace("~1", "/")[1:]) for setting in api["MethodSettings"]
    }
    assert all(setting["ThrottlingRateLimit"] and setting["ThrottlingBurstLimit"] for setting in api["MethodSettings"])
    open_routes = {
        (route.method, route.path) for route in served_routes() if route.is_open and route.method != "OPTIONS"
    }
    assert throttled == open_routes


@pytest.mark.parametrize("folder", FOLDERS)
def test_a_function_is_given_the_variables_it_reads_and_no_others(folder: str) -> None:
    function = FUNCTIONS[resource_of(folder)]
    given = set(function.get("Environment", {}).get("Variables", {}))
    needed, known = variables_read_by(folder)
    assert needed - UNREAD.get(folder, set()) <= given
    if folder == "health_api":  # it reads whatever names a dependency
        given = {name for name in given if not name.endswith(("_TABLE", "_BUCKET", "_QUEUE"))}
    assert given <= known


def test_all_functions_share_only_variables_of_libraries() -> None:
    assert set(template()["Globals"]["Function"]["Environment"]["Variables"]) <= SHARED_VARIABLES
