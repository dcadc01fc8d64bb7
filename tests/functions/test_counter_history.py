"""What was counted is recorded by the hour, and an order of that time can be recomputed from it."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from commands.ranking import main
from functions.counter_history.handler import lambda_handler as counter_history
from functions.events_api.handler import lambda_handler as events
from functions.galleries_api.handler import lambda_handler as galleries
from tests.aws import Context, serve
from tests.streams import follow_counters, stream_records
from vitrine.engagement.ports import CounterKey, ShardKey
from vitrine.engagement.record_history import counts_before
from vitrine.engagement.wiring import counter_repository, history
from vitrine.galleries.model import GalleryKey, new_gallery
from vitrine.galleries.replay_order import ImageThen, Replay, replay_order
from vitrine.galleries.wiring import gallery_repository
from vitrine.platform.times import to_rfc3339

if TYPE_CHECKING:
    from collections.abc import Mapping

    from vitrine.galleries.model import Counts

SUMMER = GalleryKey("shop", "summer")
IMAGES = ("one", "two", "three")
HOUR = timedelta(hours=1)
CREATED = datetime.now(UTC).replace(minute=0, second=0, microsecond=0) - 48 * HOUR


class Clock:
    """Hours that follow one another, and the records that the stream got in each of them."""

    def __init__(self) -> None:
        self.hour = CREATED + 24 * HOUR
        self.records: list[dict[str, Any]] = []
        self.counted: dict[datetime, dict[CounterKey, Counts]] = {}
        self.orders: dict[datetime, list[str]] = {}
        self.events = 0

    def count(self, **amounts: tuple[int, int]) -> None:
        """Count views and clicks of images within an hour, and note what is shown at its end."""
        for image_id, (views, clicks) in amounts.items():
            for kind in ["view"] * views + ["click"] * clicks:
                self.events += 1
                body = {"events": [{"event_id": f"event-{self.events}", "type": kind, "image_id": image_id}]}
                path = "/galleries/{gallery_id}/events"
                assert serve(events, "POST", path, gallery_id="summer", body=body)[0] == 202
        self.end_hour()

    def end_hour(self) -> None:
        """Stamp the hour's records, each in a second of its own or together with others."""
        follow_counters()
        new = stream_records("CountersTable")[len(self.records) :]
        for at, record in enumerate(new):
            record["dynamodb"]["ApproximateCreationDateTime"] = self.hour.timestamp() + min(at // 2, 3599)
        self.records += new
        self.hour += HOUR
        self.counted[self.hour] = counter_repository().read([counters(image_id) for image_id in existing()])
        _, page, _ = serve(galleries, "GET", "/galleries/{gallery_id}/images", gallery_id="summer")
        self.orders[self.hour] = [item["id"] for item in page["items"]]

    def record(self, dice: random.Random) -> None:
        """Deliver the records as a stream may: in batches of any size, some again, cut anew."""
        at = 0
        while at < len(self.records):
            end = at + dice.randint(1, 9)
            counter_history({"Records": self.records[at:end]}, Context())
            at = end if dice.random() < 0.6 else max(0, at - dice.randint(0, 5))


def existing() -> Mapping[str, str]:
    return {image.image_id: image.incarnation for image in gallery_repository().stored_images(SUMMER, 100, None)}


def counters(image_id: str) -> CounterKey:
    return CounterKey(SUMMER, image_id, existing()[image_id])


@pytest.fixture
def clock(cloud: None) -> Clock:
    gallery_repository().put_gallery(new_gallery(SUMMER, CREATED))
    image = {"url": "https://a.example/1.jpg", "created_at": CREATED.isoformat()}
    images = [{**image, "id": each, "name": each.title()} for each in IMAGES]
    path = "/galleries/{gallery_id}/images"
    serve(galleries, "POST", path, gallery_id="summer", body={"images": images})
    return Clock()


def replayed(moment: datetime) -> Replay:
    counts = counts_before(history(), SUMMER, moment)
    then = {ImageThen(key.image_id, key.incarnation): counted for key, counted in counts.items()}
    return replay_order(gallery_repository(), SUMMER, then, moment)


def ids(replay: Replay, policy: str) -> list[str]:
    return [image.image_id for image in replay.orders[policy]]


@pytest.mark.parametrize("seed", range(4))
def test_the_counts_of_every_hour_are_those_counted_by_then_however_they_are_delivered(clock: Clock, seed: int) -> None:
    clock.count(one=(5, 1), two=(2, 0))
    clock.count(two=(6, 2), three=(1, 0))
    counter_repository().split(ShardKey(counters("two"), ""))
    clock.count(two=(4, 3), one=(1, 0))
    clock.record(random.Random(seed))
    for hour, counted in clock.counted.items():
        assert counts_before(history(), SUMMER, hour) == counted
    assert counts_before(history(), SUMMER, min(clock.counted) - HOUR) == {}


def test_an_order_of_an_earlier_hour_is_as_it_was_shown(clock: Clock) -> None:
    clock.count(one=(9, 0), two=(4, 0), three=(2, 0))
    clock.count(three=(9, 3))
    clock.count(two=(9, 6))
    clock.record(random.Random(1))
    assert len({tuple(order) for order in clock.orders.values()}) == 3
    for hour, order in clock.orders.items():
        assert ids(replayed(hour), "interest") == order


def test_an_image_that_was_deleted_is_in_orders_of_before_alone(clock: Clock) -> None:
    clock.count(one=(3, 0), two=(1, 0))
    path = "/galleries/{gallery_id}/images/{image_id}"
    assert serve(galleries, "DELETE", path, gallery_id="summer", image_id="one")[0] == 204
    clock.end_hour()
    clock.record(random.Random(1))
    before, after = clock.orders
    assert ids(replayed(before), "interest") == ["one", "two", "three"]
    assert ids(replayed(after), "interest") == clock.orders[after] == ["two", "three"]


def test_an_earlier_order_has_the_pins_and_hidings_of_its_time(clock: Clock) -> None:
    def change(image_id: str, **body: Any) -> None:
        path = "/galleries/{gallery_id}/images/{image_id}"
        assert serve(galleries, "PATCH", path, gallery_id="summer", image_id=image_id, body=body)[0] == 200

    clock.count(one=(9, 0), two=(4, 0), three=(2, 0))
    placements = ({"hidden": True}, {"hidden": False, "pinned_position": 1}, {"pinned_position": 2}, {"caption": "c"})
    for body in placements:
        change("three", **body)
        clock.count(one=(1, 0))
    change("three", pinned_position=None)
    change("one", hidden=True)
    clock.record(random.Random(1))
    image = gallery_repository().get_images(SUMMER, ["three"])["three"]
    since = [0, *(int(hour.timestamp()) + 1 for hour in [*clock.orders][:3]), image.placements[-1].since]
    dated = tuple(one._replace(since=at) for one, at in zip(image.placements, since, strict=True))
    gallery_repository().save_images([image._replace(placements=dated)])
    assert [*clock.orders.values()] == [
        ["one", "two", "three"],
        ["one", "two"],
        ["three", "one", "two"],
        ["one", "three", "two"],
        ["one", "three", "two"],
    ]
    for hour, order in clock.orders.items():
        assert ids(replayed(hour), "interest") == order


def test_the_version_of_the_time_is_used(clock: Clock) -> None:
    clock.count(one=(9, 0), two=(2, 1))
    clock.record(random.Random(1))
    [hour] = clock.orders
    gallery = gallery_repository().find_gallery(SUMMER)
    assert gallery
    for number, reason, later in ((2, "experiment spring", -HOUR), (3, "changed", HOUR)):
        version = gallery.live._replace(number=number, reason=reason, created_at=hour + later)
        assert gallery_repository().plan_version(gallery, version, None)
        gallery = replace(gallery, last_version=number)
    assert [replayed(moment).version.number for moment in (hour, hour + HOUR)] == [1, 3]
    assert ids(replayed(hour), "newest") == sorted(IMAGES)
    assert ids(replayed(hour), "smoothed_rate") == ["two", "three", "one"]


def test_the_command_prints_what_each_policy_would_have_shown(clock: Clock, capsys: pytest.CaptureFixture[str]) -> None:
    clock.count(one=(9, 0), two=(3, 1))
    clock.record(random.Random(1))
    [hour] = clock.orders
    capsys.readouterr()
    arguments = ["replay", "shop", "summer", "--at"]
    assert main([*arguments, (hour + timedelta(minutes=59)).isoformat(), "--images", "2"]) == 0
    title, policies, first, second, _ = capsys.readouterr().out.splitlines()
    assert title == f"{to_rfc3339(hour)}, ranking version 1, 3 images"
    assert policies.split() == ["interest*", "newest", "smoothed_rate", "optimistic_rate", "trending_rate"]
    assert first.split()[:3] == ["1", "Two", "3/1"]
    assert second.split()[:3] == ["2", "One", "9/0"]
    assert main([*arguments, "2020-01-01T00:00:00Z"]) == 1
    assert "was created later" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        main([*arguments, (datetime.now(UTC) + HOUR).isoformat()])
