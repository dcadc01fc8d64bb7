"""A stack of its own with buffered intake: events are stored before the response and counted together."""

from __future__ import annotations

import json
import uuid
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from local.state import Stack
from tests.e2e.api import Api, eventually
from tests.e2e.conftest import run_local

if TYPE_CHECKING:
    from collections.abc import Iterator

IMAGES = 5
VISITORS = 40


@pytest.fixture(scope="module")
def buffered(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    state = tmp_path_factory.mktemp("buffered-intake")
    try:
        run_local("up", state, "--no-demo", parameters="IntakeSeconds=2")
        yield Stack(**json.loads((state / "stack.json").read_text()))
    finally:
        run_local("down", state)


def test_visitors_count_once_whatever_they_send_again(buffered: Stack) -> None:
    shop, web_page = Api(buffered.api_url, buffered.secret_key), Api(buffered.api_url, buffered.publishable_key)
    gallery = f"/galleries/test-{uuid.uuid4().hex[:12]}"
    assert shop.put(gallery, {}).status == 201
    images = [{"id": f"i{at}", "name": f"{at}", "url": f"https://shop.example/{at}.jpg"} for at in range(IMAGES)]
    assert shop.post(f"{gallery}/images", {"images": images}).status == 200

    def visit(visitor: int) -> set[str]:
        views = [
            {"event_id": f"{visitor}-{at}", "type": "view", "image_id": f"i{at}", "session_id": f"s{visitor}"}
            for at in range(IMAGES)
        ]
        click = {"event_id": f"{visitor}-c", "type": "click", "image_id": "i0", "session_id": f"s{visitor}"}
        unknown = {"event_id": f"{visitor}-u", "type": "view", "image_id": "none"}
        answers = [web_page.post(f"{gallery}/events", {"events": [*views, click, unknown]}) for _ in range(2)]
        assert {answer.status for answer in answers} == {202}
        return {result["status"] for answer in answers for result in answer.json["results"]}

    with ThreadPoolExecutor(8) as visitors:
        assert set().union(*visitors.map(visit, range(VISITORS))) == {"queued"}

    def counted() -> tuple[int, int]:
        shown = shop.get(gallery).json
        return shown["views"], shown["clicks"]

    eventually(lambda: counted() == (IMAGES * VISITORS, VISITORS))
    eventually(lambda: shop.get(f"{gallery}/audit").json["mismatched"] == [])
    assert web_page.get(f"{gallery}/images").json["items"][0]["id"] == "i0"
    assert counted() == (IMAGES * VISITORS, VISITORS)


def test_events_of_an_unknown_gallery_are_not_found(buffered: Stack) -> None:
    event = {"event_id": "1", "type": "view", "image_id": "i0"}
    answer = Api(buffered.api_url, buffered.publishable_key).post("/galleries/none/events", {"events": [event]})
    assert answer.status == 404
