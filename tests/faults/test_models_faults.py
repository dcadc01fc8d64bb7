"""Models that are built while workers die, messages come twice and in any order, stores throttle, and runs overlap.

A part of a step is as good as another: of all the calls that differ by step, operation and place in the part, each
fails once (a sample of them unless `VITRINE_FAULT_RUNS` asks for more).
"""

from __future__ import annotations

import json
import os
import random
from collections import Counter
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import pytest

from functions.models.handler import lambda_handler as models
from functions.shortlists.handler import lambda_handler as shortlists
from tests.aws import Context
from tests.faults.fault import FAULTS, Fault, Killed, hooked, kill, throttle, without_guards
from tests.recommendations import (
    as_event,
    build,
    follow,
    model_read,
    model_rows,
    open_shop,
    post,
    queued_bodies,
    recommended,
)
from vitrine.catalog.model import UserKey
from vitrine.platform.aws import client
from vitrine.recommendations.wiring import shortlist_tasks

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

pytestmark = pytest.mark.usefixtures("shop")

RUNS = int(os.environ.get("VITRINE_FAULT_RUNS", "50"))
CONSUMERS: dict[str, Callable[[dict[str, Any], Any], Any]] = {"ModelsQueue": models, "ShortlistsQueue": shortlists}


@pytest.fixture
def shop(cloud: None) -> None:
    open_shop()
    build()


class Worker:
    """Starts a build and delivers its messages; tells calls apart by step, operation and place in the work item."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, str, int]] = []
        self.now = "begin"
        self._places: Counter[str] = Counter()

    def run(self, chance: random.Random | None = None) -> None:
        """Build until the queues are empty. What died or failed is delivered again."""
        self.begin()
        self.deliver(chance)

    def begin(self) -> None:
        self._starts("begin")
        for _ in range(20):
            with suppress(Killed, Exception):
                models({"merchant_id": "shop"}, Context())
                return
        pytest.fail("no build starts")

    def deliver(self, chance: random.Random | None = None) -> None:
        waiting: list[tuple[str, str]] = []
        for _ in range(2000):
            for queue in CONSUMERS:
                waiting += [(queue, body) for body in queued_bodies(queue)]
            if not waiting:
                return
            if chance:
                chance.shuffle(waiting)
            queue, body = waiting.pop(0)
            message = json.loads(body)
            self._starts(message[2] if queue == "ModelsQueue" else queue)
            again = True
            with suppress(Killed):
                again = bool(CONSUMERS[queue](as_event(body), Context())["batchItemFailures"])
            if again or (chance and chance.random() < 0.3):
                waiting.append((queue, body))
        pytest.fail("the queues do not become empty")

    def noting(self) -> AbstractContextManager[None]:
        return hooked(self._note)

    def _starts(self, what: str) -> None:
        self.now = what
        self._places.clear()

    def _note(self, model: Any, **_: Any) -> None:
        self._places[model.name] += 1
        self.calls.append((self.now, model.name, self._places[model.name]))


def places() -> list[int]:
    """Return the numbers of the calls of a build, one of each kind."""
    worker = Worker()
    with worker.noting():
        worker.run()
    kinds = {call: at for at, call in reversed(list(enumerate(worker.calls, 1)))}
    found = sorted(kinds.values())
    assert len(found) > 40
    return found[:: max(1, round(10 * len(found) / RUNS))]


@pytest.mark.parametrize(("when", "what"), FAULTS)
def test_a_worker_that_dies_at_any_call_leaves_the_model_of_a_clean_run(when: str, what: Callable[[str], None]) -> None:
    clean = model_rows()
    assert len(clean) > 20
    for at in places():
        before = model_read()
        fault = Fault(at, when, what)
        with fault.armed():
            Worker().run()
        assert fault.struck
        assert model_read() > before, str(fault)
        assert model_rows() == clean, str(fault)
    assert not client("s3").list_objects_v2(Bucket="modelsbucket").get("Contents")


@pytest.mark.parametrize("seed", range(max(1, RUNS // 50)))
def test_messages_in_any_order_and_again_under_throttles_leave_the_model_of_a_clean_run(seed: int) -> None:
    clean, before = model_rows(), model_read()
    chance = random.Random(seed)

    def strike(model: Any, **_: Any) -> None:
        if chance.random() < 0.02:
            throttle(model.name)
        if chance.random() < 0.01:
            raise Killed(model.name)

    with hooked(strike):
        Worker().run(chance)
    assert model_read() > before
    assert model_rows() == clean


def test_a_run_that_was_given_up_at_any_call_disturbs_none_that_follows_it() -> None:
    clean = model_rows()
    for at in places():
        second = Overtaken(at)
        with second.armed():
            Worker().run()
        assert second.struck
        Worker().deliver()
        assert model_read() >= second.model, str(second)
        assert model_rows() == clean, str(second)


@pytest.mark.parametrize("operation", ["PutItem", "UpdateItem"])
def test_without_the_conditions_a_run_that_was_given_up_would_disturb_the_next(operation: str) -> None:
    clean = model_rows()
    worker = Worker()
    with worker.noting():
        worker.run()
    kind = ("load", "PutItem", 1) if operation == "PutItem" else None
    last = max(at for at, call in enumerate(worker.calls, 1) if call[:2] == ("load", "UpdateItem"))
    at = worker.calls.index(kind) + 1 if kind else last
    second = Overtaken(at)
    with without_guards("RecommendationsTable", operation), second.armed():
        Worker().run()
    assert second.struck
    assert model_rows() != clean or model_read() < second.model


@pytest.mark.parametrize(
    ("milliseconds", "what", "starts"),
    [(1_000, None, [0, 250, 500]), (1_000, kill, [0, 250, 500]), (900_000, throttle, [0, 250])],
    ids=["time is up", "the worker dies", "the store throttles"],
)
def test_a_part_that_is_not_done_at_once_goes_on_where_it_stopped(
    milliseconds: int, what: Callable[[str], None] | None, starts: list[int]
) -> None:
    models({"merchant_id": "shop"}, Context())
    waiting = queued_bodies("ModelsQueue")
    while json.loads(waiting[0])[2] != "load":
        models(as_event(waiting.pop(0)), Context())
        waiting += queued_bodies("ModelsQueue")
    build_number = json.loads(waiting[0])[1]
    lines = "".join(f"p{number:03},tea 5000 10000,,\n" for number in range(600))
    name = f"shop/{build_number}/results/neighbours-00.csv"
    client("s3").put_object(Bucket="modelsbucket", Key=name, Body=lines.encode())
    seen = set()
    fault = _Nth("PutItem", what or (lambda _: None), at=300)
    with hooked(fault):
        while waiting:
            body = waiting.pop(0)
            _, _, step, part, start, _ = json.loads(body)
            if (step, part) == ("load", "neighbours-00"):
                seen.add(start)
            with suppress(Killed):
                models(as_event(body), Context(milliseconds))
                body = ""
            waiting += [*([body] if body else []), *queued_bodies("ModelsQueue")]
    assert fault.struck
    assert sorted(seen) == starts
    assert model_read() == build_number
    loaded = {owner.split("/")[1] for owner, kind in model_rows() if kind == "near"}
    assert {f"p{number:03}" for number in range(600)} <= loaded


def test_readers_see_the_old_model_or_the_new_one() -> None:
    users, strategies = ("hal", "ida", "nobody"), ("hybrid", "popular")

    def shown() -> dict[tuple[str, str], list[tuple[str, float]]]:
        return {
            (user, strategy): [
                (item["product_id"], item["score"]) for item in recommended(user, strategy=strategy)["items"]
            ]
            for user in users
            for strategy in strategies
        }

    old = shown()
    for user in map(str, range(20)):
        post((user, "coffee", "purchase"), (user, "spade", "purchase"))
    seen = []
    models({"merchant_id": "shop"}, Context())
    waiting = [("ModelsQueue", body) for body in queued_bodies("ModelsQueue")]
    while waiting:
        queue, body = waiting.pop(0)
        CONSUMERS[queue](as_event(body), Context())
        seen.append(shown())
        for each in CONSUMERS:
            waiting += [(each, body) for body in queued_bodies(each)]
    new = seen[-1]
    assert all(old[question] != new[question] for question in old)
    assert all(found[question] in (old[question], new[question]) for found in seen for question in old)


def test_a_slow_refresh_does_not_bring_back_an_earlier_history() -> None:
    _interrupted_refresh()
    assert "rake" in _first_reasons("new")


def test_without_the_condition_a_slow_refresh_would_bring_back_an_earlier_history() -> None:
    with without_guards("RecommendationsTable", "PutItem"):
        _interrupted_refresh()
    assert "rake" not in _first_reasons("new")


def _interrupted_refresh() -> None:
    """While the shopper's list is about to be written, the shopper does something else, which is followed."""
    post(("new", "tea", "click"))
    shortlist_tasks().refresh([UserKey("shop", "new")])
    [body] = queued_bodies("ShortlistsQueue")

    def go_on(_: str) -> None:
        post(("new", "spade", "click"))
        follow()

    writes = _Nth("PutItem", go_on)
    with hooked(writes):
        shortlists(as_event(body), Context())
    assert writes.struck


def _first_reasons(user: str) -> list[str]:
    items = recommended(user, strategy="collaborative")["items"]
    return [item["product_id"] for item in items if "spade" in item["reason"]["because"]]


class _Nth:
    def __init__(self, operation: str, what: Callable[[str], None], at: int = 1) -> None:
        self.calls = 0
        self._operation = operation
        self._what = what
        self._at = at

    @property
    def struck(self) -> bool:
        return self.calls >= self._at

    def __call__(self, model: Any, **_: Any) -> None:
        if model.name == self._operation:
            self.calls += 1
            if self.calls == self._at:
                self._what(model.name)


class Overtaken(Fault):
    """At a call of a build, another build of the merchant starts and ends."""

    def __init__(self, at: int) -> None:
        super().__init__(at, "before-call", lambda _: self._overtake())
        self.model = 0

    def _overtake(self) -> None:
        Worker().run()
        self.model = model_read()
