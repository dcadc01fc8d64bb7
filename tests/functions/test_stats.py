"""Counts by time: their sums are the totals."""

from __future__ import annotations

from typing import Any

import pytest

from functions.events_api.handler import lambda_handler as events
from functions.galleries_api.handler import lambda_handler as galleries
from functions.weights.handler import lambda_handler as weights
from tests.aws import Context, serve
from tests.streams import stream_records
from vitrine.galleries.model import CountedHour, Totals, by_day
from vitrine.galleries.wiring import gallery_repository
from vitrine.platform.times import from_rfc3339

pytestmark = pytest.mark.usefixtures("cloud")


def make(gallery_id: str) -> None:
    serve(galleries, "PUT", "/galleries/{gallery_id}", gallery_id=gallery_id, body={})
    image = {"id": "one", "name": "One", "url": "https://a.example/1.jpg"}
    serve(galleries, "POST", "/galleries/{gallery_id}/images", gallery_id=gallery_id, body={"images": [image]})


def count(gallery_id: str, *types: str) -> None:
    sent = [{"event_id": f"{gallery_id}-{at}-{kind}", "type": kind, "image_id": "one"} for at, kind in enumerate(types)]
    body = {"events": sent}
    assert serve(events, "POST", "/galleries/{gallery_id}/events", gallery_id=gallery_id, body=body)[0] == 202
    records = stream_records("CountersTable")
    for _ in range(2):  # a stream delivers again what it delivered
        weights({"Records": records}, Context())


def stats(path: str = "/galleries/{gallery_id}/stats", query: dict[str, str] | None = None, **ids: Any) -> Any:
    status, response, _ = serve(galleries, "GET", path, query=query, **ids)
    assert status == 200, response
    return response


def sums(response: Any) -> tuple[int, int]:
    by_time = sum(hour["views"] for hour in response["items"]), sum(hour["clicks"] for hour in response["items"])
    assert by_time == (response["views"], response["clicks"])
    return by_time


@pytest.mark.parametrize("granularity", ["hour", "day"])
def test_their_sums_are_the_totals_of_the_gallery_and_of_all(granularity: str) -> None:
    make("summer")
    make("winter")
    count("summer", "view", "view", "click")
    count("winter", "view")
    query = {"granularity": granularity}
    assert sums(stats(query=query, gallery_id="summer")) == (2, 1)
    assert sums(stats("/stats", query)) == (3, 1)
    start = from_rfc3339(stats(query=query, gallery_id="summer")["items"][0]["start"])
    assert (start.minute, start.hour if granularity == "day" else 0) == (0, 0)


def test_a_span_leaves_out_what_was_counted_outside_it() -> None:
    make("summer")
    count("summer", "view")
    at = stats(gallery_id="summer")["items"][0]["start"]
    later, earlier = "2100-01-01T00:00:00Z", "2000-01-01T00:00:00Z"
    for query, views in [
        ({"from": at}, 1),
        ({"from": at.replace(":00:00", ":30:00"), "to": later}, 1),
        ({"from": earlier, "to": at}, 0),
        ({"from": later}, 0),
        ({"to": earlier}, 0),
        ({"from": "0001-01-01T00:00:00Z", "to": "9999-12-31T23:59:59Z"}, 1),
    ]:
        assert sums(stats(query=query, gallery_id="summer"))[0] == views, query


def test_a_gallery_that_is_made_again_begins_at_nothing() -> None:
    make("summer")
    count("summer", "view")
    store = gallery_repository()
    [gallery] = store.list_galleries("shop", 1, None)
    serve(galleries, "DELETE", "/galleries/{gallery_id}/images/{image_id}", gallery_id="summer", image_id="one")
    store.mark_deleting(gallery.key)
    store.drop_gallery(gallery.key)
    make("summer")
    assert sums(stats(gallery_id="summer")) == (0, 0)


def test_hours_of_a_day_are_summed() -> None:
    hours = [
        CountedHour(from_rfc3339(f"2026-01-0{day}T{hour:02}:00:00Z"), Totals(hour, 1))
        for day in (1, 2)
        for hour in (3, 23)
    ]
    days = [(hour.start.day, hour.start.hour, hour.totals) for hour in by_day(hours)]
    assert days == [(1, 0, Totals(26, 2)), (2, 0, Totals(26, 2))]
