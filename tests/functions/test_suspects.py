"""Visitors whose events no person sends count in totals and in no rate."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from functions.events_api.handler import lambda_handler as events_api
from functions.galleries_api.handler import lambda_handler as galleries_api
from functions.gallery_tasks.handler import lambda_handler as gallery_tasks
from functions.weights.handler import lambda_handler as weights
from tests.aws import Context, serve
from tests.streams import stream_records
from vitrine.engagement.count_events import Batch
from vitrine.engagement.model import Event, Result, Rules, SourcePage, lasting_names, visitor_mark
from vitrine.engagement.watch_visitors import VisitorWatch
from vitrine.engagement.wiring import event_counter
from vitrine.galleries.model import GalleryKey, Suspect, Totals
from vitrine.galleries.wiring import gallery_repository
from vitrine.platform.problems import Unavailable
from vitrine.platform.times import utc_now
from vitrine.ranking.experiments import arm_of

pytestmark = pytest.mark.usefixtures("cloud")

GALLERY = "/galleries/{gallery_id}"
IMAGES = "/galleries/{gallery_id}/images"
IMAGE = "/galleries/{gallery_id}/images/{image_id}"
AUDIT = "/galleries/{gallery_id}/audit"
SUSPECT = "/galleries/{gallery_id}/suspects/{visitor}"
EXPERIMENT = "/galleries/{gallery_id}/experiments/{experiment_id}"
NAMES = [f"i{at:02d}" for at in range(60)]
KEY = GalleryKey("shop", "summer")
PAGE = SourcePage("192.0.2.1", "Firefox")


def call(method: str, resource: str, handler: Any = galleries_api, **more: Any) -> tuple[int, Any]:
    status, content, _ = serve(handler, method, resource, gallery_id="summer", **more)
    return status, content


@pytest.fixture(autouse=True)
def _gallery(cloud: None) -> None:
    assert call("PUT", GALLERY, body={"ranking": {"policy": "smoothed_rate"}})[0] == 201
    images = [{"id": name, "name": name, "url": "https://a.example/1.jpg"} for name in NAMES]
    assert call("POST", IMAGES, body={"images": images})[0] == 200


def post(session: str, kind: str, names: list[str], *, key: str = "publishable") -> None:
    sent = [
        {"event_id": f"{session}:{kind}:{name}", "type": kind, "image_id": name, "session_id": session}
        for name in names
    ]
    status, content = call("POST", "/galleries/{gallery_id}/events", events_api, body={"events": sent}, kind=key)
    assert status == 202
    assert {result["status"] for result in content["results"]} <= {"accepted", "duplicate"}
    event_counter.cache_clear()  # ten seconds later


def follow() -> None:
    assert weights({"Records": stream_records("CountersTable")}, Context()) == {"batchItemFailures": []}


def audit() -> Any:
    follow()
    return call("GET", AUDIT)[1]


def test_a_visitor_who_clicks_on_everything_is_named_and_counts_in_no_rate() -> None:
    post("robot", "click", NAMES[:40])
    [suspect] = audit()["suspects"]
    assert suspect["reason"] == "clicked 40 images of 0 seen within an hour"
    assert (len(suspect["visitor"]), suspect["trusted"]) == (32, False)
    post("robot", "click", NAMES[40:])
    follow()
    image = call("GET", IMAGE, image_id=NAMES[50], query={"explain": "true"})[1]
    assert image["events"] == {"views": 0, "clicks": 1}
    assert (image["explanation"]["clicks"], image["explanation"]["suspects"]) == (0, {"views": 0, "clicks": 1})
    assert call("GET", GALLERY)[1]["clicks"] == len(NAMES)
    assert (audit()["images"], audit()["mismatched"]) == (len(NAMES), [])


def test_a_shopper_is_no_suspect() -> None:
    for at in range(3):
        post(f"shopper-{at}", "view", NAMES)
        post(f"shopper-{at}", "click", NAMES[:12])
    assert "suspects" not in audit()


def test_a_shops_server_is_trusted() -> None:
    post("robot", "click", NAMES, key="secret")
    assert "suspects" not in audit()


def test_a_suspect_can_be_let_back_in() -> None:
    post("robot", "click", NAMES[:40])
    [suspect] = audit()["suspects"]
    assert call("DELETE", SUSPECT, visitor=suspect["visitor"])[0] == 204
    post("robot", "click", NAMES[40:])
    follow()
    assert call("GET", IMAGE, image_id=NAMES[50], query={"explain": "true"})[1]["explanation"]["clicks"] == 1
    assert audit()["suspects"] == [{**suspect, "trusted": True}]
    assert audit()["mismatched"] == []
    assert call("DELETE", SUSPECT, visitor="nobody")[0] == 404


def test_a_suspect_is_in_no_experiment() -> None:
    arms = [{"policy": "smoothed_rate"}, {"policy": "newest"}]
    assert call("POST", EXPERIMENT, experiment_id="spring", body={"arms": arms})[0] == 201
    gallery = gallery_repository().find_gallery(KEY)
    assert gallery
    assert gallery.experiment
    gallery_repository().open_experiment(gallery, gallery.experiment)
    mark = visitor_mark("session:robot", "secret of shop")
    gallery_repository().add_suspect(KEY, Suspect(mark, "clicked", utc_now()))
    post("robot", "click", NAMES[:40])
    post("shopper", "click", NAMES[:1])
    found = call("GET", EXPERIMENT, experiment_id="spring")[1]
    arm = arm_of("secret of shop", "shopper", "summer/spring")
    assert [counted["visitors"] for counted in found["arms"]] == [int(arm == 0), int(arm == 1)]
    assert audit()["mismatched"] == []


def test_suspects_go_with_their_gallery() -> None:
    post("robot", "click", NAMES[:40])
    assert call("DELETE", GALLERY)[0] == 202
    body = '{"task": "delete_gallery", "key": ["shop", "summer"]}'
    gallery_tasks({"Records": [{"messageId": "1", "body": body}]}, Context())
    assert gallery_repository().list_suspects(KEY) == []


class Shared:
    """Counts that all processes share, and that fail `failures` times first."""

    def __init__(self, failures: int = 0) -> None:
        self.failures = failures
        self.totals = Totals()
        self.writes = 0

    def add(self, gallery: GalleryKey, visitor: str, hour: int, counted: Totals) -> Totals:
        self.failures -= 1
        if self.failures >= 0:
            raise Unavailable("throttled", 1)
        self.writes += 1
        self.totals = self.totals.plus(counted)
        return self.totals


class Found:
    def __init__(self) -> None:
        self.suspects: list[Suspect] = []

    def add_suspect(self, key: GalleryKey, suspect: Suspect) -> None:
        self.suspects.append(suspect)


def clicks(first: int, number: int) -> tuple[Batch, Rules, list[Result]]:
    events = [Event(f"e{at}", "click", f"i{at}", session_id="robot") for at in range(first, first + number)]
    results = [Result(event.event_id, "accepted") for event in events]
    return Batch(KEY, "secret", events, False, utc_now(), PAGE), Rules(), results


def test_processes_find_a_suspect_together() -> None:
    shared, found = Shared(), Found()
    processes = [VisitorWatch(shared, found) for _ in range(3)]
    for at in range(6):
        processes[at % 3].watch(*clicks(at * 5, 5))
    assert [suspect.reason for suspect in found.suspects] == ["clicked 30 images of 0 seen within an hour"]
    assert shared.writes == 3


def test_an_ordinary_visitor_costs_no_write() -> None:
    shared = Shared()
    VisitorWatch(shared, Found()).watch(*clicks(0, 9))
    assert shared.writes == 0


def test_watching_refuses_no_event_when_its_store_fails_and_forgets_none() -> None:
    shared, found = Shared(failures=2), Found()
    watch = VisitorWatch(shared, found)
    for at in range(3):
        watch.watch(*clicks(at * 10, 10))
    assert shared.totals == Totals(0, 30)
    assert len(found.suspects) == 1


def test_only_accepted_events_of_pages_are_watched() -> None:
    shared = Shared()
    watch = VisitorWatch(shared, Found())
    batch, rules, results = clicks(0, 20)
    watch.watch(batch, rules, [result._replace(status="duplicate") for result in results])
    watch.watch(replace(batch, page=None), rules, results)
    assert shared.writes == 0


def test_a_reader_without_a_session_is_known_from_day_to_day() -> None:
    events = [Event("1", "view", "i")]
    assert lasting_names(events, PAGE, "secret") == lasting_names(events, PAGE, "secret")
    assert lasting_names(events, PAGE, "secret") != lasting_names(events, PAGE, "other")
    assert lasting_names(events, None, "secret") == [None]
