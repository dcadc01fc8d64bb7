"""Merchandising rules lift and sink images, on time and on top of any policy."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from moto.sqs.models import sqs_backends

from functions.galleries_api.handler import lambda_handler as galleries_api
from functions.gallery_tasks.handler import lambda_handler as gallery_tasks
from tests.aws import Context, serve
from tests.memory.gallery_tasks import UnexpectedTasks
from vitrine.engagement.wiring import gallery_counters
from vitrine.galleries.apply_rules import apply_due_rules, apply_rules
from vitrine.galleries.change_image import change_image
from vitrine.galleries.change_ranking import OrderMaker
from vitrine.galleries.dynamodb import DynamoDBGalleries
from vitrine.galleries.model import Description, GalleryKey
from vitrine.galleries.put_gallery import put_gallery
from vitrine.galleries.put_images import ImageDraft, put_images
from vitrine.galleries.wiring import gallery_repository, recent_galleries
from vitrine.platform.aws import client
from vitrine.platform.times import to_rfc3339, utc_now
from vitrine.ranking.lab import LabVisitor
from vitrine.ranking.merchandising import Rule

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from vitrine.galleries.model import Image

pytestmark = pytest.mark.usefixtures("cloud")

GALLERY = "/galleries/{gallery_id}"
IMAGES = "/galleries/{gallery_id}/images"
IMAGE = "/galleries/{gallery_id}/images/{image_id}"
EXPERIMENT = "/galleries/{gallery_id}/experiments/{experiment_id}"
AUDIT = "/galleries/{gallery_id}/audit"
KEY = GalleryKey("shop", "summer")
NOW = datetime(2026, 1, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)
CLEAN = {"images": 5, "mismatched": [], "withdrawn": []}
EVERY_MINUTE = json.loads((Path(__file__).parents[2] / "events/gallery_tasks/every_minute.json").read_text())


class Tasks(UnexpectedTasks):
    """Tasks that are done at once."""

    def __init__(self, now: datetime) -> None:
        self.now = now

    def apply_rules(self, key: GalleryKey) -> None:
        apply_rules(gallery_repository(), self, key, now=self.now)

    def make_order(self, key: GalleryKey, version: int) -> None:
        gallery = gallery_repository().find_gallery(key)
        if gallery and gallery.next and gallery.next.number == version:
            maker = OrderMaker(gallery_repository(), gallery_counters(), self)
            maker.make(key, version, None, lambda: True, now=self.now)

    def forget_order(self, key: GalleryKey, version: int) -> None:
        pass


def call(method: str, resource: str, **more: Any) -> tuple[int, Any]:
    status, content, _ = serve(galleries_api, method, resource, gallery_id="summer", **more)
    return status, content


def make_gallery(**settings: Any) -> None:
    assert call("PUT", GALLERY, body=settings)[0] == 201
    tagged = {"a": [], "b": ["sale"], "c": ["old"], "d": ["sale"], "e": []}
    images = [
        {"id": name, "name": name, "url": "https://a.example/1.jpg", "created_at": f"2024-01-{28 - at}", "tags": tags}
        for at, (name, tags) in enumerate(tagged.items())
    ]
    images = [{**image, "created_at": f"{image['created_at']}T00:00:00Z", "product_ids": ["p"]} for image in images]
    images[4]["product_ids"] = ["shoe"]
    assert call("POST", IMAGES, body={"images": images})[0] == 200


def run_tasks() -> None:
    waiting = sqs_backends["123456789012"]["eu-west-1"].queues["GalleryTasksQueue"]._messages
    while tasks := [task for task in waiting if json.loads(task.body)["task"] != "forget_order"]:
        waiting.remove(tasks[0])
        assert gallery_tasks({"Records": [{"messageId": "1", "body": tasks[0].body}]}, Context()) == {
            "batchItemFailures": []
        }
    recent_galleries.cache_clear()


def set_rules(*rules: dict[str, Any]) -> Any:
    status, gallery = call("PUT", GALLERY, body={"rules": list(rules)})
    assert status == 200
    run_tasks()
    return gallery


def order(**query: str) -> str:
    recent_galleries.cache_clear()
    return "".join(image["id"] for image in call("GET", IMAGES, query=query)[1]["items"])


BOOST_SALE = {"action": "boost", "tag": "sale"}
BURY_OLD = {"action": "bury", "tag": "old"}


@pytest.mark.parametrize("policy", ["interest", "newest", "smoothed_rate", "optimistic_rate", "trending_rate"])
def test_rules_lift_and_sink_images_under_any_policy(policy: str) -> None:
    make_gallery(ranking={"policy": policy})
    assert order() == "abcde"
    gallery = set_rules(BOOST_SALE, BURY_OLD)
    assert gallery["rules"] == [BOOST_SALE, BURY_OLD]
    assert order() == "bdaec"
    call("PATCH", IMAGE, image_id="c", body={"pinned_position": 2})
    assert order() == "bcdae"
    assert call("GET", AUDIT)[1] == CLEAN
    set_rules()
    assert order() == "acbde"
    assert call("GET", AUDIT)[1] == CLEAN


def test_pages_go_on_through_boosted_and_buried_images() -> None:
    make_gallery(rules=[BOOST_SALE, BURY_OLD])
    seen, cursor = "", None
    while cursor is not None or not seen:
        query = {"limit": "1", **({"cursor": cursor} if cursor else {})}
        page = call("GET", IMAGES, query=query)[1]
        seen += "".join(image["id"] for image in page["items"])
        cursor = page["next_cursor"]
    assert seen == "bdaec"


def test_the_first_rule_that_matches_decides() -> None:
    make_gallery()
    set_rules({"action": "bury", "product_id": "shoe"}, {"action": "boost", "product_id": "shoe"}, BOOST_SALE)
    assert order() == "bdace"


def test_an_explanation_names_the_rule() -> None:
    make_gallery(rules=[BOOST_SALE, {"action": "bury", "product_id": "shoe"}])
    items = {image["id"]: image["explanation"] for image in call("GET", IMAGES, query={"explain": "true"})[1]["items"]}
    assert (items["b"]["boosted"], items["b"]["buried"]) == (True, False)
    assert items["b"]["sentence"] == "views + 7 clicks make 0; boosted by tag sale"
    assert (items["e"]["boosted"], items["e"]["buried"]) == (False, True)
    assert items["e"]["sentence"] == "views + 7 clicks make 0; buried by product shoe"
    assert (items["a"]["boosted"], items["a"]["buried"]) == (False, False)


def test_rules_start_and_end_on_time() -> None:
    make_gallery()
    sale = Rule("boost", "sale", None, NOW + HOUR, NOW + 2 * HOUR)
    put_gallery(gallery_repository(), Tasks(NOW), KEY, {"rules": (sale,)}, now=NOW)
    assert order() == "abcde"
    expected = {timedelta(minutes=59): "abcde", HOUR: "bdace", 1.5 * HOUR: "bdace", 2 * HOUR: "abcde"}
    for passed, images in expected.items():
        now = NOW + passed
        apply_due_rules(gallery_repository(), Tasks(now), lambda: True, now=now)
        assert order() == images
        assert call("GET", AUDIT)[1] == CLEAN
    assert gallery_repository().due_rules(NOW + 9 * HOUR, 9) == []
    versions = call("GET", "/galleries/{gallery_id}/ranking-versions")[1]["items"]
    assert [version["rules"] for version in versions] == [[], [BOOST_SALE], []]


def test_the_schedule_starts_rules() -> None:
    make_gallery()
    start = utc_now() + timedelta(seconds=1)
    put_gallery(
        gallery_repository(), Tasks(NOW), KEY, {"rules": (Rule("boost", "sale", None, start),)}, now=start - 2 * HOUR
    )
    assert gallery_tasks(EVERY_MINUTE, Context()) == {"due": 1}  # the moment by which the rules were saved
    gallery_repository().schedule_rules(KEY, [utc_now() - HOUR])
    assert gallery_tasks(EVERY_MINUTE, Context()) == {"due": 1}
    assert gallery_tasks(EVERY_MINUTE, Context()) == {"due": 0}


def test_rules_of_a_request_that_died_are_applied_by_the_schedule() -> None:
    class DeadTasks(Tasks):
        def make_order(self, key: GalleryKey, version: int) -> None:
            raise ConnectionError

    make_gallery()
    with pytest.raises(ConnectionError):
        put_gallery(
            gallery_repository(),
            DeadTasks(NOW),
            KEY,
            {"rules": (Rule("boost", "sale"),)},
            now=NOW,
        )
    assert order() == "abcde"
    later = NOW + timedelta(minutes=2)
    apply_due_rules(gallery_repository(), Tasks(later), lambda: True, now=later)
    assert order() == "bdace"


def test_readers_keep_the_whole_old_order_until_the_new_one_is_complete() -> None:
    make_gallery()
    _, first = call("GET", IMAGES, query={"limit": "2"})
    assert call("PUT", GALLERY, body={"rules": [BOOST_SALE]})[0] == 200
    assert order() == "abcde"
    run_tasks()
    assert order() == "bdace"
    assert order(limit="9", cursor=first["next_cursor"]) == "cde"


def test_an_image_follows_the_rules_when_its_tags_change() -> None:
    make_gallery(rules=[BOOST_SALE, BURY_OLD])
    call("PATCH", IMAGE, image_id="e", body={"tags": ["sale"]})
    call("PATCH", IMAGE, image_id="b", body={"tags": None})
    assert order() == "deabc"
    described = Description("c", "https://a.example/1.jpg", datetime(2024, 1, 26, tzinfo=UTC), tags=("sale",))
    put_images(gallery_repository(), KEY, [ImageDraft("c", described)], new_incarnation=lambda: "new")
    assert order() == "cdeab"
    assert call("GET", AUDIT)[1] == CLEAN


class RacingRepository(DynamoDBGalleries):
    """Lets other rules come into force after the gallery was read, and before its images are."""

    def get_images(self, key: GalleryKey, image_ids: Iterable[str]) -> Mapping[str, Image]:
        if not self.raced:
            self.raced = True
            put_gallery(gallery_repository(), Tasks(NOW), key, {"rules": (Rule("boost", "sale"),)}, now=NOW)
        return super().get_images(key, image_ids)

    raced = False


def test_new_tags_follow_rules_that_come_into_force_meanwhile() -> None:
    make_gallery()
    racing = RacingRepository(client("dynamodb"), "GalleriesTable", "ImagesTable")
    described = Description("e", "https://a.example/1.jpg", datetime(2024, 1, 24, tzinfo=UTC), tags=("sale",))
    put_images(racing, KEY, [ImageDraft("e", described)], new_incarnation=lambda: "new")
    assert order() == "bdeac"
    racing.raced = False
    change_image(racing, KEY, "b", lambda image: image._replace(description=image.description._replace(tags=())))
    assert order() == "deabc"
    assert call("GET", AUDIT)[1] == CLEAN


def test_the_audit_names_an_image_whose_rule_is_not_the_one_in_force() -> None:
    make_gallery(rules=[BOOST_SALE])
    item = client("dynamodb").get_item(TableName="ImagesTable", Key={"pk": {"S": "shop/summer"}, "sk": {"S": "b"}})[
        "Item"
    ]
    item["score"] = {"S": item["score"]["S"].replace(" boost", " bury")}
    client("dynamodb").put_item(TableName="ImagesTable", Item=item)
    [wrong] = call("GET", AUDIT)[1]["mismatched"]
    assert (wrong["id"], wrong["score"]["stored_rule"], wrong["score"]["computed_rule"]) == ("b", "bury", "boost")


def test_rules_wait_until_an_experiment_ends() -> None:
    make_gallery()
    arms = [{"policy": "interest"}, {"policy": "newest"}]
    assert call("POST", EXPERIMENT, experiment_id="spring", body={"arms": arms})[0] == 201
    run_tasks()
    set_rules(BOOST_SALE)
    assert order() == "abcde"
    assert call("DELETE", EXPERIMENT, experiment_id="spring")[0] == 200
    run_tasks()
    assert order() == "bdace"
    assert call("GET", AUDIT)[1] == CLEAN


def test_the_lab_shuffles_boosted_images_among_themselves() -> None:
    make_gallery(ranking={"policy": "interest", "lab_share": 0.2}, rules=[BOOST_SALE, BURY_OLD])
    visitors = (f"visitor:{at:022d}" for at in range(10_000))
    lab = (visitor for visitor in visitors if LabVisitor("secret of shop", "summer", 1, visitor).is_in_lab(0.2))
    orders = {order(session_id=next(lab)) for _ in range(20)}
    assert {images[:2] for images in orders} == {"bd", "db"}
    assert {images[2:] for images in orders} == {"aec", "eac"}


def test_a_web_page_is_not_told_coming_rules() -> None:
    make_gallery(rules=[{**BOOST_SALE, "starts_at": to_rfc3339(utc_now() + HOUR)}], public_counts=True)
    assert "rules" not in call("GET", GALLERY, kind="publishable")[1]
    assert call("GET", GALLERY)[1]["rules"][0]["tag"] == "sale"


@pytest.mark.parametrize(
    ("rule", "detail"),
    [
        ({"action": "boost"}, "must have either a tag or a product_id"),
        ({"action": "boost", "tag": "sale", "product_id": "p"}, "must have either a tag or a product_id"),
        (
            {**BOOST_SALE, "starts_at": "2026-01-02T00:00:00Z", "ends_at": "2026-01-01T00:00:00Z"},
            "must end after it starts",
        ),
        ({"action": "lift", "tag": "sale"}, None),
        ({"action": "boost", "tag": ""}, None),
    ],
)
def test_a_rule_that_makes_no_sense_is_refused(rule: dict[str, Any], detail: str | None) -> None:
    status, problem = call("PUT", GALLERY, body={"rules": [rule]})
    assert status == 422
    assert detail is None or problem["errors"] == [{"pointer": "/rules/0", "detail": detail}]
    assert call("PUT", GALLERY, body={"rules": [BOOST_SALE] * 21})[0] == 422
