"""Each function finds all it imports in its own folder, its layers and what Lambda has.

The local cloud's functions see the developer's packages too, so there a package that no layer carries is not missed.
"""

from __future__ import annotations

import importlib.metadata
import subprocess
import sys
from importlib.util import MAGIC_NUMBER, cache_from_source
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from samcli.yamlhelper import yaml_parse

from tests.aws import ROOT, template

if TYPE_CHECKING:
    from collections.abc import Iterator

IN_LAMBDA = ["boto3", "botocore", "dateutil", "jmespath", "s3transfer", "six.py", "urllib3"]
FUNCTIONS = {
    name: ROOT / resource["Properties"]["CodeUri"]
    for name, resource in template()["Resources"].items()
    if resource["Type"] == "AWS::Serverless::Function"
}


@pytest.fixture(scope="session")
def lambda_packages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("lambda-packages")
    for name in IN_LAMBDA:
        installed = importlib.metadata.distribution("boto3").locate_file(name)
        (folder / name).symlink_to(Path(str(installed)))
    return folder


def layers_of(name: str, built: Path) -> Iterator[Path]:
    """The folders of the function's layers, those of the default engines."""
    document = yaml_parse((built / "template.yaml").read_text())
    layers = document["Globals"]["Function"]["Layers"]
    layers = [*layers, *document["Resources"][name]["Properties"].get("Layers", [])]
    for layer in layers:
        yield built / default_branch(layer)["Ref"] / "python"


def default_branch(value: dict[str, Any]) -> dict[str, Any]:
    return value["Fn::If"][2] if "Fn::If" in value else value


def test_every_layer_carries_bytecode_of_the_runtime(built: Path):
    layers = [folder for folder in built.iterdir() if (folder / "python").is_dir()]
    assert len(layers) >= 5
    for layer in layers:
        sources = [path for path in layer.rglob("*.py") if path.read_bytes().strip()]
        compiled = [Path(cache_from_source(str(path))) for path in sources]
        missing = [path for path in compiled if not path.exists()]
        # Some packages carry templates of Python that is none.
        assert len(missing) <= len(compiled) / 100, missing
        magic = {path.read_bytes()[:8] for path in compiled if path.exists()}
        unchecked_hash = (1).to_bytes(4, "little")
        assert magic == {MAGIC_NUMBER + unchecked_hash}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_function_is_whole(name: str, built: Path, lambda_packages: Path):
    path = [str(FUNCTIONS[name]), *map(str, layers_of(name, built)), str(lambda_packages)]

    imported = subprocess.run(
        [sys.executable, "-I", "-S", "-c", f"import sys; sys.path[:0] = {path!r}; import handler"],
        env={"AWS_DEFAULT_REGION": "eu-west-1"},
        capture_output=True,
        text=True,
        check=False,
    )

    assert imported.returncode == 0, imported.stderr
