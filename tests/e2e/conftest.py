"""The deployed stack that the end-to-end tests talk to."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import uuid
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from local.deployment import BUILD, client, stack_outputs
from local.seed import run_merchants
from local.state import Stack
from tests.e2e.api import Api, eventually

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    # Files with the most tests first, so that two workers end at about the same time; the emulator's 64 processes are
    # all taken for a minute after the last file.
    tests = Counter(item.path for item in items)
    items.sort(key=lambda item: (item.path.name == "test_concurrency.py", -tests[item.path], item.path))
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.e2e)


@pytest.fixture(scope="session")
def state(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The folder of a local cloud: that of the file VITRINE_STACK names, or one started for these tests."""
    given = os.environ.get("VITRINE_STACK")
    if given:
        yield Path(given).parent
        return
    state = tmp_path_factory.mktemp("local-cloud")
    try:
        run_local("up", state)
        yield state
    finally:
        run_local("down", state)


@pytest.fixture(scope="session")
def stack(state: Path) -> Stack:
    """How to reach the stack."""
    return Stack(**json.loads((state / "stack.json").read_text()))


@pytest.fixture(scope="session")
def built(state: Path) -> Path:
    """What `sam build` made."""
    return BUILD


def run_local(command: str, state: Path, *arguments: str, parameters: str = "") -> str:
    """Run `python -m local.<command>` for another instance than the developer's; answers what it prints.

    `parameters` are the template's: `Name=value …`.
    """
    environment = {name: value for name, value in os.environ.items() if name != "PORT"}
    environment |= {"VITRINE_STATE": str(state), "PARAMETERS": parameters}
    done = subprocess.run(
        [sys.executable, "-m", f"local.{command}", *arguments],
        env=environment,
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def shop(stack: Stack) -> Api:
    """The API with the secret key."""
    return Api(stack.api_url, stack.secret_key)


@pytest.fixture(scope="module")
def web_page(stack: Stack) -> Api:
    """The API with the publishable key."""
    return Api(stack.api_url, stack.publishable_key)


@pytest.fixture
def gallery(shop: Api) -> Iterator[str]:
    """An empty gallery of one test."""
    gallery_id = f"test-{uuid.uuid4().hex[:12]}"
    assert shop.put(f"/galleries/{gallery_id}", {}).status == 201
    yield gallery_id
    assert shop.delete(f"/galleries/{gallery_id}").status == 202


def open_shop(stack: Stack) -> Stack:
    """How to reach the stack as a merchant that has nothing yet."""
    merchant_id = f"shop-{uuid.uuid4().hex[:12]}"
    made = run_merchants(stack.endpoint_url, stack_outputs(stack.endpoint_url), "create", merchant_id)
    assert made
    return replace(
        stack, merchant_id=merchant_id, secret_key=made["secret_key"], publishable_key=made["publishable_key"]
    )


def add_store(shop: Api, stack: Stack) -> str:
    """A store, put into the uploads bucket."""
    name = f"S{uuid.uuid4().hex[:8]}"
    rows = f"AreaCode,StoreName,StoreID\n7100001,Corner shop,{name}\n"
    key = f"imports/{stack.merchant_id}/stores/{name}.csv"
    client("s3", stack.endpoint_url).put_object(Bucket=stack.uploads_bucket, Key=key, Body=rows.encode())
    eventually(lambda: shop.get(f"/api/visits?storeid={name}").status == 200)
    return name


def learn(stack: Stack) -> None:
    """Have the merchant's model built, as the schedule would."""
    client("lambda", stack.endpoint_url).invoke(
        FunctionName=stack_outputs(stack.endpoint_url)["ModelsFunction"],
        Payload=json.dumps({"merchant_id": stack.merchant_id}),
    )


def put_file(shop: Api, stack: Stack, kind: str, form: str, text: str) -> None:
    """Import a file, and wait until it is in."""
    key = f"imports/{stack.merchant_id}/{kind}/{uuid.uuid4().hex}.{form}"
    client("s3", stack.endpoint_url).put_object(Bucket=stack.uploads_bucket, Key=key, Body=text.encode())

    def found() -> dict[str, Any]:
        return next(
            (import_ for import_ in shop.get("/imports").json["items"] if import_["object"] == key),
            {"status": "absent"},
        )

    eventually(lambda: found()["status"] == "completed", within_seconds=90)
    assert found()["rows_rejected"] == 0
