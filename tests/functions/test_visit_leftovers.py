"""Groups that no worker could finish."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from functions.visit_leftovers.handler import lambda_handler
from tests.aws import Context
from vitrine.visits.model import JobKey
from vitrine.visits.wiring import visit_store

pytestmark = pytest.mark.usefixtures("cloud")

EVENT = json.loads(Path("events/visit_leftovers/one_picture.json").read_text())


def test_a_leftover_is_recorded_as_not_processed_once() -> None:
    for _ in range(2):
        assert lambda_handler(EVENT, Context()) == {"batchItemFailures": []}
    [result] = visit_store().list_results(JobKey("shop", "1678385421234"), 0, 10)
    assert [outcome.failure and outcome.failure.code for outcome in result.outcomes] == ["not_processed"]
