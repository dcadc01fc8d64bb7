"""Messages are handled one by one, and only those that fail are delivered again."""

from __future__ import annotations

import io
import json
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest

from vitrine.platform.batches import handle_each
from vitrine.platform.telemetry import logger

if TYPE_CHECKING:
    from collections.abc import Callable

EVENT = {"Records": [{"messageId": name, "body": name} for name in ("good", "broken", "undone", "last")]}


def _handle(record: dict[str, Any]) -> bool | None:
    if record["body"] == "broken":
        raise KeyError(record["body"])
    return False if record["body"] == "undone" else None


@pytest.mark.parametrize("apply", [map, ThreadPoolExecutor(2).map], ids=["in turn", "at the same time"])
def test_a_message_that_fails_holds_up_no_other_and_is_told(
    apply: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    logged = io.StringIO()
    monkeypatch.setattr(logger.registered_handler, "stream", logged)
    response = handle_each(EVENT, _handle, apply=apply)
    assert response == {"batchItemFailures": [{"itemIdentifier": "broken"}, {"itemIdentifier": "undone"}]}
    failure, summary = (json.loads(line) for line in logged.getvalue().splitlines())
    assert (failure["message"], failure["message_id"], failure["exception_name"]) == (
        "message failed",
        "broken",
        "KeyError",
    )
    assert (summary["message"], summary["messages"], summary["failed"]) == ("batch", 4, 2)
