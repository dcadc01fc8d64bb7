"""Galleries are ordered as their merchants choose, and say why."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pytest
from moto.sqs.models import sqs_backends

from functions.events_api.handler import lambda_handler as events_api
from functions.galleries_api.handler import lambda_handler as galleries_api
from functions.gallery_tasks.handler import lambda_handler as gallery_tasks
from tests.aws import Context, serve
from tests.memory.gallery_tasks import UnexpectedTasks
from tests.streams import follow_counters
from vitrine.engagement.wiring import event_counter, gallery_counters
from vitrine.galleries.change_ranking import OrderMaker, change_ranking
from vitrine.galleries.model import GalleryKey
from vitrine.galleries.wiring import gallery_repository, recent_galleries
from vitrine.platform.aws import client
from vitrine.platform.problems import Unavailable
from vitrine.ranking.experiments import arm_of
from vitrine.ranking.lab import LabVisitor
from vitrine.ranking.model import Ranking

pytestmark = pytest.mark.usefixtures("cloud")

NOW = datetime(2026, 1, 1, tzinfo=UTC)

GALLERY = "/galleries/{gallery_id}"
IMAGES = "/galleries/{gallery_id}/images"
IMAGE = "/galleries/{gallery_id}/images/{image_id}"
VERSIONS = "/galleries/{gallery_id}/ranking-versions"
EXPERIMENT = "/galleries/{gallery_id}/experiments/{experiment_id}"
ESTIMATES = "/galleries/{gallery_id}/ranking-estimates"
RESTORE = "/galleries/{gallery_id}/ranking-versions/{version}/restore"


class EarlyWorker(UnexpectedTasks):
    """Takes each task at once, before whoever sent it goes on; one that comes too early waits for the next."""

    def __init__(self) -> None:
        self.returned: list[int] = []

    def make_order(self, key: GalleryKey, version: int, after: str | None = None) -> None:
        try:
            OrderMaker(gallery_repository(), gallery_counters(), self).make(key, version, after, lambda: True, now=NOW)
        except Unavailable:
            self.returned.append(version)

    def forget_order(self, key: GalleryKey, version: int, after: str | None = None) -> None:
        pass


def call(method: str, resource: str, handler: Any = galleries_api, **more: Any) -> tuple[int, Any]:
    status, content, _ = serve(handler, method, resource, gallery_id="summer", **more)
    return status, content


def make_gallery(*names: str, **ranking: Any) -> None:
    assert call("PUT", GALLERY, body={"ranking": ranking} if ranking else {})[0] == 201
    post(*names)


def post(*names: str) -> None:
    images = [
        {"id": name, "name": name, "url": "https://a.example/1.jpg", "created_at": f"2024-01-{28 - at:02d}T00:00:00Z"}
        for at, name in enumerate(names)
    ]
    assert call("POST", IMAGES, body={"images": images})[0] == 200


def count(image_id: str, views: int, clicks: int, session_id: str | None = None) -> None:
    sent = [{"event_id": uuid4().hex, "type": "view", "image_id": image_id} for _ in range(views)]
    sent += [{"event_id": uuid4().hex, "type": "click", "image_id": image_id} for _ in range(clicks)]
    if session_id:
        sent = [{**event, "session_id": session_id} for event in sent]
    call("POST", "/galleries/{gallery_id}/events", events_api, body={"events": sent})
    follow_counters()


def test_an_order_is_made_though_its_task_is_taken_before_its_version_is_planned() -> None:
    make_gallery("a", "b")
    key, worker = GalleryKey("shop", "summer"), EarlyWorker()
    planned = change_ranking(gallery_repository(), worker, key, Ranking("newest"), reason="changed", now=NOW)
    gallery = gallery_repository().find_gallery(key)
    assert gallery is not None
    assert (gallery.live.ranking, gallery.next) == (Ranking("newest"), None)
    assert worker.returned == [gallery.live.number]
    assert planned.live.number == gallery.live.number


def run_tasks(*names: str) -> None:
    """Run the tasks that wait (all, or those named), also those that are to wait for a while."""
    waiting = sqs_backends["123456789012"]["eu-west-1"].queues["GalleryTasksQueue"]._messages
    while tasks := [message for message in waiting if not names or json.loads(message.body)["task"] in names]:
        waiting.remove(tasks[0])
        record = {"messageId": "1", "body": tasks[0].body}
        assert gallery_tasks({"Records": [record]}, Context()) == {"batchItemFailures": []}
    recent_galleries.cache_clear()


def rank_by(**ranking: Any) -> None:
    assert call("PUT", GALLERY, body={"ranking": ranking})[0] == 200
    run_tasks("make_order")


def order() -> list[str]:
    return [image["id"] for image in call("GET", IMAGES)[1]["items"]]


def test_each_policy_orders_as_it_says() -> None:
    make_gallery("newest", "popular", "rated", "unseen")
    count("popular", 300, 6)
    count("rated", 100, 5)
    count("newest", 100, 0)
    assert order() == ["popular", "rated", "newest", "unseen"]
    rank_by(policy="newest")
    assert order() == ["newest", "popular", "rated", "unseen"]
    rank_by(policy="smoothed_rate")
    assert order() == ["rated", "popular", "unseen", "newest"]
    rank_by(policy="optimistic_rate")
    assert order() == ["rated", "unseen", "popular", "newest"]
    rank_by(policy="trending_rate", half_life_days=14)
    assert order() == ["rated", "unseen", "popular", "newest"]
    assert call("GET", "/galleries/{gallery_id}/audit")[1] == {"images": 4, "mismatched": [], "withdrawn": []}


def test_a_policy_that_is_chosen_from_the_start_orders_new_images_and_follows_events() -> None:
    make_gallery("a", "b", policy="optimistic_rate")
    count("a", 200, 0)
    post("c")
    assert order() == ["c", "b", "a"]
    assert call("GET", "/galleries/{gallery_id}/audit")[1]["mismatched"] == []


def test_readers_keep_the_old_order_until_the_new_one_is_whole() -> None:
    make_gallery("a", "b", "c")
    count("c", 9, 9)
    _, first = call("GET", IMAGES, query={"limit": "1"})
    assert call("PUT", GALLERY, body={"ranking": {"policy": "newest"}})[0] == 200
    recent_galleries.cache_clear()
    assert order() == ["c", "a", "b"]
    post("d")
    run_tasks("make_order")
    assert order() == ["a", "d", "b", "c"]
    _, second = call("GET", IMAGES, query={"limit": "9", "cursor": first["next_cursor"]})
    assert [image["id"] for image in second["items"]] == ["a", "d", "b"]


def test_a_cursor_of_an_order_that_is_gone_says_so() -> None:
    make_gallery("a", "b", "c")
    _, first = call("GET", IMAGES, query={"limit": "1"})
    assert call("PUT", GALLERY, body={"ranking": {"policy": "newest"}})[0] == 200
    run_tasks()
    status, problem = call("GET", IMAGES, query={"limit": "1", "cursor": first["next_cursor"]})
    assert (status, "was reordered" in problem["detail"]) == (400, True)
    assert order() == ["a", "b", "c"]
    stored = client("dynamodb").scan(TableName="ImagesTable")["Items"]
    assert all("rank" not in item and "other_rank" in item for item in stored)


def test_rankings_are_versions_that_can_be_restored() -> None:
    make_gallery("a", "b")
    count("b", 9, 9)
    rank_by(policy="trending_rate", half_life_days=7, lab_share=0.1)
    rank_by(policy="trending_rate", half_life_days=7, lab_share=0.1)
    _, gallery = call("GET", GALLERY)
    assert gallery["ranking"] == {"policy": "trending_rate", "half_life_days": 7, "lab_share": 0.1}
    assert (gallery["ranking_version"], gallery["next_ranking_version"]) == (2, None)
    assert call("POST", RESTORE, version="1")[0] == 202
    _, page = call("GET", VERSIONS)
    told = [
        (version["version"], version["ranking"]["policy"], version["status"], version["reason"])
        for version in page["items"]
    ]
    assert told == [
        (3, "interest", "being_made", "restored from 1"),
        (2, "trending_rate", "live", "changed"),
        (1, "interest", "past", "created"),
    ]
    run_tasks("make_order")
    assert order() == ["b", "a"]
    assert call("GET", GALLERY)[1]["ranking_version"] == 3
    for unknown in ("9", "0", "x"):
        assert call("POST", RESTORE, version=unknown)[0] == 404


def test_a_ranking_that_is_not_sent_stays() -> None:
    make_gallery("a", policy="optimistic_rate")
    assert call("PUT", GALLERY, body={"title": "Summer"})[1]["ranking"] == {"policy": "optimistic_rate"}


@pytest.mark.parametrize(
    "ranking",
    [
        {"policy": "best"},
        {"policy": "interest", "lab_share": 0.3},
        {"policy": "trending_rate", "half_life_days": 0},
        {"policy": "trending_rate", "half_life_days": 1.5},
        {"policy": "interest", "other": 1},
    ],
)
def test_a_ranking_that_makes_no_sense_is_refused(ranking: dict[str, Any]) -> None:
    assert call("PUT", GALLERY, body={"ranking": ranking})[0] == 422


def test_a_gallery_that_was_deleted_begins_at_its_first_version_again() -> None:
    make_gallery("a")
    rank_by(policy="newest")
    assert call("DELETE", GALLERY)[0] == 202
    run_tasks("delete_gallery")
    make_gallery("a")
    assert [version["version"] for version in call("GET", VERSIONS)[1]["items"]] == [1]


def test_an_order_says_why() -> None:
    make_gallery("a", "b", "c", policy="optimistic_rate")
    count("a", 298, 6)
    call("PATCH", IMAGE, image_id="c", body={"pinned_position": 1})
    _, page = call("GET", IMAGES, query={"explain": "true"})
    by_id = {image["id"]: image["explanation"] for image in page["items"]}
    assert by_id["c"]["sentence"].endswith("pinned to 1")
    assert by_id["a"]["sentence"] == "1.6 % of those who see it click; +0.6 for being little seen"
    assert (by_id["a"]["clicks"], by_id["a"]["exposure"], by_id["a"]["version"]) == (6, 298, 1)
    assert by_id["a"]["next"] == {"id": "b", "lead": pytest.approx(0.0217 - 0.0171, abs=0.0001)}
    assert by_id["b"]["next"] is None
    assert call("GET", IMAGE, image_id="b", query={"explain": "true"})[1]["explanation"] == by_id["b"]
    assert "explanation" not in call("GET", IMAGE, image_id="b")[1]


def test_a_page_of_a_shop_is_not_told_why() -> None:
    make_gallery("a")
    for resource, more in ((IMAGES, {}), (IMAGE, {"image_id": "a"})):
        assert call("GET", resource, query={"explain": "true"}, kind="publishable", **more)[0] == 403


def test_the_audit_names_a_score_that_is_not_the_one_computed_again() -> None:
    make_gallery("a", policy="optimistic_rate")
    count("a", 50, 3)
    [item] = client("dynamodb").scan(TableName="ImagesTable")["Items"]
    version, points, at = item["score"]["S"].split()
    item["score"]["S"] = f"{version} {int(points) * 2} {at}"
    client("dynamodb").put_item(TableName="ImagesTable", Item=item)
    [wrong] = call("GET", "/galleries/{gallery_id}/audit")[1]["mismatched"]
    assert wrong["score"] == {
        "version": 1,
        "stored": int(points) * 2,
        "computed": int(points),
        "stored_rule": None,
        "computed_rule": None,
    }


def test_a_score_that_hardly_moves_is_not_written_again() -> None:
    make_gallery("a", policy="smoothed_rate")
    count("a", 100, 0)
    [before] = client("dynamodb").scan(TableName="ImagesTable")["Items"]
    count("a", 5, 0)
    [after] = client("dynamodb").scan(TableName="ImagesTable")["Items"]
    assert (after["views"]["N"], after["rank"]) == ("105", before["rank"])
    count("a", 30, 0)
    [moved] = client("dynamodb").scan(TableName="ImagesTable")["Items"]
    assert moved["rank"]["S"] > before["rank"]["S"]
    assert call("GET", "/galleries/{gallery_id}/audit")[1]["mismatched"] == []


def test_a_prior_that_is_off_is_fitted_again_as_a_version() -> None:
    make_gallery("a", "b", policy="optimistic_rate")
    count("a", 400, 60)
    run_tasks()
    latest, first = call("GET", VERSIONS)[1]["items"]
    assert (first["prior_rate"], latest["reason"], latest["status"]) == (0.01, "prior fitted again", "live")
    assert latest["prior_rate"] == pytest.approx((20 + 60) / (2000 + 400))
    assert call("GET", "/galleries/{gallery_id}/audit")[1]["mismatched"] == []


def test_visitors_of_the_lab_count_in_totals_and_not_in_scores() -> None:
    make_gallery("a", policy="optimistic_rate", lab_share=0.2)
    visitors = [f"visitor-{at}" for at in range(40)]
    lab = [visitor for visitor in visitors if LabVisitor("secret of shop", "summer", 1, visitor).is_in_lab(0.2)]
    assert 0 < len(lab) < len(visitors)
    for visitor in visitors:
        count("a", 1, 0, visitor)
    explanation = call("GET", IMAGE, image_id="a", query={"explain": "true"})[1]["explanation"]
    assert explanation["lab"] == {"views": len(lab), "clicks": 0}
    assert explanation["exposure"] == len(visitors) - len(lab)
    assert call("GET", IMAGE, image_id="a")[1]["events"]["views"] == len(visitors)
    assert call("GET", "/galleries/{gallery_id}/audit")[1]["mismatched"] == []


def lab_visitors(share: float, wanted: int) -> list[str]:
    visitors = (f"visitor:{at:022d}" for at in range(100_000))
    lab = (visitor for visitor in visitors if LabVisitor("secret of shop", "summer", 1, visitor).is_in_lab(share))
    return [next(lab) for _ in range(wanted)]


def ids_for(visitor: str, **query: str) -> list[str]:
    return [image["id"] for image in call("GET", IMAGES, query={"session_id": visitor, **query})[1]["items"]]


def test_a_visitor_of_the_lab_pages_through_a_shuffled_order_and_pins_stay() -> None:
    names = [f"i{at:02d}" for at in range(27)]
    make_gallery(*names, policy="optimistic_rate", lab_share=0.2)
    call("PATCH", IMAGE, image_id="i26", body={"pinned_position": 2})
    usual = ["i00", "i26", *names[1:26]]
    assert order() == usual[:20]
    [one, another] = lab_visitors(0.2, 2)
    _, first = call("GET", IMAGES, query={"session_id": one, "limit": "15"})
    _, second = call("GET", IMAGES, query={"session_id": one, "limit": "15", "cursor": first["next_cursor"]})
    seen = [image["id"] for image in first["items"] + second["items"]]
    assert (sorted(seen), seen[1], second["next_cursor"]) == (sorted(names), "i26", None)
    assert [image["position"] for image in first["items"] + second["items"]] == list(range(1, 28))
    assert seen != usual
    assert ids_for(one, limit="27") == seen != ids_for(another, limit="27")


def test_others_and_those_of_galleries_without_a_lab_see_the_order_as_it_is() -> None:
    make_gallery("a", "b", "c", policy="optimistic_rate", lab_share=0.2)
    visitors = [f"visitor:{at:022d}" for at in range(30)]
    others = [visitor for visitor in visitors if visitor not in lab_visitors(0.2, 10)]
    assert all(ids_for(visitor) == ["a", "b", "c"] for visitor in others)
    assert call("GET", IMAGES)[1]["by_visitor"]
    rank_by(policy="optimistic_rate")
    assert all(ids_for(visitor) == ["a", "b", "c"] for visitor in visitors)
    assert "by_visitor" not in call("GET", IMAGES)[1]


def test_an_estimate_is_made_of_what_the_lab_did() -> None:
    make_gallery("a", "b", lab_share=0.2)
    nothing = call("POST", ESTIMATES, body={"policy": "smoothed_rate"})[1]
    assert (nothing["enough"], nothing["support"], nothing["lift"]) == (False, 0, None)
    count("a", 99, 0)
    [visitor] = lab_visitors(0.2, 1)
    for _ in range(4):
        count("a", 150, 6, visitor)
        count("b", 150, 12, visitor)
    count("b", 0, 1)
    status, found = call("POST", ESTIMATES, body={"policy": "optimistic_rate"})
    assert status == 200
    assert [(image["id"], image["today"]) for image in found["order"]] == [
        ("b", order().index("b") + 1),
        ("a", order().index("a") + 1),
    ]
    assert found["clicks_per_page"] == pytest.approx(0.08 + 0.93 * 0.04)
    assert found["interval"]["low"] < found["clicks_per_page"] < found["interval"]["high"]
    assert (found["support"], found["considered"]) == (1, 2)


ARMS = [{"policy": "smoothed_rate"}, {"policy": "newest"}]


def start(*arms: dict[str, Any]) -> tuple[int, Any]:
    return call("POST", EXPERIMENT, experiment_id="spring", body={"arms": list(arms or ARMS)})


def standing() -> Any:
    return call("GET", EXPERIMENT, experiment_id="spring")[1]


def of_arm(arm: int, wanted: int) -> list[str]:
    visitors = (f"visitor:{at:022d}" for at in range(100_000))
    mine = (visitor for visitor in visitors if arm_of("secret of shop", visitor, "summer/spring") == arm)
    return [next(mine) for _ in range(wanted)]


def begin() -> None:
    make_gallery("a", "b", policy="smoothed_rate")
    count("a", 90, 0)
    assert start()[0] == 201
    run_tasks("make_order")
    event_counter.cache_clear()


def test_an_experiment_shows_each_arm_its_own_order_and_counts_each_visitor_once() -> None:
    begin()
    assert standing()["ready"]
    assert call("GET", IMAGES)[1]["by_visitor"]
    assert order() == ["b", "a"]
    for visitor in of_arm(0, 3):
        assert ids_for(visitor) == ["b", "a"]
        count("b", 1, 0, visitor)
    for visitor in of_arm(1, 2):
        assert ids_for(visitor) == ["a", "b"]
        count("a", 2, 1, visitor)
        count("a", 0, 2, visitor)
    count("b", 4, 1)
    found = standing()
    assert [(arm["ranking"]["policy"], arm["visitors"], arm["clickers"], arm["clicks"]) for arm in found["arms"]] == [
        ("smoothed_rate", 3, 0, 0),
        ("newest", 2, 2, 6),
    ]
    assert found["events_without_visitor"] == 5
    assert (found["decision"], found["srm"]["flagged"]) == ("undecided", False)
    assert call("GET", "/galleries/{gallery_id}/audit")[1]["mismatched"] == []
    explanations = call("GET", IMAGE, image_id="a", query={"explain": "true"})[1]
    assert explanations["events"] == {"views": 94, "clicks": 6}


def test_events_of_one_arm_move_no_score_of_the_other() -> None:
    begin()
    [visitor] = of_arm(1, 1)
    before = client("dynamodb").scan(TableName="ImagesTable")["Items"]
    count("a", 20, 20, visitor)
    after = client("dynamodb").scan(TableName="ImagesTable")["Items"]
    assert [image["rank"] for image in after] == [image["rank"] for image in before]
    assert call("GET", "/galleries/{gallery_id}/audit")[1]["mismatched"] == []


def test_a_resend_notes_a_click_once() -> None:
    begin()
    [visitor] = of_arm(0, 1)
    event = {"event_id": "1", "type": "click", "image_id": "a", "session_id": visitor}
    for _ in range(3):
        call("POST", "/galleries/{gallery_id}/events", events_api, body={"events": [event]})
    assert standing()["arms"][0]["clicks"] == 1


def test_an_experiment_ends_with_the_ranking_that_won_and_all_that_was_counted() -> None:
    begin()
    for visitor in of_arm(1, 30):
        count("a", 1, 1, visitor)
    status, ended = call("DELETE", EXPERIMENT, experiment_id="spring")
    assert (status, ended["decision"]) == (200, "second")
    assert call("GET", GALLERY)[1]["experiment_id"] is None
    assert call("GET", EXPERIMENT, experiment_id="spring")[0] == 404
    run_tasks()
    assert call("GET", GALLERY)[1]["ranking"] == {"policy": "newest"}
    assert order() == ["a", "b"]
    assert call("GET", "/galleries/{gallery_id}/audit")[1]["mismatched"] == []
    kept = client("dynamodb").scan(TableName="GalleriesTable")["Items"]
    assert not [item for item in kept if "came" in item]


def test_an_undecided_experiment_ends_with_the_first_arm() -> None:
    begin()
    assert call("GET", GALLERY)[1]["experiment_id"] == "spring"
    assert call("DELETE", EXPERIMENT, experiment_id="spring")[1]["decision"] == "undecided"
    run_tasks()
    assert call("GET", GALLERY)[1]["ranking"] == {"policy": "smoothed_rate"}
    assert call("GET", "/galleries/{gallery_id}/audit")[1]["mismatched"] == []


def test_an_experiment_stands_alone() -> None:
    begin()
    assert start()[0] == 201
    assert start(ARMS[0], {"policy": "interest"})[0] == 409
    assert call("PUT", GALLERY, body={"ranking": {"policy": "newest"}})[0] == 409
    assert call("POST", EXPERIMENT, experiment_id="other", body={"arms": ARMS})[0] == 409
    assert call("GET", EXPERIMENT, experiment_id="other")[0] == 404


@pytest.mark.parametrize(
    ("arms", "status"),
    [
        ([{"policy": "newest"}, {"policy": "smoothed_rate"}], 409),
        ([{"policy": "interest", "lab_share": 0.1}, {"policy": "newest"}], 409),
        ([{"policy": "interest"}], 422),
        ([{"policy": "interest"}, {"policy": "best"}], 422),
    ],
)
def test_an_experiment_needs_the_ranking_of_the_gallery_and_another(arms: list[dict[str, Any]], status: int) -> None:
    make_gallery("a")
    assert start(*arms)[0] == status


def interleave(**more: Any) -> tuple[int, Any]:
    return call("POST", EXPERIMENT, experiment_id="spring", body={"mode": "interleave", "arms": ARMS, **more})


def begin_interleaved(*names: str) -> None:
    make_gallery(*names, policy="smoothed_rate")
    for at, name in enumerate(names):
        count(name, 90 - at, 0)
    assert interleave()[0] == 201
    run_tasks("make_order")
    event_counter.cache_clear()


def read_page(visitor: str, **query: str) -> Any:
    return call("GET", IMAGES, query={"session_id": visitor, **query})[1]


def tell(visitor: str | None, *events: tuple[str, str, str | None], **more: Any) -> list[str]:
    """Send events, each a type, an image and an arm; return what became of them."""
    sent = [
        {"event_id": uuid4().hex, "type": kind, "image_id": image_id, "session_id": visitor, "arm": arm, **more}
        for kind, image_id, arm in events
    ]
    body = {"events": [{name: value for name, value in event.items() if value is not None} for event in sent]}
    results = call("POST", "/galleries/{gallery_id}/events", events_api, body=body)[1]["results"]
    return [result["status"] for result in results]


def test_a_visitor_pages_through_an_order_that_both_arms_make_and_that_stays() -> None:
    names = [f"i{at:02d}" for at in range(12)]
    begin_interleaved(*names)
    call("PATCH", IMAGE, image_id="i05", body={"pinned_position": 2})
    whole = read_page("visitor:1", limit="12")
    assert (sorted(item["id"] for item in whole["items"]), whole["by_visitor"]) == (names, True)
    assert [item["position"] for item in whole["items"]] == list(range(1, 13))
    assert (whole["items"][1]["id"], "arm" in whole["items"][1]) == ("i05", False)
    arms = [item["arm"] for item in whole["items"] if "arm" in item]
    assert all({*pair} == {"2.0", "2.1"} for pair in zip(arms[::2], arms[1::2], strict=False))
    pages, cursor = [], None
    while True:
        page = read_page("visitor:1", limit="5", **({"cursor": cursor} if cursor else {}))
        pages += page["items"]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert pages == read_page("visitor:1", limit="12")["items"] == whole["items"]
    orders = {tuple(item["id"] for item in read_page(f"visitor:{at}")["items"]) for at in range(20)}
    assert len(orders) > 10
    assert "arm" not in call("GET", IMAGES)[1]["items"][0]


def test_a_page_of_an_interleaved_gallery_is_nobody_elses() -> None:
    begin_interleaved("a", "b", "c")
    visitor = "visitor:0123456789012345678901"
    for session, caching in ((visitor, "no-store"), (None, "public")):
        query = {"session_id": session} if session else {}
        status, page, headers = serve(
            galleries_api, "GET", IMAGES, gallery_id="summer", kind="publishable", query=query
        )
        assert (status, caching in headers["Cache-Control"], "arm" in page["items"][0]) == (200, True, bool(session))


def test_a_visitor_votes_once_and_each_click_counts_for_the_arm_that_placed_the_image() -> None:
    begin_interleaved("a", "b", "c", "d")
    assert tell("visitor:1", ("view", "a", "2.0"), ("view", "b", "2.1")) == ["accepted"] * 2
    assert tell("visitor:2", ("view", "b", "2.1"), ("click", "b", "2.1"), ("click", "a", "2.0")) == ["accepted"] * 3
    assert tell("visitor:2", ("click", "c", "2.0")) == ["accepted"]
    assert tell("visitor:3", ("click", "d", "2.0")) == ["accepted"]
    assert tell("visitor:4", ("click", "d", "9.0"), ("click", "c", None)) == ["accepted"] * 2
    assert tell(None, ("click", "d", "2.0")) == ["accepted"]
    assert tell("visitor:5", ("click", "d", "first")) == ["rejected"]
    found = standing()
    assert [(arm["visitors"], arm["clickers"], arm["clicks"]) for arm in found["arms"]] == [(3, 1, 3), (3, 1, 1)]
    assert (found["mode"], found["lift"], found["preference"], found["srm"]) == ("interleave", None, 0.5, None)
    assert (found["decision"], found["interval"]["low"] < 0.5 < found["interval"]["high"]) == ("undecided", True)
    follow_counters()
    assert standing()["events_without_visitor"] == 3
    assert call("GET", "/galleries/{gallery_id}/audit")[1]["mismatched"] == []


def test_a_resend_that_names_the_other_arm_changes_nothing() -> None:
    begin_interleaved("a", "b")
    assert tell("visitor:1", ("click", "a", "2.1"), event_id="1") == ["accepted"]
    for arm in ("2.1", "2.0"):
        assert tell("visitor:1", ("click", "a", arm), event_id="1") == ["duplicate"]
    arms = standing()["arms"]
    assert [arm["clickers"] for arm in arms] == [0, 1]
    assert sum(arm["clicks"] for arm in arms) == 1


def test_both_arms_of_an_interleaved_page_learn_from_all_its_events() -> None:
    make_gallery("a", "b", policy="smoothed_rate")
    assert interleave(arms=[{"policy": "smoothed_rate"}, {"policy": "trending_rate"}])[0] == 201
    run_tasks("make_order")
    event_counter.cache_clear()
    for arm in ("2.0", "2.1"):
        for at in range(9):
            tell(f"visitor:{arm}-{at}", ("view", "b", arm), ("click", "b", arm))
        follow_counters()
        [item] = [item for item in client("dynamodb").scan(TableName="ImagesTable")["Items"] if item["sk"]["S"] == "b"]
        clicks = 9 if arm == "2.0" else 18
        assert int(item["score"]["S"].split()[1]) == pytest.approx(1e14 * (2 + clicks) / (200 + clicks), rel=1e-6)
        optimistic = (2 + clicks + (2 + clicks) ** 0.5) / (200 + clicks)
        assert int(item["other_score"]["S"].split()[1]) == pytest.approx(1e14 * optimistic, rel=1e-3)
    assert call("GET", "/galleries/{gallery_id}/audit")[1]["mismatched"] == []


def test_an_interleaved_experiment_ends_with_the_arm_that_visitors_preferred() -> None:
    begin_interleaved("a", "b")
    for at in range(60):
        tell(f"visitor:{at}", ("click", "a", "2.1"))
    found = standing()
    assert (found["decision"], found["preference"]) == ("second", 1)
    cursor = read_page("visitor:1", limit="1")["next_cursor"]
    assert call("DELETE", EXPERIMENT, experiment_id="spring")[0] == 200
    run_tasks("make_order")
    event_counter.cache_clear()
    assert call("GET", GALLERY)[1]["ranking"] == {"policy": "newest"}
    assert tell("visitor:1", ("click", "b", "2.1")) == ["accepted"]
    assert call("GET", IMAGES, query={"session_id": "visitor:1", "limit": "1", "cursor": cursor})[0] == 200
    run_tasks()
    kept = client("dynamodb").scan(TableName="GalleriesTable")["Items"]
    assert not [item for item in kept if "came" in item]
    follow_counters()
    assert call("GET", "/galleries/{gallery_id}/audit")[1]["mismatched"] == []


def test_an_experiment_that_runs_keeps_its_mode() -> None:
    begin_interleaved("a", "b")
    assert interleave()[0] == 201
    assert start()[0] == 409
    assert interleave(mode="both")[0] == 422
