from __future__ import annotations

import dataclasses
import json
import os
import signal
from typing import TYPE_CHECKING

import pytest
import urllib3

from local.deployment import client
from local.state import Stack
from tests.e2e.api import Api
from tests.e2e.conftest import run_local

if TYPE_CHECKING:
    from pathlib import Path


def test_the_stack_file_tells_all_that_a_client_needs(stack: Stack):
    told = dataclasses.asdict(stack)

    assert sorted(told) == [
        "api_url",
        "endpoint_url",
        "merchant_id",
        "publishable_key",
        "region",
        "secret_key",
        "stack_name",
        "uploads_bucket",
    ]
    assert stack.publishable_key.startswith("pk_")
    assert stack.secret_key.startswith("sk_")
    assert urllib3.util.parse_url(stack.api_url).host == "127.0.0.1"


def test_the_demo_gallery_is_in_the_order_of_its_weights(shop: Api):
    items = shop.get("/galleries/default/images?limit=100").json["items"]

    weights = [item["weight"] for item in items]
    assert len(items) >= 81
    assert weights == sorted(weights, reverse=True)
    assert weights[0] > weights[-1]
    assert all(item["weight"] == item["events"]["views"] + 7 * item["events"]["clicks"] for item in items)


def test_the_demo_pictures_show_without_a_key(web_page: Api):
    item = web_page.get("/galleries/default/images?limit=1").json["items"][0]

    picture = urllib3.request("GET", item["url"])

    assert picture.headers["Content-Type"] == "image/jpeg"
    assert picture.data.startswith(b"\xff\xd8")


def served(endpoint_url: str) -> dict[str, dict[str, str]]:
    """The variables of the version of each function that its alias serves."""
    functions = client("lambda", endpoint_url)
    return {
        function["FunctionName"]: functions.get_function_configuration(
            FunctionName=function["FunctionName"], Qualifier="live"
        )["Environment"]["Variables"]
        for page in functions.get_paginator("list_functions").paginate()
        for function in page["Functions"]
    }


@pytest.fixture(scope="module")
def second(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("second-local-cloud")


def test_a_second_checkout_runs_beside_it_survives_a_crash_and_serves_a_changed_parameter(
    stack: Stack, shop: Api, second: Path
):
    try:
        run_local("up", second, "--no-demo")
        other = Stack(**json.loads((second / "stack.json").read_text()))
        assert other.api_url != stack.api_url
        other_shop = Api(other.api_url, other.secret_key)
        assert other_shop.put("/galleries/only-in-the-second", {}).status == 201
        assert shop.get("/galleries/only-in-the-second").status == 404

        os.killpg(json.loads((second / "emulator.json").read_text())["pid"], signal.SIGKILL)
        told = run_local("up", second, "--no-demo")

        again = Stack(**json.loads((second / "stack.json").read_text()))
        assert again.api_url == other.api_url
        assert "sam build: nothing has changed" in told
        assert Api(again.api_url, again.secret_key).get("/galleries/default").status == 200
        assert Api(again.api_url, other.secret_key).get("/galleries/default").status == 401
        before = served(other.endpoint_url)
        run_local("up", second, "--no-demo", parameters="EventWindowMinutes=61")
        after = served(other.endpoint_url)
        changed = {name for name in after if after[name] != before[name]}
        assert {name.split("-")[1] for name in changed} == {"EventsApiFunction", "QueuedEventsFunction"}
        assert {after[name]["EVENT_WINDOW_MINUTES"] for name in changed} == {"61"}
    finally:
        run_local("down", second)
    assert not (second / "stack.json").exists()
