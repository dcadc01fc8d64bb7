"""Searches and clicks that are sent and learned again because a sender, a function or an answer was lost."""

from __future__ import annotations

import random
from contextlib import suppress
from itertools import count
from typing import TYPE_CHECKING, Any

import pytest

from functions.events_api.handler import lambda_handler as events
from functions.galleries_api.handler import lambda_handler as galleries
from functions.query_counts.handler import lambda_handler as query_counts
from tests.aws import Context, api_event, send, serve
from tests.faults.fault import FAULTS, Fault, Killed, without_guards
from tests.streams import stream_records
from vitrine.search.queries import search_id_of
from vitrine.search.wiring import queries

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.usefixtures("cloud")

RED, ROUGE = (search_id_of(text.split(), found=True) for text in ("red dress", "rouge dress"))
SEARCHES = [{"event_id": str(number), "search_id": search_id} for number, search_id in enumerate((RED, RED, ROUGE))]
CLICKS = [
    {"event_id": "1", "type": "click", "image_id": "one", "search_id": RED, "previous_search_id": ROUGE},
    {"event_id": "2", "type": "click", "image_id": "two", "search_id": RED},
    {"event_id": "3", "type": "click", "image_id": "one", "search_id": ROUGE},
    {"event_id": "4", "type": "click", "image_id": "one", "search_id": RED},
]


def make_gallery(merchant: str) -> None:
    def ask(method: str, route: str, body: dict[str, Any]) -> None:
        serve(galleries, method, route, gallery_id="g", body=body, merchant=merchant)

    ask("PUT", "/galleries/{gallery_id}", {})
    images = [{"id": each, "name": each, "url": f"https://pictures.example/{each}.jpg"} for each in ("one", "two")]
    ask("POST", "/galleries/{gallery_id}/images", {"images": images})


def post(merchant: str, *, seed: int = 0) -> int:
    shuffle = random.Random(seed).sample
    clicks = {"events": shuffle(CLICKS, len(CLICKS))}
    searches = {"events": shuffle(SEARCHES, len(SEARCHES))}
    answered, _, _ = serve(events, "POST", "/search/events", body=searches, merchant=merchant)
    event = api_event("POST", "/galleries/{gallery_id}/events", gallery_id="g", body=clicks, merchant=merchant)
    return max(answered, send(events, event)[0])


def records_of(merchant: str) -> list[dict[str, Any]]:
    records = stream_records("QueriesTable")
    return [record for record in records if record["dynamodb"]["Keys"]["pk"]["S"].startswith(merchant)]


def learn(merchant: str, *, seed: int | None = None) -> int:
    records = records_of(merchant)
    if seed is not None:
        random.Random(seed).shuffle(records)
    query_counts({"Records": records}, Context())
    return 200


def known(merchant: str) -> list[Any]:
    return [
        (
            counts.words,
            counts.searches,
            {key.image_id: amount.total for key, amount in counts.images.items()},
            {previous: amount.total for previous, amount in counts.previous.items()},
        )
        for counts in sorted(queries().list_queries(merchant), key=lambda counts: counts.words)
    ]


EXPECTED = [
    (("red", "dress"), 2, {"one": 2, "two": 1}, {str(ROUGE)[2:]: 1}),
    (("rouge", "dress"), 1, {"one": 1}, {}),
]


def until_done(act: Callable[[], int], fault: Fault) -> None:
    with fault.armed():
        for _ in range(5):
            with suppress(Killed, Exception):
                if act() < 300:
                    return
    pytest.fail("never done")


@pytest.mark.parametrize(("when", "what"), FAULTS)
def test_events_that_are_cut_at_any_call_and_sent_again_teach_once(when: str, what: Callable[[str], None]) -> None:
    for at in count(1):
        merchant = f"cut{at}-"
        make_gallery(merchant)
        fault = Fault(at, when, what)
        until_done(lambda merchant=merchant: post(merchant), fault)  # type: ignore[misc]
        assert post(merchant, seed=at) == 202  # late and again, in another order
        learn(merchant)
        assert known(merchant) == EXPECTED, str(fault)
        if not fault.struck:
            assert at > 6
            return


@pytest.mark.parametrize(("when", "what"), FAULTS)
def test_learning_that_is_cut_at_any_call_and_repeated_learns_the_same(when: str, what: Callable[[str], None]) -> None:
    make_gallery("shop")
    post("shop")
    for at in count(1):
        fault = Fault(at, when, what)
        until_done(lambda at=at: learn("shop", seed=at), fault)  # type: ignore[misc]
        assert known("shop") == EXPECTED, str(fault)
        if not fault.struck:
            assert at > 5
            return


def crossed(at: int, merchant: str) -> Fault:
    """At a call of the one that learns, more is counted and another learns it."""
    make_gallery(merchant)
    body = {"events": CLICKS[1:2]}
    assert (
        serve(events, "POST", "/galleries/{gallery_id}/events", gallery_id="g", body=body, merchant=merchant)[0] == 202
    )
    earlier = records_of(merchant)

    def another(_: str) -> None:
        post(merchant)
        learn(merchant)

    fault = Fault(at, "before-call", another)
    with fault.armed():
        query_counts({"Records": earlier}, Context())
    return fault


def test_what_others_learn_meanwhile_stays() -> None:
    for at in count(1):
        fault = crossed(at, f"cross{at}-")
        if not fault.struck:
            assert at > 3
            return
        assert known(f"cross{at}-") == EXPECTED, str(fault)


def test_without_its_condition_a_learner_undoes_what_another_learned() -> None:
    with without_guards("QueriesTable", "PutItem"):
        struck = [at for at in range(1, 4) if crossed(at, f"bare{at}-").struck]
        assert [at for at in struck if known(f"bare{at}-") != EXPECTED]


def test_without_their_condition_counters_count_again() -> None:
    make_gallery("shop")
    with without_guards("QueriesTable", "UpdateItem"):
        post("shop")
        post("shop", seed=1)
    learn("shop")
    assert known("shop") != EXPECTED
