"""Pictures that are put into a gallery: signed, checked, shown once, and gone with their image."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import os
from contextlib import suppress
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, unquote, urlsplit

import pytest
from PIL import Image

from functions.galleries_api.handler import lambda_handler as galleries
from functions.imports_api.handler import lambda_handler as imports
from functions.mirror_changes.handler import lambda_handler as mirror_changes
from functions.mirror_images.handler import lambda_handler as mirror_images
from functions.picture_uploads.handler import lambda_handler as uploads
from tests.aws import ROOT, Context, api_event, send, serve
from tests.faults.fault import FAULTS, Fault, Killed
from tests.streams import stream_records
from tests.uploads import images_of, listed
from vitrine.imports.model import LARGEST_PICTURE_BYTES
from vitrine.platform.aws import client
from vitrine.renditions.wiring import codec

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.usefixtures("summer")


@pytest.fixture
def summer(cloud: None) -> Iterator[None]:
    """An empty gallery."""
    serve(galleries, "PUT", "/galleries/{gallery_id}", gallery_id="summer", body={})
    yield
    codec().close()


def png(colour: str, size: tuple[int, int] = (300, 200)) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", size, colour).save(file, "PNG")
    return file.getvalue()


RED = png("red")


def about(content: bytes, **fields: Any) -> dict[str, Any]:
    digest = hashlib.sha256(content).hexdigest()
    return {"sha256": digest, "size": len(content), "media_type": "image/png", "name": "A shelf"} | fields


def ask(*pictures: dict[str, Any], gallery: str = "summer", **caller: Any) -> tuple[int, Any]:
    path = "/galleries/{gallery_id}/pictures"
    return serve(imports, "POST", path, gallery_id=gallery, body={"pictures": list(pictures)}, **caller)[:2]


def state_of(content: bytes) -> dict[str, Any]:
    status, response = ask(about(content))
    assert status == 200
    return response["results"][0]


def put(content: bytes, upload: dict[str, Any]) -> dict[str, Any]:
    """Store what S3 would store of a signed request; return its notification."""
    key = unquote(urlsplit(upload["url"]).path).lstrip("/")
    meta = {"about": upload["headers"]["x-amz-meta-about"]}
    client("s3").put_object(Bucket=os.environ["PICTURES_BUCKET"], Key=key, Body=content, Metadata=meta)
    message = json.dumps({"Records": [{"s3": {"object": {"key": key, "size": len(content)}}}]})
    return {"messageId": "1", "body": message, "attributes": {"ApproximateReceiveCount": "1"}}


def deliver(message: dict[str, Any]) -> bool:
    return uploads({"Records": [message]}, Context()) == {"batchItemFailures": []}


def upload(content: bytes) -> dict[str, Any]:
    """Put the picture and have it checked; return its notification."""
    message = put(content, state_of(content)["upload"])
    assert deliver(message)
    return message


def stored() -> list[str]:
    found = client("s3").list_objects_v2(Bucket=os.environ["PICTURES_BUCKET"], Prefix="gallery-uploads/")
    return [item["Key"].rpartition("/")[2] for item in found.get("Contents", [])]


def mirror(image_id: str) -> None:
    body = json.dumps({"merchant_id": "shop", "gallery_id": "summer", "image_id": image_id})
    message = {"messageId": "1", "body": body, "attributes": {"ApproximateReceiveCount": "5"}}
    assert mirror_images({"Records": [message]}, Context()) == {"batchItemFailures": []}


def on_image(method: str, image_id: str, **body: Any) -> int:
    path = "/galleries/{gallery_id}/images/{image_id}"
    return serve(galleries, method, path, gallery_id="summer", image_id=image_id, body=body or None)[0]


def picture(image_id: str, merchant: str = "shop") -> tuple[int, dict[str, str]]:
    path = "/gallery-pictures/{merchant_id}/{gallery_id}/{image_id}"
    event = api_event("GET", path, merchant_id=merchant, gallery_id="summer", image_id=image_id, kind="publishable")
    status, _, headers = send(imports, event)
    return status, headers


def test_a_picture_becomes_an_image_of_its_gallery() -> None:
    wanted = state_of(RED)
    assert wanted["status"] == "wanted"
    message = put(RED, wanted["upload"])
    assert state_of(RED)["status"] == "waiting"
    assert deliver(message)
    added = state_of(RED)
    assert added == {"image_id": wanted["image_id"], "status": "added"}
    image = images_of("summer")[added["image_id"]]
    assert (image["name"], image["width"], image["height"]) == ("A shelf", 300, 200)
    assert urlsplit(image["url"]).path.endswith(f"/gallery-pictures/shop/summer/{added['image_id']}")
    status, headers = picture(added["image_id"])
    assert status == 302
    assert unquote(urlsplit(headers["Location"]).path).endswith(f"gallery-uploads/shop/summer/{added['image_id']}")


def test_the_signed_request_takes_this_content_size_and_type_only() -> None:
    upload = state_of(RED)["upload"]
    signed = parse_qs(urlsplit(upload["url"]).query)
    assert set(signed["X-Amz-SignedHeaders"][0].split(";")) >= {
        "content-length",
        "content-type",
        "x-amz-checksum-sha256",
        "x-amz-meta-about",
    }
    assert signed["X-Amz-Expires"] == ["900"]
    checksum = base64.b64encode(hashlib.sha256(RED).digest()).decode()
    assert upload["headers"]["x-amz-checksum-sha256"] == checksum
    assert (upload["headers"]["Content-Type"], upload["headers"]["Content-Length"]) == ("image/png", str(len(RED)))


def test_sent_again_it_is_the_same_image_and_keeps_what_was_edited() -> None:
    message = upload(RED)
    image_id = state_of(RED)["image_id"]
    assert on_image("PATCH", image_id, name="Edited") == 200
    assert deliver(message)
    assert deliver(put(RED, {"url": f"http://s3.test/gallery-uploads/shop/summer/{image_id}", **meta(RED)}))
    assert [image["name"] for image in listed("/galleries/{gallery_id}/images", gallery_id="summer")] == ["Edited"]
    _, gallery, _ = serve(galleries, "GET", "/galleries/{gallery_id}", gallery_id="summer")
    assert gallery["images"] == 1


@pytest.mark.parametrize(("when", "what"), FAULTS, ids=["killed before", "killed after", "throttled"])
def test_a_worker_that_fails_at_any_call_adds_the_picture_once(when: str, what: Any) -> None:
    for at in range(1, 30):
        content = png("red", (300, 100 + at))
        message = put(content, state_of(content)["upload"])
        fault = Fault(at, when, what)
        with fault.armed(), suppress(Killed):
            deliver(message)
        assert deliver(message), str(fault)
        told = state_of(content)
        assert told["status"] == "added", str(fault)
        assert on_image("DELETE", told["image_id"]) == 204
        assert deliver(message)
        _, gallery, _ = serve(galleries, "GET", "/galleries/{gallery_id}", gallery_id="summer")
        assert (gallery["images"], images_of("summer")) == (0, {}), str(fault)
        if not fault.struck:
            return
    pytest.fail("the worker makes more calls than the test expects")


def meta(content: bytes) -> dict[str, Any]:
    said = base64.urlsafe_b64encode(json.dumps({"name": "A shelf", "created_at": "2026-01-01T00:00:00Z"}).encode())
    assert content
    return {"headers": {"x-amz-meta-about": said.decode()}}


def test_a_repeated_delivery_does_not_bring_a_deleted_image_back_but_another_upload_does() -> None:
    message = upload(RED)
    image_id = state_of(RED)["image_id"]
    assert on_image("DELETE", image_id) == 204
    assert deliver(message)  # before the file is deleted
    assert images_of("summer") == {}
    mirror(image_id)
    assert stored() == []
    assert deliver(message)
    assert images_of("summer") == {}
    assert picture(image_id)[0] == 404
    upload(RED)
    assert list(images_of("summer")) == [image_id]


def test_a_hidden_image_keeps_its_file_and_shows_it_to_nobody() -> None:
    upload(RED)
    image_id = state_of(RED)["image_id"]
    assert on_image("PATCH", image_id, hidden=True) == 200
    mirror(image_id)
    assert stored() == [image_id]
    assert picture(image_id)[0] == 404
    client("sqs").purge_queue(QueueUrl=os.environ["MIRRORING_QUEUE"])
    before = len(stream_records("ImagesTable"))
    assert on_image("DELETE", image_id) == 204
    mirror_changes({"Records": stream_records("ImagesTable")[before:]}, Context())
    queued = client("sqs").receive_message(QueueUrl=os.environ["MIRRORING_QUEUE"], MaxNumberOfMessages=10)
    assert image_id in str(queued["Messages"])
    mirror(image_id)
    assert stored() == []


FILES = ROOT / "tests/data/image-files/pillow"
HOSTILE = [
    "broken.png",
    "decompression_bomb.ico",
    "decompression_bomb.gif",
    "seek_too_large.tif",
]


@pytest.mark.parametrize("content", [b"<html>", b"%PDF-1.7", *HOSTILE], ids=str)
def test_what_is_no_picture_is_refused_as_everywhere(content: bytes | str) -> None:
    content = (FILES / content).read_bytes() if isinstance(content, str) else content
    message = upload(content)
    told = state_of(content)
    assert (told["status"], "upload" in told) == ("refused", False)
    assert told["error"]["code"]
    assert images_of("summer") == {}
    assert deliver(message)
    assert picture(told["image_id"])[0] == 404


def test_other_content_than_announced_and_too_many_bytes_are_refused() -> None:
    message = put(png("blue"), state_of(RED)["upload"])
    assert deliver(message)
    assert state_of(RED)["error"]["code"] == "other_content"
    large = b"\0" * (LARGEST_PICTURE_BYTES + 1)
    upload_of = state_of(png("green"))["upload"]
    assert deliver(put(large, upload_of))
    assert state_of(png("green"))["error"]["code"] == "too_large"
    assert images_of("summer") == {}


def test_a_picture_of_a_gallery_that_was_deleted_is_deleted() -> None:
    message = put(RED, state_of(RED)["upload"])
    serve(galleries, "DELETE", "/galleries/{gallery_id}", gallery_id="summer")
    assert deliver(message)
    assert stored() == []


@pytest.mark.parametrize(
    "wrong",
    [
        {"sha256": "F" * 64},
        {"sha256": "abc"},
        {"size": 0},
        {"size": LARGEST_PICTURE_BYTES + 1},
        {"media_type": "image/svg+xml"},
        {"media_type": "text/html"},
        {"name": ""},
        {"name": "x" * 301},
    ],
    ids=str,
)
def test_what_cannot_be_uploaded_is_refused_before(wrong: dict[str, Any]) -> None:
    status, response = ask(about(RED) | wrong)
    assert status == 422
    assert response["errors"][0]["pointer"] == f"/pictures/0/{next(iter(wrong))}"


def test_a_merchant_uploads_into_its_own_galleries_only() -> None:
    assert ask(about(RED), about(RED))[0] == 422
    assert ask(about(RED), gallery="winter")[0] == 404
    assert ask(about(RED), merchant="rival")[0] == 404
    assert ask(about(RED), kind="publishable")[0] == 403
    upload(RED)
    image_id = state_of(RED)["image_id"]
    assert picture(image_id, merchant="rival")[0] == 404
