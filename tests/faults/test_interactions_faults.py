"""Interactions that are sent again because a sender, a function or an answer was lost."""

from __future__ import annotations

import json
import random
from contextlib import suppress
from itertools import count
from typing import TYPE_CHECKING, Any

import boto3
import pytest

from functions.events_api.handler import lambda_handler as events
from functions.galleries_api.handler import lambda_handler as galleries
from functions.interactions_api.handler import lambda_handler as interactions
from tests.aws import api_event, send, serve
from tests.faults.fault import FAULTS, Fault, Killed, without_guards
from vitrine.catalog.dynamodb import purchase_digest

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.usefixtures("cloud")

BATCH = [
    ("1", "ann", "tea", "purchase"),
    ("2", "ann", "mug", "view"),
    ("3", "bob", "tea", "purchase"),
    ("4", "ann", "tea", "purchase"),
    ("5", "ann", "mug", "click"),
]
LATER = [("1", "ann", "mug", "purchase"), ("4", "ann", "tea", "view"), ("2", "ann", "mug", "view")]


def post(batch: list[tuple[str, str, str, str]], merchant: str) -> int:
    body = {
        "interactions": [
            {"interaction_id": interaction_id, "user_id": user, "product_id": product, "type": kind}
            for interaction_id, user, product, kind in batch
        ]
    }
    return serve(interactions, "POST", "/interactions", body=body, merchant=merchant)[0]


def put(interaction_id: str, product: str, kind: str, merchant: str) -> int:
    event = api_event(
        "PUT",
        "/users/{user_id}/interactions/{interaction_id}",
        user_id="ann",
        interaction_id=interaction_id,
        body={"product_id": product, "type": kind},
        merchant=merchant,
    )
    return send(interactions, event)[0]


def until_answered(ask: Callable[[], int], fault: Fault) -> None:
    with fault.armed():
        for _ in range(5):
            with suppress(Killed):
                if ask() < 300:
                    return
    pytest.fail("no answer")


def left_behind(merchant: str) -> tuple[list[tuple[str, ...]], dict[tuple[str, str], set[bytes]]]:
    """The histories, and by which purchases who bought what."""
    items: list[Any] = boto3.resource("dynamodb").Table("InteractionsTable").scan()["Items"]
    own = [(item["pk"].split("/")[1], item) for item in items if item["pk"].startswith(f"{merchant}/")]
    contents = [(user, item["sk"], json.loads(item["content"])) for user, item in own if item["sk"].startswith("i/")]
    history = [(user, sk, content[0], content[1]) for user, sk, content in contents]
    bought = {(user, item["sk"][2:]): set(map(bytes, item["purchases"])) for user, item in own if "purchases" in item}
    return sorted(history), bought


@pytest.mark.parametrize(("when", "what"), FAULTS)
def test_a_batch_that_is_cut_at_any_call_and_sent_again_is_recorded_once(
    when: str, what: Callable[[str], None]
) -> None:
    for batch in (BATCH, LATER):
        assert post(batch, "calm") == 202
    expected = left_behind("calm")
    assert expected[1] == {("ann", "mug"): {purchase_digest("1")}, ("bob", "tea"): {purchase_digest("3")}}
    for at in count(1):
        merchant = f"cut{at}"
        fault = Fault(at, when, what)
        for batch in (BATCH, LATER):
            until_answered(lambda batch=batch, merchant=merchant: post(batch, merchant), fault)  # type: ignore[misc]
            # late and again, in another order
            assert post(random.Random(at).sample(batch, len(batch)), merchant) == 202
        assert left_behind(merchant) == expected, str(fault)
        if not fault.struck:
            assert at > 6
            return


def cross(at: int, merchant: str) -> Fault:
    """At a call of the one that changes what a purchase was, another changes it too."""
    assert put("1", "tea", "purchase", merchant) == 201
    fault = Fault(at, "before-call", lambda _: put("1", "mug", "purchase", merchant))
    with fault.armed():
        put("1", "kettle", "purchase", merchant)
    return fault


def bought_as_told(merchant: str) -> bool:
    history, bought = left_behind(merchant)
    told: dict[tuple[str, str], set[bytes]] = {}
    for user, sk, product, kind in history:
        if kind == "purchase":
            told.setdefault((user, product), set()).add(purchase_digest(sk[2:]))
    return told == bought


def test_what_was_bought_follows_the_history_when_changes_cross() -> None:
    for at in count(1):
        fault = cross(at, f"crossed{at}")
        assert bought_as_told(f"crossed{at}"), str(fault)
        if not fault.struck:
            assert at > 2
            return


def test_without_the_conditions_crossing_changes_would_leave_what_was_not_bought() -> None:
    with without_guards("InteractionsTable", "TransactWriteItems"):
        assert not all(bought_as_told(f"crossed{at}") for at in range(1, 6) if cross(at, f"crossed{at}"))


@pytest.mark.parametrize("kind", ["secret", "publishable"])
@pytest.mark.parametrize(("when", "what"), FAULTS)
def test_events_of_a_known_user_that_are_cut_at_any_call_become_interactions_once(
    when: str, what: Callable[[str], None], kind: str
) -> None:
    """And not another's who tells the same events as his own."""
    zoe, mallory = "visitor:zzzzzzzzzzzzzzzzzzzzzz", "visitor:mmmmmmmmmmmmmmmmmmmmmm"

    def shop(merchant: str) -> None:
        image = {"id": "i", "name": "i", "url": "https://pictures.example/i.jpg", "product_ids": ["spade", "mug"]}
        for method, path, body in (
            ("PUT", "/galleries/{gallery_id}", {}),
            ("POST", "/galleries/{gallery_id}/images", {"images": [image]}),
        ):
            serve(galleries, method, path, gallery_id="g", body=body, merchant=merchant)

    def tell(merchant: str, *types: str, user: str = zoe) -> int:
        sent = [
            {"event_id": kind, "type": kind, "image_id": "i", "user_id": user, "session_id": "of-zoe-or-guessed"}
            for kind in types
        ]
        path = "/galleries/{gallery_id}/events"
        return serve(events, "POST", path, gallery_id="g", body={"events": sent}, merchant=merchant, kind=kind)[0]

    shop("calm")
    assert tell("calm", "click", "view") == 202
    assert tell("calm", "click", "view", user=mallory) == 202
    expected = left_behind("calm")
    assert len(expected[0]) == 4
    for at in count(1):
        merchant = f"cut{at}"
        shop(merchant)
        fault = Fault(at, when, what)

        until_answered(lambda merchant=merchant: tell(merchant, "click", "view"), fault)  # type: ignore[misc]
        assert tell(merchant, "click", user=mallory) == 202
        assert tell(merchant, "view") == 202
        assert left_behind(merchant) == expected, str(fault)
        if not fault.struck:
            assert at > 4
            return
