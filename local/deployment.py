"""The real `sam build` and `sam deploy`, skipped if nothing has changed."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import platform
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import boto3
from samcli.yamlhelper import yaml_parse

from local.state import (
    API_PATH,
    BUILDS,
    REGION,
    ROOT,
    STACK_NAME,
    STATE,
    LocalCloudError,
    aws_environment,
    locked,
    step,
    write_whole,
)

if TYPE_CHECKING:
    from pathlib import Path

    from local.emulator import Emulator

STAGE = "v1"
_HOST = "127.0.0.1"
BUILD = BUILDS / "build"
_BUILT = BUILDS / "built"
_DEPLOYED = STATE / "deployed.json"
_LOGS = STATE / "logs"
_TEMPLATE = ROOT / "template.yaml"


def deploy(emulator: Emulator) -> dict[str, str]:
    """Build and deploy the checkout; return the stack's outputs."""
    parameters = _parameters_of_this_machine() | {"PublicApiUrl": api_url(emulator)}
    runtime = {name: parameters[name] for name in ("PythonRuntime", "Architecture")}
    source = _fingerprint(runtime)
    with locked(BUILDS / "build.lock") as lock:
        if _BUILT.exists() and _BUILT.read_text() == source and (BUILD / "template.yaml").exists():
            print("  sam build: nothing has changed")
        else:
            with step(f"sam build for {parameters['PythonRuntime']} on {parameters['Architecture']}"):
                _build(runtime, emulator)
            write_whole(_BUILT, source)
        fcntl.flock(lock, fcntl.LOCK_SH)  # other clouds may deploy the same build meanwhile
        deployed = json.dumps([source, parameters, emulator.run])
        if _DEPLOYED.exists() and _DEPLOYED.read_text() == deployed:
            print("  sam deploy: nothing has changed")
        else:
            with step(f"sam deploy of the stack {STACK_NAME}"):
                _deploy(parameters, emulator)
                _allow_loops(emulator)
                _publish_api(emulator)
            write_whole(_DEPLOYED, deployed)
    return stack_outputs(emulator.endpoint_url)


def stack_outputs(endpoint_url: str) -> dict[str, str]:
    """The outputs of the deployed stack by name."""
    stacks = client("cloudformation", endpoint_url).describe_stacks(StackName=STACK_NAME)["Stacks"]
    return {output["OutputKey"]: output["OutputValue"] for output in stacks[0].get("Outputs", [])}


def client(service: str, endpoint_url: str) -> Any:
    """An AWS client for the emulator."""
    return boto3.client(
        service,  # type: ignore[call-overload]
        endpoint_url=endpoint_url,
        region_name=REGION,
        aws_access_key_id="test",
        aws_secret_access_key="test",  # noqa: S106 - the emulator takes any
    )


def _parameters_of_this_machine() -> dict[str, str]:
    """The template's parameters for this machine, overridden by `PARAMETERS="Name=value …"`."""
    arm = platform.machine().lower() in {"arm64", "aarch64"}
    overrides = dict(pair.split("=", 1) for pair in os.environ.get("PARAMETERS", "").split())
    return {
        "PythonRuntime": f"python{sys.version_info.major}.{sys.version_info.minor}",
        "Architecture": "arm64" if arm else "x86_64",
        "KeepData": "no",
        "Edge": "off",  # the emulator stores distributions but does not serve through them
        "FetchAllowedHosts": "127.0.0.1",
    } | overrides


def _fingerprint(runtime: dict[str, str]) -> str:
    """A hash of everything that the build reads."""
    digest = hashlib.sha256(json.dumps(runtime).encode())
    for path in sorted([_TEMPLATE, *_sources(ROOT / "functions"), *_sources(ROOT / "layers")]):
        digest.update(f"{path.relative_to(ROOT)}\0".encode())
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


def _sources(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file() and "__pycache__" not in path.parts]


def _build(runtime: dict[str, str], emulator: Emulator) -> None:
    shutil.rmtree(BUILD, ignore_errors=True)
    # sam rebuilds a layer if its own folder changes, and does not see the file that all layers share.
    shared = hashlib.sha256((ROOT / "layers" / "layer.mk").read_bytes()).hexdigest()[:8]
    folders = ["--build-dir", str(BUILD), "--cached", "--cache-dir", str(BUILDS / f"cache-{shared}")]
    _sam(
        ["build", "--template-file", str(_TEMPLATE), *folders, "--parallel", *_overrides(runtime)],
        emulator,
        {"PYTHON": sys.executable},
    )


def _deploy(parameters: dict[str, str], emulator: Emulator) -> None:
    arguments = [
        *("deploy", "--template-file", str(BUILD / "template.yaml"), "--stack-name", STACK_NAME),
        *("--region", REGION, "--resolve-s3", "--capabilities", "CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"),
        *("--no-confirm-changeset", "--no-fail-on-empty-changeset", "--no-progressbar"),
    ]
    _sam([*arguments, *_overrides(parameters)], emulator)


def _overrides(parameters: dict[str, str]) -> list[str]:
    return ["--parameter-overrides", *(f"{name}={value}" for name, value in parameters.items())]


def _sam(arguments: list[str], emulator: Emulator, more: dict[str, str] | None = None) -> None:
    _LOGS.mkdir(parents=True, exist_ok=True)
    log = _LOGS / f"sam-{arguments[0]}.log"
    sam = shutil.which("sam", path=aws_environment("")["PATH"])
    if not sam:
        raise LocalCloudError("The sam command is missing from .venv. Run: rm -rf .venv && make up")
    with log.open("w") as output:
        environment = aws_environment(emulator.endpoint_url) | (more or {})
        done = subprocess.run(
            [sam, *arguments], env=environment, cwd=ROOT, stdout=output, stderr=subprocess.STDOUT, check=False
        )
    if done.returncode:
        tail = "\n".join(f"    {line}" for line in log.read_text().splitlines()[-25:])
        raise LocalCloudError(
            f"sam {arguments[0]} failed:\n{tail}\n  The whole log is {log}. Correct the error and run: make up"
        )


def api_url(emulator: Emulator) -> str:
    """The API's address, which does not depend on its id."""
    return f"{emulator.endpoint_url}/{API_PATH}"


def _allow_loops(emulator: Emulator) -> None:
    """Set what the emulator ignores: `RecursiveLoop` of the functions that hand work on to themselves."""
    template = yaml_parse((BUILD / "template.yaml").read_text())
    functions = client("lambda", emulator.endpoint_url)
    formation = client("cloudformation", emulator.endpoint_url)
    for name, resource in template["Resources"].items():
        loop = resource.get("Properties", {}).get("RecursiveLoop")
        if loop:
            described = formation.describe_stack_resource(StackName=STACK_NAME, LogicalResourceId=name)
            physical = described["StackResourceDetail"]["PhysicalResourceId"]
            functions.put_function_recursion_config(FunctionName=physical, RecursiveLoop=loop)


def _publish_api(emulator: Emulator) -> None:
    """Set what the emulator ignores: the gateway's own responses, and a lasting address.

    It reads no gateway responses from the API's document, knows the route but not the path in them, and creates a new
    API with another id whenever routes change.
    """
    gateway = client("apigateway", emulator.endpoint_url)
    api_id = stack_outputs(emulator.endpoint_url)["RestApiId"]
    template = yaml_parse((BUILD / "template.yaml").read_text())
    for kind, response in template["Resources"]["Api"]["Properties"]["GatewayResponses"].items():
        gateway.put_gateway_response(
            restApiId=api_id,
            responseType=kind,
            statusCode=str(response["StatusCode"]),
            responseParameters={
                f"gatewayresponse.header.{name}": value
                for name, value in response["ResponseParameters"]["Headers"].items()
            },
            responseTemplates={
                media_type: body.replace("$context.path", "$context.resourcePath")
                for media_type, body in response["ResponseTemplates"].items()
            },
        )
    gateway.create_deployment(restApiId=api_id, stageName=STAGE)
    if any(item["domainName"] == _HOST for item in gateway.get_domain_names()["items"]):
        gateway.delete_domain_name(domainName=_HOST)
    gateway.create_domain_name(domainName=_HOST)
    gateway.create_base_path_mapping(domainName=_HOST, basePath=API_PATH, restApiId=api_id, stage=STAGE)
