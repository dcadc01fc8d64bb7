"""The runbook knows every alarm, and its commands exist with the options it gives them."""

from __future__ import annotations

import importlib
import re
import shlex
from functools import cache
from typing import TYPE_CHECKING, Any

import botocore.session
import pytest
from botocore import xform_name

from tests.aws import ROOT, resources
from tests.template.test_translated import of

if TYPE_CHECKING:
    from collections.abc import Iterator

RUNBOOK = (ROOT / "docs" / "operations.md").read_text()
# Options of the AWS CLI itself, and commands and names that are its own.
OF_ALL = {"--query", "--output", "--cli-binary-format"}
OWN = {("logs", "tail"): {"--since", "--filter-pattern"}, ("dynamodb", "wait"): {"--table-name"}}
SERVICES = {"deploy": "codedeploy"}
NAMED = {"lambda invoke": {"out.json"}, "deploy stop-deployment": {"--auto-rollback-enabled"}}


def commands() -> Iterator[str]:
    """Commands in blocks, and those in the text that begin as one."""
    for block in re.findall(r"```sh\n(.*?)```", RUNBOOK, re.DOTALL):
        yield from block.strip().splitlines()
    for text in re.findall(r"`([^`\n]+)`", re.sub(r"```.*?```", "", RUNBOOK, flags=re.DOTALL)):
        if text.startswith(("aws ", "python ", "sam ")):
            yield text


COMMANDS = sorted(set(commands()))


def of_tool(*names: str) -> list[list[str]]:
    split = [shlex.split(command) for command in COMMANDS]
    return [words for words in split if words[: len(names)] == list(names)]


@cache
def model_of(service: str) -> Any:
    return botocore.session.get_session().get_service_model(service)


def options_of(words: list[str]) -> set[str]:
    return {word.split("=")[0] for word in words if word.startswith("--")}


def test_every_command_is_of_a_tool_that_is_checked_here() -> None:
    assert {command.split()[0] for command in COMMANDS} <= {"aws", "python", "sam", "git"}
    assert of_tool("aws")
    assert of_tool("python")


@pytest.mark.parametrize("words", of_tool("aws"), ids=" ".join)
def test_an_aws_command_has_an_operation_that_takes_its_options(words: list[str]) -> None:
    service, operation = words[1], words[2]
    if (service, operation) in OWN:
        assert options_of(words) <= OWN[service, operation]
        return
    model = model_of(SERVICES.get(service, service))
    names = {xform_name(operation, "-"): operation for operation in model.operation_names}
    assert operation in names
    shape = model.operation_model(names[operation]).input_shape
    taken = {f"--{xform_name(member, '-')}" for member in shape.members} | NAMED.get(f"{service} {operation}", set())
    assert options_of(words) - OF_ALL <= taken
    required = {f"--{xform_name(member, '-')}" for member in shape.required_members}
    assert required <= options_of(words)


@pytest.mark.parametrize("words", of_tool("python", "-m"), ids=" ".join)
def test_a_command_of_ours_takes_its_arguments(words: list[str]) -> None:
    command = importlib.import_module(words[2])
    if len(words) > 3:
        assert command._parser().parse_args(words[3:])


@pytest.mark.parametrize("words", of_tool("sam"), ids=" ".join)
def test_a_sam_command_takes_its_options(words: list[str]) -> None:
    module = importlib.import_module(f"samcli.commands.{words[1]}.command")
    taken = {name for option in module.cli.params for name in option.opts}
    assert options_of(words) <= taken


def test_environments_are_those_of_the_configuration() -> None:
    configured = set(re.findall(r"^\[(\w+)\.deploy", (ROOT / "samconfig.toml").read_text(), re.MULTILINE))
    assert {
        command[command.index("--config-env") + 1] for command in of_tool("sam") if "--config-env" in command
    } <= configured


def test_every_alarm_has_its_line_and_no_other_has_one() -> None:
    told = re.findall(r"`(\w+Alarm)`", RUNBOOK)
    assert sorted(told) == sorted(of("AWS::CloudWatch::Alarm"))


def test_every_failure_queue_is_explained_where_changes_of_streams_end_in_it() -> None:
    mappings = of("AWS::Lambda::EventSourceMapping").values()
    ends = {
        mapping["DestinationConfig"]["OnFailure"]["Destination"]
        for mapping in mappings
        if "DestinationConfig" in mapping
    }
    names = {re.fullmatch(r"<(\w+)\.Arn>", end)[1] for end in ends}  # type: ignore[index]
    assert set(re.findall(r"^\| `(\w+Failures)` \|", RUNBOOK, re.MULTILINE)) == names


def test_tables_and_functions_that_it_names_are_in_the_template() -> None:
    known = {name for kind in ("DynamoDB::Table", "Serverless::Function") for name in resources(f"AWS::{kind}")}
    assert set(re.findall(r"`(\w+(?:Table|Function))`", RUNBOOK)) <= known


def test_how_long_messages_are_kept_is_what_the_template_says() -> None:
    seconds = {name: queue.get("MessageRetentionPeriod", 345600) for name, queue in of("AWS::SQS::Queue").items()}
    assert {kept for name, kept in seconds.items() if name.endswith("Failures")} == {14 * 86400}
    assert min(kept for name, kept in seconds.items() if not name.endswith("Failures")) == 4 * 86400
