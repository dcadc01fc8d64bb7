"""Renditions follow the images as they are created, hidden, changed and deleted."""

from __future__ import annotations

import base64
import io
import json
import os
import threading
from typing import TYPE_CHECKING, Any

import pytest
from moto.sqs.models import sqs_backends
from PIL import Image

from functions.galleries_api.handler import lambda_handler as galleries
from functions.gallery_tasks.handler import lambda_handler as gallery_tasks
from functions.mirror_changes.handler import lambda_handler as mirror_changes
from functions.mirror_images.handler import lambda_handler as mirror_images
from functions.products_api.handler import lambda_handler as products
from functions.recommendations_api.handler import lambda_handler as recommendations
from functions.renditions_api.handler import lambda_handler as renditions
from functions.review_api.handler import lambda_handler as review
from functions.review_followups.handler import lambda_handler as followups
from functions.snapshot_uploads.handler import lambda_handler as uploads
from local.picture_host import PictureHost
from tests.aws import Context, api_event, send, serve
from tests.hostile_host import HostileHost, response
from tests.streams import stream_records
from vitrine.galleries import mirroring
from vitrine.galleries.model import GalleryKey
from vitrine.galleries.wiring import gallery_repository
from vitrine.platform.aws import client
from vitrine.platform.wiring import fetcher
from vitrine.renditions.wiring import codec, edge

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.usefixtures("cloud")


@pytest.fixture
def host(cloud: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Serve `red.png` and `blue.png`, of 300 by 200 pixels, and `page.html`; yield the address."""
    for colour in ("red", "blue"):
        Image.new("RGB", (300, 200), colour).save(tmp_path / f"{colour}.png")
    (tmp_path / "page.html").write_text("<html>")
    server = PictureHost(tmp_path)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    address = f"127.0.0.1:{server.server_port}"
    monkeypatch.setenv("FETCH_ALLOWED_HOSTS", address)
    yield f"http://{address}"
    fetcher().close()
    codec().close()
    server.shutdown()
    server.server_close()


def put(image_id: str, url: str, gallery_id: str = "summer", merchant: str = "shop", **gallery: Any) -> None:
    serve(galleries, "PUT", "/galleries/{gallery_id}", gallery_id=gallery_id, body=gallery, merchant=merchant)
    body = {"images": [{"id": image_id, "name": image_id, "url": url}]}
    path = "/galleries/{gallery_id}/images"
    status, response, _ = serve(galleries, "POST", path, gallery_id=gallery_id, body=body, merchant=merchant)
    assert (status, response["results"][0]["status"] in {"created", "updated"}) == (200, True)


def on_image(method: str, image_id: str, gallery_id: str = "summer", **request: Any) -> Any:
    path = "/galleries/{gallery_id}/images/{image_id}"
    return serve(galleries, method, path, gallery_id=gallery_id, image_id=image_id, **request)[1]


def message(image_id: str, gallery_id: str = "summer", deliveries: int = 1) -> dict[str, Any]:
    body = json.dumps({"merchant_id": "shop", "gallery_id": gallery_id, "image_id": image_id})
    return {"messageId": image_id, "body": body, "attributes": {"ApproximateReceiveCount": str(deliveries)}}


def work(*messages: dict[str, Any]) -> list[str]:
    """Mirror the images; return the ids of the messages that must be delivered again."""
    response = mirror_images({"Records": list(messages)}, Context())
    return [failure["itemIdentifier"] for failure in response["batchItemFailures"]]


def change_gallery(**changes: Any) -> None:
    """Change the gallery, run its background tasks and mirror what they ask for."""
    assert serve(galleries, "PUT", "/galleries/{gallery_id}", gallery_id="summer", body=changes)[0] == 200
    for task in waiting_tasks():
        assert gallery_tasks({"Records": [{"messageId": "1", "body": task}]}, Context()) == {"batchItemFailures": []}
    mirror_queued()


def waiting_tasks() -> list[str]:
    """Take the gallery tasks off their queue, also those that are delayed."""
    messages = sqs_backends["123456789012"]["eu-west-1"].queues["GalleryTasksQueue"]._messages
    bodies = [message.body for message in messages]
    messages.clear()
    return bodies


def follow() -> None:
    """Mirror after all changes, from the first on."""
    for table in ("ImagesTable", "ProductsTable", "ReviewTable"):
        mirror_changes({"Records": stream_records(table)}, Context())
    mirror_queued()


def mirror_queued() -> None:
    queue = os.environ["MIRRORING_QUEUE"]
    while messages := client("sqs").receive_message(QueueUrl=queue, MaxNumberOfMessages=10).get("Messages"):
        for sent in messages:
            received = {"messageId": sent["MessageId"], "body": sent["Body"]}
            assert work({**received, "attributes": {"ApproximateReceiveCount": "1"}}) == []
            client("sqs").delete_message(QueueUrl=queue, ReceiptHandle=sent["ReceiptHandle"])


def stored() -> list[str]:
    """Return the keys of all originals and renditions."""
    objects = client("s3").list_objects_v2(Bucket=os.environ["PICTURES_BUCKET"]).get("Contents", [])
    return [stored["Key"] for stored in objects]


def get(path: str) -> tuple[int, dict[str, Any]]:
    _, digest, file = path.split("/")
    response = renditions(
        api_event("GET", "/pictures/{digest}/{file}", digest=digest, file=file, merchant=None), Context()
    )
    return response["statusCode"], response


def test_an_image_is_mirrored_and_served_in_every_size(host: str) -> None:
    put("red", f"{host}/red.png")
    assert on_image("GET", "red")["renditions"] is None
    follow()
    found = on_image("GET", "red")["renditions"]
    assert found["aspect_ratio"] == 1.5
    assert [size["width"] for size in found["sizes"]] == [160, 240]
    status, response = get(found["sizes"][0]["webp"])
    assert (status, response["isBase64Encoded"]) == (200, True)
    made = Image.open(io.BytesIO(base64.b64decode(response["body"])))
    assert (made.format, made.size) == ("WEBP", (160, 107))
    assert response["headers"]["Cache-Control"] == "public, max-age=31536000, immutable"
    assert response["headers"]["Content-Type"] == "image/webp"
    assert f"v1/{found['sizes'][0]['webp']}" in stored()
    page = serve(galleries, "GET", "/galleries/{gallery_id}/images", gallery_id="summer")[1]
    assert page["items"][0]["renditions"] == found


@pytest.mark.parametrize("file", ["480.avif", "161.avif"])
def test_a_width_that_a_picture_does_not_have_is_not_found(host: str, file: str) -> None:
    put("red", f"{host}/red.png")
    follow()
    path = on_image("GET", "red")["renditions"]["sizes"][0]["avif"]
    assert get(path.replace("160.avif", file))[0] == 404


def test_an_unknown_picture_is_not_found() -> None:
    assert get("pictures/0123456789abcdef0123456789abcdef/640.avif")[0] == 404
    assert get("pictures/nothing/at.all")[0] == 404


@pytest.mark.parametrize("change", ["deleted", "hidden", "replaced"])
def test_a_picture_that_no_image_shows_any_more_is_withdrawn(host: str, change: str) -> None:
    put("red", f"{host}/red.png")
    follow()
    path = on_image("GET", "red")["renditions"]["sizes"][0]["jpg"]
    assert get(path)[0] == 200
    if change == "deleted":
        on_image("DELETE", "red")
    elif change == "hidden":
        on_image("PATCH", "red", body={"hidden": True})
        assert on_image("GET", "red")["renditions"] is None
    else:
        put("red", f"{host}/blue.png")
        assert on_image("GET", "red")["renditions"] is None
    follow()
    digest = path.split("/")[1]
    assert get(path)[0] == 404
    assert not [key for key in stored() if digest in key]
    if change == "replaced":
        assert get(on_image("GET", "red")["renditions"]["sizes"][0]["jpg"])[0] == 200
    else:
        assert stored() == []


def test_the_audit_lists_what_was_withdrawn_newest_first(host: str) -> None:
    def audit() -> list[dict[str, Any]]:
        found = serve(galleries, "GET", "/galleries/{gallery_id}/audit", gallery_id="summer")[1]
        return list(found["withdrawn"])

    put("red", f"{host}/red.png")
    put("blue", f"{host}/blue.png")
    follow()
    assert audit() == []
    digests = {name: on_image("GET", name)["renditions"]["sizes"][0]["jpg"].split("/")[1] for name in ("red", "blue")}
    for name in ("red", "blue"):
        on_image("DELETE", name)
        follow()
    withdrawn = audit()
    assert [(each["id"], each["digest"]) for each in withdrawn] == [("blue", digests["blue"]), ("red", digests["red"])]
    assert withdrawn[0]["withdrawn_at"] > withdrawn[1]["withdrawn_at"]


def test_the_edge_is_asked_to_drop_a_withdrawn_picture_after_its_files_are_gone(
    host: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    queue = client("sqs").get_queue_url(QueueName="InvalidationsQueue")["QueueUrl"]
    monkeypatch.setenv("INVALIDATIONS_QUEUE", queue)
    edge.cache_clear()
    put("red", f"{host}/red.png")
    follow()
    digest = on_image("GET", "red")["renditions"]["sizes"][0]["jpg"].split("/")[1]
    on_image("DELETE", "red")
    stored_when_asked: list[list[str]] = []
    client("sqs").meta.events.register(
        "before-call.sqs.SendMessage", lambda **_: stored_when_asked.append(stored()), unique_id="stored"
    )
    follow()
    client("sqs").meta.events.unregister("before-call.sqs.SendMessage", unique_id="stored")
    edge.cache_clear()
    [message] = client("sqs").receive_message(QueueUrl=queue)["Messages"]
    assert (message["Body"], stored_when_asked) == (digest, [[]])


def test_a_picture_that_another_image_shows_stays(host: str) -> None:
    put("red", f"{host}/red.png")
    put("again", f"{host}/red.png")
    follow()
    path = on_image("GET", "red")["renditions"]["sizes"][0]["jpg"]
    assert on_image("GET", "again")["renditions"]["sizes"][0]["jpg"] == path
    on_image("DELETE", "red")
    follow()
    assert get(path)[0] == 200
    on_image("DELETE", "again")
    follow()
    assert get(path)[0] == 404


def test_an_image_that_is_shown_again_is_mirrored_again(host: str) -> None:
    put("red", f"{host}/red.png")
    follow()
    on_image("PATCH", "red", body={"hidden": True})
    follow()
    on_image("PATCH", "red", body={"hidden": False})
    assert on_image("GET", "red")["renditions"] is None
    follow()
    assert get(on_image("GET", "red")["renditions"]["sizes"][0]["jpg"])[0] == 200


def test_a_gallery_that_is_not_mirrored_shows_pictures_from_their_own_addresses(host: str) -> None:
    put("red", f"{host}/red.png", mirror=False)
    follow()
    image = on_image("GET", "red")
    assert (image["renditions"], image["url"]) == (None, f"{host}/red.png")
    assert stored() == []
    put("red", f"{host}/blue.png", title="Still not mirrored")
    follow()
    assert on_image("GET", "red")["renditions"] is None


def put_product(product_id: str, **fields: Any) -> dict[str, Any]:
    event = api_event("PUT", "/products/{product_id}", product_id=product_id, body={"name": product_id, **fields})
    status, response, _ = send(products, event)
    assert status == 200
    return dict(response)


def product(product_id: str) -> Any:
    return serve(products, "GET", "/products/{product_id}", product_id=product_id)[1]


def test_a_product_has_renditions_of_the_picture_that_it_shows(host: str) -> None:
    assert put_product("lamp", image_url=f"{host}/red.png")["renditions"] is None
    follow()
    red = product("lamp")["renditions"]
    assert red["aspect_ratio"] == 1.5
    assert get(red["sizes"][0]["webp"])[0] == 200
    assert serve(products, "GET", "/products")[1]["items"][0]["renditions"] == red
    assert put_product("lamp", image_url=f"{host}/red.png", price=3)["renditions"] == red
    assert put_product("lamp", image_url=f"{host}/blue.png")["renditions"] is None
    follow()
    assert product("lamp")["renditions"] not in (None, red)
    assert get(red["sizes"][0]["webp"])[0] == 404


@pytest.mark.parametrize("change", ["deleted", "without a picture"])
def test_the_picture_of_a_product_is_withdrawn_with_it(host: str, change: str) -> None:
    put_product("lamp", image_url=f"{host}/red.png")
    follow()
    if change == "deleted":
        assert serve(products, "DELETE", "/products/{product_id}", product_id="lamp")[0] == 204
    else:
        put_product("lamp")
    follow()
    assert stored() == []
    assert put_product("lamp", image_url=f"{host}/red.png")["renditions"] is None


def test_a_picture_that_an_image_and_a_product_show_stays_until_neither_does(host: str) -> None:
    put("red", f"{host}/red.png")
    put_product("red", image_url=f"{host}/red.png")
    follow()
    path = product("red")["renditions"]["sizes"][0]["jpg"]
    assert on_image("GET", "red")["renditions"]["sizes"][0]["jpg"] == path
    on_image("DELETE", "red")
    follow()
    assert get(path)[0] == 200
    put_product("red")
    follow()
    assert get(path)[0] == 404


def test_recommended_products_have_renditions_also_in_a_cached_list(host: str) -> None:
    def recommended() -> tuple[bool, dict[str, Any]]:
        response = serve(recommendations, "GET", "/users/{user_id}/recommendations", user_id="ann")[1]
        return response["cached"], {item["product_id"]: item["product"]["renditions"] for item in response["items"]}

    put_product("lamp", image_url=f"{host}/red.png")
    put_product("bare", image_url=f"{host}/gone.png")
    assert recommended() == (False, {"lamp": None, "bare": None})
    follow()
    assert recommended() == (True, {"lamp": product("lamp")["renditions"], "bare": None})
    assert product("lamp")["renditions"]


def add_snapshot(**picture: Any) -> None:
    put_product("lamp")
    body = {"snapshots": [{"snapshot_id": "s1", "product_id": "lamp", "filename": "1.png", **picture}]}
    assert serve(review, "POST", "/snapshots", body=body)[1]["results"][0]["status"] == "created"


def snapshot_renditions() -> Any:
    snapshot = serve(review, "GET", "/snapshots/{snapshot_id}", snapshot_id="s1")[1]
    assert serve(review, "GET", "/snapshots")[1]["items"][0]["renditions"] == snapshot["renditions"]
    return snapshot["renditions"]


def claimed() -> Any:
    followups({"Records": stream_records("ReviewTable")}, Context())
    return serve(review, "POST", "/review/claims", body={"limit": 1}, headers={"X-Reviewer": "ann"})[1]["items"][0]


def test_reviewers_see_renditions_of_a_snapshot_at_a_url(host: str) -> None:
    add_snapshot(url=f"{host}/red.png")
    assert snapshot_renditions() is None
    follow()
    renditions_shown = snapshot_renditions()
    assert get(renditions_shown["sizes"][0]["webp"])[0] == 200
    assert claimed()["renditions"] == renditions_shown


def test_reviewers_compare_with_renditions_of_the_product_and_of_approved_snapshots(host: str) -> None:
    add_snapshot(url=f"{host}/red.png")
    follow()
    first = claimed()
    assert first["product"]["renditions"] == []
    path, reviewer = "/review/snapshots/{snapshot_id}/decision", {"X-Reviewer": "ann"}
    assert serve(review, "PUT", path, snapshot_id="s1", body={"decision": "approved"}, headers=reviewer)[0] == 200
    put_product("lamp", image_url=f"{host}/blue.png")
    body = {"snapshots": [{"snapshot_id": "s2", "product_id": "lamp", "filename": "2.png", "url": f"{host}/gone.png"}]}
    serve(review, "POST", "/snapshots", body=body)
    follow()
    shown = claimed()["product"]
    assert shown["pictures"] == [f"{host}/blue.png", f"{host}/red.png"]
    assert shown["renditions"] == [product("lamp")["renditions"], first["renditions"]]


def test_reviewers_see_renditions_of_an_uploaded_snapshot_once_it_is_there(host: str, tmp_path: Path) -> None:
    add_snapshot(upload=True)
    follow()
    assert snapshot_renditions() is None
    key = "snapshots/shop/s1"
    client("s3").put_object(Bucket=os.environ["PICTURES_BUCKET"], Key=key, Body=(tmp_path / "red.png").read_bytes())
    notified = json.dumps({"Records": [{"s3": {"object": {"key": key, "size": 1000}}}]})
    uploads({"Records": [{"messageId": "1", "body": notified}]}, Context())
    follow()
    path = snapshot_renditions()["sizes"][0]["jpg"]
    assert get(path)[0] == 200
    assert key in stored()


def test_a_snapshot_whose_uploaded_picture_is_gone_is_refused(host: str) -> None:
    add_snapshot(upload=True)
    notified = json.dumps({"Records": [{"s3": {"object": {"key": "snapshots/shop/s1", "size": 1000}}}]})
    uploads({"Records": [{"messageId": "1", "body": notified}]}, Context())
    follow()
    assert snapshot_renditions() is None


def test_a_change_of_mirror_mirrors_or_withdraws_the_pictures_of_the_gallery(host: str) -> None:
    put("red", f"{host}/red.png")
    put("blue", f"{host}/blue.png")
    follow()
    path = on_image("GET", "red")["renditions"]["sizes"][0]["jpg"]
    assert get(path)[0] == 200
    change_gallery(mirror=False)
    assert on_image("GET", "red")["renditions"] is on_image("GET", "blue")["renditions"] is None
    assert get(path)[0] == 404
    assert stored() == []
    change_gallery(mirror=True)
    assert get(on_image("GET", "red")["renditions"]["sizes"][0]["jpg"])[0] == 200


def test_a_gallery_whose_mirror_stays_has_no_task(host: str) -> None:
    put("red", f"{host}/red.png")
    for body in ({"mirror": True, "title": "Still mirrored"}, {"title": "Without mirror"}):
        serve(galleries, "PUT", "/galleries/{gallery_id}", gallery_id="summer", body=body)
    assert waiting_tasks() == []


def test_mirroring_a_gallery_continues_where_time_ran_out(host: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("red", "blue"):
        put(name, f"{host}/{name}.png")
    time_left = iter([True, False])
    sent: list[Any] = []
    key = GalleryKey("shop", "summer")
    monkeypatch.setattr(mirroring, "_PAGE", 1)
    assert mirroring.mirror_images(gallery_repository(), sent.extend, key, None, lambda: next(time_left)) == "blue"
    assert mirroring.mirror_images(gallery_repository(), sent.extend, key, "blue", lambda: True) is None
    assert [holder.image_id for holder in sent] == ["blue", "red"]


def test_a_file_that_is_no_picture_is_refused_and_not_delivered_again(host: str) -> None:
    put("page", f"{host}/page.html")
    put("gone", f"{host}/gone.png")
    follow()
    assert on_image("GET", "page")["renditions"] is None
    assert on_image("GET", "gone")["renditions"] is None
    assert stored() == []


def test_a_message_for_an_image_that_is_gone_changes_nothing() -> None:
    assert work(message("nothing")) == []
    assert stored() == []


def test_an_unreachable_host_is_asked_five_times(host: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FETCH_ALLOWED_HOSTS", "127.0.0.1")
    with HostileHost(lambda connection, _: connection.sendall(response("503 Busy", Retry_After="99"))) as busy:
        put("busy", busy.url())
        assert work(message("busy")) == ["busy"]
        assert work(message("busy", deliveries=5)) == []


def test_delivering_again_changes_nothing(host: str) -> None:
    put("red", f"{host}/red.png")
    follow()
    before = on_image("GET", "red"), stored()
    assert work(message("red"), message("red")) == []
    assert (on_image("GET", "red"), stored()) == before
