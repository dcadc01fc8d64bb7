"""Galleries and images over HTTP."""

from __future__ import annotations

import json
from typing import Any

import pytest

from functions.galleries_api.handler import lambda_handler as api
from functions.gallery_tasks.handler import lambda_handler as tasks
from tests.aws import Context, serve
from vitrine.engagement.wiring import gallery_counters
from vitrine.galleries.delete_gallery import delete_images
from vitrine.galleries.dynamodb import DynamoDBGalleries
from vitrine.galleries.model import Gallery, GalleryKey
from vitrine.platform.aws import client

pytestmark = pytest.mark.usefixtures("cloud")

GALLERY = "/galleries/{gallery_id}"
IMAGES = "/galleries/{gallery_id}/images"
IMAGE = "/galleries/{gallery_id}/images/{image_id}"


def call(method: str, resource: str, **more: Any) -> tuple[int, Any]:
    more.setdefault("gallery_id", "summer")
    if resource == "/galleries":
        del more["gallery_id"]
    status, content, _ = serve(api, method, resource, **more)
    return status, content


def new_image(id: str, created_at: str = "2024-01-01T00:00:00Z", **more: object) -> dict[str, object]:
    return {"id": id, "name": id, "url": f"https://pictures.example/{id}.jpg", "created_at": created_at, **more}


def make_gallery(*names: str) -> None:
    """The named images, each newer than the one after it, so that they stand in this order."""
    assert call("PUT", GALLERY, body={})[0] == 201
    images = [new_image(name, f"2024-01-{28 - at:02d}T00:00:00Z") for at, name in enumerate(names)]
    for start in range(0, len(images), 100):
        call("POST", IMAGES, body={"images": images[start : start + 100]})


def order(**query: str) -> list[str]:
    return [image["id"] for image in call("GET", IMAGES, query=query)[1]["items"]]


def run_tasks() -> None:
    [queue] = [url for url in client("sqs").list_queues()["QueueUrls"] if url.endswith("GalleryTasksQueue")]
    while messages := client("sqs").receive_message(QueueUrl=queue, VisibilityTimeout=60).get("Messages"):
        for message in messages:
            record = {"messageId": message["MessageId"], "body": message["Body"]}
            assert tasks({"Records": [record]}, Context()) == {"batchItemFailures": []}
            client("sqs").delete_message(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"])


class TestGalleries:
    def test_are_created_then_changed(self) -> None:
        assert call("PUT", GALLERY, body={"title": "Summer"})[0] == 201
        status, gallery = call("PUT", GALLERY, body={"title": "Sommer"})
        assert (status, gallery["title"], gallery["ranking"]) == (200, "Sommer", {"policy": "interest"})
        assert call("GET", GALLERY)[1] == gallery
        assert call("PUT", GALLERY, body={})[1]["title"] == "Sommer"
        assert call("PUT", GALLERY, body={"title": None})[1]["title"] is None

    def test_are_listed_page_by_page(self) -> None:
        for name in ("a", "b", "c"):
            call("PUT", GALLERY, gallery_id=name, body={})
        _, first = call("GET", "/galleries", query={"limit": "2"})
        _, second = call("GET", "/galleries", query={"limit": "2", "cursor": first["next_cursor"]})
        assert [image["id"] for image in first["items"]] == ["a", "b"]
        assert ([image["id"] for image in second["items"]], second["next_cursor"]) == (["c"], None)

    def test_go_with_their_images(self) -> None:
        make_gallery("one", "two")
        assert call("DELETE", GALLERY)[0] == 202
        assert call("GET", GALLERY)[0] == 404
        assert call("PUT", GALLERY, body={})[0] == 409
        run_tasks()
        assert call("GET", IMAGES)[0] == 404
        assert call("PUT", GALLERY, body={})[0] == 201
        assert order() == []

    def test_order_by_another_policy_once_it_is_chosen(self) -> None:
        make_gallery("new", "old")
        call("PATCH", IMAGE, image_id="new", body={"created_at": "2020-01-01T00:00:00Z"})
        assert order() == ["old", "new"]
        assert call("PUT", GALLERY, body={"ranking": {"policy": "newest"}})[0] == 200
        call("PATCH", IMAGE, image_id="new", body={"created_at": "2025-01-01T00:00:00Z"})
        assert order() == ["new", "old"]

    def test_do_not_exist_until_made(self) -> None:
        assert call("GET", GALLERY)[0] == 404
        assert call("GET", IMAGES)[0] == 404
        assert call("DELETE", GALLERY)[0] == 404
        assert call("POST", IMAGES, body={"images": [new_image("a")]})[0] == 404
        assert call("GET", "/galleries/{gallery_id}/audit")[0] == 404


class TestImages:
    def test_are_judged_singly(self) -> None:
        call("PUT", GALLERY, body={})
        _, response = call(
            "POST",
            IMAGES,
            body={"images": [new_image("a"), {"name": "no url"}, new_image("a"), new_image("b", url="ftp://x/y"), 7]},
        )
        statuses = [result["status"] for result in response["results"]]
        assert statuses == ["created", "rejected", "rejected", "rejected", "rejected"]
        assert response["results"][1]["errors"][0]["pointer"] == "/images/1/url"
        assert response["results"][3]["errors"][0]["pointer"] == "/images/3/url"
        assert order() == ["a"]
        assert call("GET", GALLERY)[1]["images"] == 1

    def test_are_updated_when_they_come_again(self) -> None:
        make_gallery("a")
        _, response = call("POST", IMAGES, body={"images": [new_image("a", name="A"), new_image("b")]})
        assert [result["status"] for result in response["results"]] == ["updated", "created"]
        assert call("GET", IMAGE, image_id="a")[1]["name"] == "A"
        assert call("GET", GALLERY)[1]["images"] == 2

    def test_without_an_id_get_one(self) -> None:
        call("PUT", GALLERY, body={})
        _, response = call("POST", IMAGES, body={"images": [{"name": "x", "url": "https://p.example/x"}] * 2})
        one, two = response["results"]
        assert one["id"] != two["id"]
        assert call("GET", IMAGE, image_id=one["id"])[1]["name"] == "x"

    def test_keep_all_that_was_said_of_them(self) -> None:
        call("PUT", GALLERY, body={})
        said = new_image(
            "a",
            caption="Ünïcode 🪑",
            alt="a chair",
            tags=["x", "y"],
            credit="Ada",
            product_ids=["p-1"],
            width=640,
            height=480,
            attributes={"colour": "red", "price": 9.5, "cut": ["low", "wide"]},
        )
        call("POST", IMAGES, body={"images": [said]})
        _, image = call("GET", IMAGE, image_id="a")
        assert said.items() <= image.items()
        _, patched = call("PATCH", IMAGE, image_id="a", body={"caption": None, "tags": None, "width": 10})
        assert (patched["caption"], patched["tags"], patched["width"], patched["credit"]) == (None, [], 10, "Ada")
        assert patched["attributes"] == said["attributes"]
        _, patched = call("PATCH", IMAGE, image_id="a", body={"attributes": None})
        assert patched["attributes"] == {}

    @pytest.mark.parametrize(
        "attributes",
        [
            {"a b": "x"},
            {"a": True},
            {"a": None},
            {"a": {"b": "c"}},
            {"a": []},
            {"a": ""},
            {"a": 1e13},
            {"a": "x" * 101},
            {f"a{number}": 1 for number in range(21)},
            {f"a{number}": ["x" * 100] * 20 for number in range(2)},
        ],
    )
    def test_are_rejected_with_attributes_of_other_forms(self, attributes: dict[str, Any]) -> None:
        call("PUT", GALLERY, body={})
        _, response = call("POST", IMAGES, body={"images": [new_image("a", attributes=attributes)]})
        [result] = response["results"]
        assert (result["status"], result["errors"][0]["pointer"][:20]) == ("rejected", "/images/0/attributes")

    def test_are_deleted(self) -> None:
        make_gallery("a", "b")
        assert call("DELETE", IMAGE, image_id="a")[0] == 204
        assert call("DELETE", IMAGE, image_id="a")[0] == 404
        assert order() == ["b"]
        assert call("GET", GALLERY)[1]["images"] == 1

    @pytest.mark.parametrize("field", ["name", "url", "created_at", "hidden"])
    def test_cannot_lose_what_they_must_have(self, field: str) -> None:
        make_gallery("a")
        status, problem = call("PATCH", IMAGE, image_id="a", body={field: None})
        assert (status, problem["errors"][0]["pointer"]) == (422, f"/{field}")


class TestOrder:
    def test_is_newest_first_and_total(self) -> None:
        call("PUT", GALLERY, body={})
        images = [new_image("b"), new_image("a"), new_image("c", "2024-02-01T00:00:00Z"), new_image("A")]
        call("POST", IMAGES, body={"images": images})
        assert order() == ["c", "A", "a", "b"]

    def test_is_the_same_in_pages_of_any_size(self) -> None:
        names = [f"i{at:02d}" for at in range(25)]
        make_gallery(*names)
        for limit in (1, 7, 24, 25, 100):
            seen, positions, cursor = [], [], None
            while True:
                query = {"limit": str(limit)} | ({"cursor": cursor} if cursor else {})
                _, page = call("GET", IMAGES, query=query)
                seen += [image["id"] for image in page["items"]]
                positions += [image["position"] for image in page["items"]]
                cursor = page["next_cursor"]
                if cursor is None:
                    break
            assert seen == names
            assert positions == list(range(1, 26))

    @pytest.mark.parametrize("limit", [1, 2, 3, 5, 8])
    def test_lays_pinned_images_at_their_positions_in_pages_of_any_size(self, limit: int) -> None:
        make_gallery(*"abcdefgh")
        for name, position in {"h": 2, "g": 2, "f": 5, "e": 100}.items():
            call("PATCH", IMAGE, image_id=name, body={"pinned_position": position})
        seen, cursor = [], None
        while True:
            query = {"limit": str(limit)} | ({"cursor": cursor} if cursor else {})
            _, page = call("GET", IMAGES, query=query)
            seen += [image["id"] for image in page["items"]]
            cursor = page["next_cursor"]
            if cursor is None:
                break
        assert seen == ["a", "g", "h", "b", "f", "c", "d", "e"]

    def test_lists_hidden_images_page_by_page_and_looks_through_a_thousand_at_once(self) -> None:
        make_gallery()
        images = [new_image(f"image-{at:04d}") for at in range(1100)]
        for start in range(0, len(images), 100):
            call("POST", IMAGES, body={"images": images[start : start + 100]})
        hidden = ["image-0003", "image-0500", "image-1050"]
        for image_id in hidden:
            call("PATCH", IMAGE, image_id=image_id, body={"hidden": True})
        pages, query = [], {"limit": "1"}
        while True:
            page = call("GET", "/galleries/{gallery_id}/hidden-images", query=query)[1]
            pages.append([image["id"] for image in page["items"]])
            assert all(image["hidden"] for image in page["items"])
            if page["next_cursor"] is None:
                break
            query = {"limit": "1", "cursor": page["next_cursor"]}
        assert pages == [["image-0003"], ["image-0500"], ["image-1050"], []]
        page = call("GET", "/galleries/{gallery_id}/hidden-images")[1]
        assert [image["id"] for image in page["items"]] == hidden[:2]
        assert page["next_cursor"]

    def test_leaves_hidden_images_out_until_they_are_shown_again(self) -> None:
        make_gallery("a", "b", "c")
        call("PATCH", IMAGE, image_id="b", body={"hidden": True})
        assert order() == ["a", "c"]
        assert call("GET", IMAGE, image_id="b")[1]["hidden"] is True
        call("PATCH", IMAGE, image_id="b", body={"hidden": False, "pinned_position": 1})
        assert order() == ["b", "a", "c"]
        call("PATCH", IMAGE, image_id="b", body={"pinned_position": None})
        assert order() == ["a", "b", "c"]

    def test_refuses_a_cursor_that_comes_from_elsewhere(self) -> None:
        make_gallery("a", "b")
        _, page = call("GET", IMAGES, query={"limit": "1"})
        cursor = page["next_cursor"]
        call("PUT", GALLERY, gallery_id="other", body={})
        assert call("GET", IMAGES, query={"cursor": cursor}, gallery_id="other")[0] == 400
        assert call("GET", IMAGES, query={"cursor": cursor}, merchant="rival")[0] == 400
        assert call("GET", IMAGES, query={"cursor": cursor[:-1] + ("A" if cursor[-1] != "A" else "B")})[0] == 400
        assert call("GET", IMAGES, query={"cursor": "nonsense"})[0] == 400

    def test_of_a_thousand_images_is_whole_for_the_challenge(self) -> None:
        call("PUT", GALLERY, gallery_id="default", body={})
        for start in range(0, 600, 100):
            images = [new_image(f"i{at}") for at in range(start, start + 100)]
            call("POST", IMAGES, gallery_id="default", body={"images": images})
        status, images = call("GET", "/images")
        assert (status, len(images)) == (200, 600)
        assert [image["gridPosition"] for image in images] == list(range(1, 601))


def test_a_task_that_runs_out_of_time_goes_on_later() -> None:
    make_gallery("a", "b")
    call("DELETE", GALLERY)
    [queue] = [url for url in client("sqs").list_queues()["QueueUrls"] if url.endswith("GalleryTasksQueue")]
    [message] = client("sqs").receive_message(QueueUrl=queue)["Messages"]
    assert json.loads(message["Body"]) == {"task": "delete_gallery", "key": ["shop", "summer"], "hops": 0}
    tasks({"Records": [{"messageId": "1", "body": message["Body"]}]}, Context(milliseconds=0))
    client("sqs").delete_message(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"])
    run_tasks()
    assert call("PUT", GALLERY, body={})[0] == 201


class SleepsBetweenReadingAndDeleting(DynamoDBGalleries):
    """While it sleeps, another task is done and the merchant makes the gallery again."""

    slept = False

    def find_gallery(self, key: GalleryKey) -> Gallery | None:
        found = super().find_gallery(key)
        if not self.slept:
            self.slept = True
            run_tasks()
            make_gallery("a", "b")
        return found


def test_a_task_that_comes_late_deletes_no_image_made_again() -> None:
    make_gallery("a", "b")
    call("DELETE", GALLERY)
    store = SleepsBetweenReadingAndDeleting(client("dynamodb"), "GalleriesTable", "ImagesTable")
    delete_images(store, gallery_counters(), GalleryKey("shop", "summer"), lambda: True)
    assert order() == ["a", "b"]
    assert call("GET", GALLERY)[1]["images"] == 2
