"""Write the part of botocore's data that the product uses, without documentation.

    python sdk_data.py DIRECTORY

botocore searches and reads megabytes of JSON before its first client; a loader on this part spares a cold start
25 ms. `vitrine.platform.aws` uses it where the layer has it and botocore's own data elsewhere.
"""

from __future__ import annotations

import gzip
import json
import shutil
import sys
from pathlib import Path
from typing import Any

import botocore

SERVICES = ("dynamodb", "s3", "sqs")
_COMMON = ("_retry.json", "partitions.json", "sdk-default-configuration.json")
_READ_WHOLE = "clientContextParams"
_UNUSED = ("examples-1", "waiters-2")


def write_sdk_data(target: Path) -> None:
    """Fill `target`, in botocore's own layout."""
    source = Path(botocore.__file__).parent / "data"
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir(parents=True)
    for name in _COMMON:
        shutil.copy(source / name, target)
    _write(target / "endpoints.json", _without_other_services(json.loads((source / "endpoints.json").read_text())))
    for service in SERVICES:
        version = max((source / service).iterdir())
        for file in version.iterdir():
            name = file.name.removesuffix(".gz")
            if name.startswith(_UNUSED):
                continue
            raw = gzip.decompress(file.read_bytes()) if file.suffix == ".gz" else file.read_bytes()
            _write(target / service / version.name / name, _without_documentation(json.loads(raw)))


def _write(path: Path, document: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(document, separators=(",", ":")))


def _without_other_services(endpoints: dict[str, Any]) -> dict[str, Any]:
    for partition in endpoints["partitions"]:
        partition["services"] = {name: service for name, service in partition["services"].items() if name in SERVICES}
    return endpoints


def _without_documentation(document: Any) -> Any:
    if isinstance(document, dict):
        return {
            name: value if name == _READ_WHOLE else _without_documentation(value)
            for name, value in document.items()
            if not (name == "documentation" and isinstance(value, str))
        }
    if isinstance(document, list):
        return [_without_documentation(value) for value in document]
    return document


if __name__ == "__main__":
    write_sdk_data(Path(sys.argv[1]))
