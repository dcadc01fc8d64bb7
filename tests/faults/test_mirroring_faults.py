"""A worker that mirrors is killed at any call, and the message comes again: the state is that of a clean run."""

from __future__ import annotations

import os
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

from functions.galleries_api.handler import lambda_handler as galleries
from tests.aws import serve
from tests.faults.fault import Killed, hooked, throttle
from vitrine.galleries.mirroring import GalleryHolders
from vitrine.galleries.wiring import gallery_repository
from vitrine.platform.aws import client
from vitrine.platform.times import utc_now
from vitrine.renditions.dynamodb import WORKING_SECONDS, DynamoDBHoldings, DynamoDBPictures
from vitrine.renditions.mirror_image import Mirror, mirror_image
from vitrine.renditions.model import Holder, Picture, Rendition, digest_of, original_path
from vitrine.renditions.wiring import NoEdge, files

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.usefixtures("cloud")

HOLDER = Holder("shop", "summer", "one")
OLD, NEW = "https://shop.example/old.jpg", "https://shop.example/new.jpg"
PICTURE = Picture(300, 200, b"hash")


class Shapes:
    """A codec for which every file is a picture."""

    def describe(self, content: bytes) -> Picture:
        return PICTURE

    def render(self, content: bytes, width: int, form: str) -> bytes:
        return b"made"


class Clock:
    now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


def mirror(clock: Clock, meanwhile: Callable[[], object] = lambda: None) -> Mirror:
    """`meanwhile` happens while a picture is fetched, whose content is its URL."""

    def fetch(url: str) -> bytes:
        meanwhile()
        return url.encode()

    table = os.environ["RENDITIONS_TABLE"]
    return Mirror(
        holders=GalleryHolders(gallery_repository()),
        holdings=DynamoDBHoldings(client("dynamodb"), table, clock),
        pictures=DynamoDBPictures(client("dynamodb"), table, clock),
        files=files(),
        edge=NoEdge(),
        codec=Shapes(),
        fetch=fetch,
        check=lambda _: None,
        now=utc_now,
        sleep=lambda _: None,
    )


def put(url: str, image_id: str = "one") -> None:
    serve(galleries, "PUT", "/galleries/{gallery_id}", gallery_id="summer", body={})
    body = {"images": [{"id": image_id, "name": image_id, "url": url}]}
    serve(galleries, "POST", "/galleries/{gallery_id}/images", gallery_id="summer", body=body)


def on_image(method: str, **request: Any) -> Any:
    path = "/galleries/{gallery_id}/images/{image_id}"
    return serve(galleries, method, path, gallery_id="summer", image_id="one", **request)[1]


def state() -> tuple[Any, list[str], list[str]]:
    """What the image refers to, the files there are, and the records beside those of withdrawals."""
    found = client("s3").list_objects_v2(Bucket=os.environ["PICTURES_BUCKET"]).get("Contents", [])
    records = client("dynamodb").scan(TableName=os.environ["RENDITIONS_TABLE"])["Items"]
    kept = sorted(record["pk"]["S"] for record in records if not record["pk"]["S"].startswith("withdrawn/"))
    return on_image("GET").get("renditions"), sorted(entry["Key"] for entry in found), kept


def change_to(what: str) -> None:
    """From an image that shows OLD to one that shows something else, or nothing."""
    if what == "new":
        put(NEW)
    elif what == "deleted":
        on_image("DELETE")
    else:
        on_image("PATCH", body={"hidden": True})


def killed_at(at: int, when: str, act: Callable[[], object]) -> bool:
    """Run until the call number `at`, and nothing after it; whether it came so far."""
    calls = 0

    def strike(**_: Any) -> None:
        nonlocal calls
        calls += 1
        if calls >= at:
            raise Killed

    with suppress(Killed), hooked(strike, when):
        act()
    return calls >= at


def expected(what: str) -> tuple[list[str], list[str]]:
    digest = digest_of("shop", NEW.encode())
    return ([original_path(digest)], ["holder/shop/summer/one", f"picture/{digest}"]) if what == "new" else ([], [])


@pytest.mark.parametrize("when", ["before-call", "after-call"])
@pytest.mark.parametrize("what", ["new", "deleted", "hidden"])
def test_a_worker_that_is_killed_anywhere_leaves_nothing_undone(what: str, when: str) -> None:
    at, clock = 0, Clock()
    while True:
        at += 1
        on_image("PATCH", body={"hidden": False})
        put(OLD)
        mirror_image(mirror(clock), HOLDER)
        assert on_image("GET")["renditions"]
        change_to(what)
        struck = killed_at(at, when, lambda: mirror_image(mirror(clock), HOLDER))
        clock.now += WORKING_SECONDS + 1
        mirror_image(mirror(clock), HOLDER)
        renditions, *kept = state()
        assert (renditions is not None, tuple(kept)) == (what == "new", expected(what)), f"killed {when} {at}"
        if not struck:
            break
    assert at > 8


@pytest.mark.parametrize("what", ["new", "deleted", "hidden"])
def test_what_changes_while_a_picture_is_fetched_is_followed_by_the_next_message(what: str) -> None:
    put(OLD)
    clock = Clock()
    mirror_image(mirror(clock, meanwhile=lambda: change_to(what)), HOLDER)
    assert on_image("GET").get("renditions") is None
    assert state()[1] == []
    mirror_image(mirror(clock), HOLDER)
    renditions, *kept = state()
    assert (renditions is not None, tuple(kept)) == (what == "new", expected(what))


def test_a_rendition_that_is_being_made_is_deleted_after_it_is_stored() -> None:
    put(OLD)
    clock = Clock()
    working = mirror(clock)
    mirror_image(working, HOLDER)
    rendition = Rendition(digest_of("shop", OLD.encode()), 160, "jpg")
    assert working.pictures.begin(rendition)
    on_image("DELETE")

    waits = []

    def finish(seconds: float) -> None:
        waits.append(seconds)
        files().write(rendition.key, b"made", "image/jpeg")
        working.pictures.end(rendition)

    mirror_image(working._replace(sleep=finish), HOLDER)
    assert len(waits) == 1
    assert state()[1:] == ([], [])


def test_a_message_whose_calls_fail_leaves_the_image_to_the_next_at_once() -> None:
    put(OLD)
    clock = Clock()
    with (
        hooked(lambda model, **_: throttle(model.name) if model.name == "PutObject" else None),
        pytest.raises(ClientError),
    ):
        mirror_image(mirror(clock), HOLDER)
    mirror_image(mirror(clock), HOLDER)
    assert on_image("GET")["renditions"]
