"""Every log line of every function says which invocation of which function wrote it."""

from __future__ import annotations

import io
import json
import random
from contextlib import suppress

import pytest

from tests.aws import Context
from tests.gateway import Gateway, handler_of, open_shop
from tests.samples import Sample, samples
from vitrine.access.wiring import access_store
from vitrine.platform.telemetry import logger


@pytest.mark.usefixtures("cloud")
@pytest.mark.parametrize("sample", samples(), ids=lambda sample: f"{sample.function}-{sample.case}")
def test_each_line_names_its_invocation(
    sample: Sample, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_LAMBDA_FUNCTION_NAME", sample.function)
    logged = io.StringIO()
    monkeypatch.setattr(logger.registered_handler, "stream", logged)
    with suppress(Exception):
        handler_of(sample.function)(sample.event, Context())
    lines = [json.loads(line) for line in (logged.getvalue() + capsys.readouterr().out).splitlines()]
    lines = [line for line in lines if "message" in line]  # metrics of Powertools are no log line
    assert lines
    assert {line["function"] for line in lines} == {sample.function}
    assert {line["cold_start"] for line in lines} <= {True, False}
    assert all(line["request_id"] for line in lines)


@pytest.mark.usefixtures("cloud")
def test_a_request_is_one_line_that_names_merchant_and_key(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The authorizer writes none for a known key: each line is paid for, twice a request."""
    shop = open_shop("shop")
    [key] = [stored for stored in access_store().list_keys("shop") if stored.kind == "publishable"]
    logged = io.StringIO()
    monkeypatch.setattr(logger.registered_handler, "stream", logged)
    Gateway().call("GET", "/galleries", shop.publishable_key)
    [line] = [json.loads(text) for text in (logged.getvalue() + capsys.readouterr().out).splitlines()]
    assert (line["merchant_id"], line["key_id"], line["status"]) == ("shop", key.key_id, 200)


@pytest.mark.usefixtures("cloud")
def test_a_storefront_request_may_be_left_out_of_the_log_and_in_no_case_out_of_metrics(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOGGED_SHARE", "0")
    shop = open_shop("shop")
    gateway = Gateway()
    gateway.call("PUT", "/galleries/summer", shop.secret_key, {})
    image = {"id": "a", "name": "a", "url": "https://a.example/1.jpg"}
    gateway.call("POST", "/galleries/summer/images", shop.secret_key, {"images": [image]})
    assert len(capsys.readouterr().out.splitlines()) == 2, "requests of the shop's server are logged"

    event = {"event_id": "1", "type": "view", "image_id": "a", "session_id": "ann"}
    gateway.call("POST", "/galleries/summer/events", shop.publishable_key, {"events": [event]})
    gateway.call("GET", "/galleries/summer/images", shop.publishable_key)
    gateway.call("GET", "/galleries/winter/images", shop.publishable_key)
    counted, failed = map(json.loads, capsys.readouterr().out.splitlines())
    assert counted["EventsAccepted"] == 1
    assert "message" not in counted
    assert (failed["message"], failed["status"], failed["Responses4xx"]) == ("request", 404, 1)


@pytest.mark.usefixtures("cloud")
def test_the_share_of_logged_requests_is_kept(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOGGED_SHARE", "0.25")
    random.seed(1)
    shop, gateway = open_shop("shop"), Gateway()
    for _ in range(200):
        gateway.call("GET", "/galleries", shop.publishable_key)
    assert 35 <= len(capsys.readouterr().out.splitlines()) <= 65
