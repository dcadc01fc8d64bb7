"""Layers are built for what the template's parameters say, and for nothing else."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.aws import ROOT, template

TARGETS = sorted((ROOT / "layers" / "targets").iterdir())
MACHINES = {"arm64": "aarch64", "x86_64": "x86_64"}
LAYERS = {
    name: resource
    for name, resource in template()["Resources"].items()
    if resource["Type"] == "AWS::Serverless::LayerVersion"
}


def build(
    layer: str, parameters: list[str], folder: Path, **variables: str
) -> tuple[subprocess.CompletedProcess[str], str]:
    """Run the real `sam build` with an interpreter that only notes what it is asked; answers what it was asked."""
    asked = folder / "asked"
    asked.write_text("")
    interpreter = folder / "python"
    interpreter.write_text(f'#!/bin/sh\necho "$@" >> {asked}\n')
    interpreter.chmod(0o755)
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    done = subprocess.run(
        ["sam", "build", layer, "--build-dir", folder / "built", "--parameter-overrides", *parameters],
        cwd=ROOT,
        env={**os.environ, "PATH": path, "SAM_CLI_TELEMETRY": "0", "PYTHON": str(interpreter), **variables},
        capture_output=True,
        text=True,
        check=False,
    )
    return done, asked.read_text()


def test_parameters_alone_say_what_a_layer_is_built_for(tmp_path: Path) -> None:
    done, asked = build(
        "RedisLayer",
        ["PythonRuntime=python3.13", "Architecture=x86_64"],
        tmp_path,
        PYTHON_RUNTIME="python3.12",
        ARCHITECTURE="arm64",
        VERSION="3.12",
        MACHINE="aarch64",
    )
    assert done.returncode == 0, done.stderr
    [install] = [line for line in asked.splitlines() if "pip install" in line]
    assert "--python-version 3.13 " in install
    assert re.findall(r"--platform \w+?_(x86_64|aarch64)", install) == ["x86_64", "x86_64"]


def test_a_target_that_is_not_known_fails_the_build(tmp_path: Path) -> None:
    done, asked = build("RedisLayer", ["PythonRuntime=python3.10"], tmp_path)
    assert done.returncode != 0
    assert "layers/targets/python3.10-arm64" in done.stderr
    assert "pip install" not in asked


@pytest.mark.parametrize("name", LAYERS)
def test_a_layer_is_built_where_its_parameters_say(name: str) -> None:
    made = LAYERS[name]
    assert made["Metadata"] == {
        "BuildMethod": "makefile",
        "BuildArchitecture": {"Ref": "Architecture"},
        "WorkingDirectory": {"Fn::Sub": "layers/targets/${PythonRuntime}-${Architecture}"},
    }
    assert made["Properties"]["CompatibleRuntimes"] == [{"Ref": "PythonRuntime"}]
    assert made["Properties"]["CompatibleArchitectures"] == [{"Ref": "Architecture"}]
    makefile = (ROOT / made["Properties"]["ContentUri"] / "Makefile").read_text()
    assert re.search(rf"^build-{name}: .*\bbytecode$", makefile, re.MULTILINE)


def test_a_targets_folder_is_named_for_what_is_in_it() -> None:
    assert {target.name.partition("-")[2] for target in TARGETS} == set(
        template()["Parameters"]["Architecture"]["AllowedValues"]
    )
    runtimes = re.compile(template()["Parameters"]["PythonRuntime"]["AllowedPattern"])
    for target in TARGETS:
        runtime, _, architecture = target.name.partition("-")
        assert runtimes.fullmatch(runtime)
        version = runtime.removeprefix("python")
        assert (target / "target.mk").read_text() == f"VERSION := {version}\nMACHINE := {MACHINES[architecture]}\n"
