"""Renditions are made at their first request, once however many ask."""

from __future__ import annotations

import io
import os
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import pytest
from PIL import Image

from functions.renditions_api.handler import lambda_handler as renditions
from tests.aws import Context, api_event
from vitrine.platform.aws import client
from vitrine.platform.problems import NotFound, Unavailable
from vitrine.renditions.make_rendition import make_rendition
from vitrine.renditions.model import Holder, Picture, Rendition, digest_of, original_path
from vitrine.renditions.ports import PictureBusy
from vitrine.renditions.wiring import codec, files, pictures

if TYPE_CHECKING:
    from vitrine.renditions.model import Format

pytestmark = pytest.mark.usefixtures("cloud")

HOLDER = Holder("shop", "summer", "red")
OTHER = Holder("shop", "summer", "blue")
CLIENTS = 100


def photo() -> tuple[str, Picture]:
    """An original that an image shows."""
    file = io.BytesIO()
    Image.new("RGB", (300, 200), "red").save(file, "PNG")
    digest, picture = digest_of("shop", file.getvalue()), Picture(300, 200, b"hash")
    pictures().hold(digest, HOLDER, picture)
    files().write(original_path(digest), file.getvalue(), "image/png")
    return digest, picture


class CountingCodec:
    """Counts how often it renders."""

    def __init__(self) -> None:
        self.rendered = 0

    def describe(self, content: bytes) -> Picture:
        raise NotImplementedError

    def render(self, content: bytes, width: int, form: Format) -> bytes:
        self.rendered += 1
        return b"made"


def test_a_hundred_clients_at_once_make_it_once() -> None:
    digest, _ = photo()
    counting, rendition = CountingCodec(), Rendition(digest, 160, "avif")

    def ask(_: int) -> bytes | None:
        with suppress(Unavailable):
            return make_rendition(pictures(), files(), counting, rendition, lambda _: None)
        return None

    with ThreadPoolExecutor(CLIENTS) as clients:
        responses = list(clients.map(ask, range(CLIENTS)))
    assert counting.rendered == 1
    assert set(responses) <= {b"made", None}
    assert b"made" in responses


def test_while_another_makes_it_a_client_waits_and_then_is_told_to_come_again() -> None:
    digest, _ = photo()
    rendition = Rendition(digest, 160, "avif")
    assert pictures().begin(rendition)
    waited: list[float] = []
    with pytest.raises(Unavailable):
        make_rendition(pictures(), files(), CountingCodec(), rendition, waited.append)
    assert 2 < sum(waited) < 10
    pictures().end(rendition)
    assert make_rendition(pictures(), files(), CountingCodec(), rendition, waited.append) == b"made"


def test_what_is_stored_while_a_client_waits_is_served() -> None:
    digest, _ = photo()
    rendition = Rendition(digest, 160, "avif")
    pictures().begin(rendition)
    counting = CountingCodec()
    made = make_rendition(
        pictures(), files(), counting, rendition, lambda _: files().write(rendition.key, b"by another", "image/avif")
    )
    assert (made, counting.rendered) == (b"by another", 0)


def test_a_picture_that_was_let_go_is_not_made_and_cannot_be_held_until_it_is_removed() -> None:
    digest, picture = photo()
    assert pictures().let_go(digest, OTHER) is None
    assert pictures().let_go(digest, HOLDER) == picture
    assert pictures().let_go(digest, HOLDER) == picture
    with pytest.raises(NotFound):
        make_rendition(pictures(), files(), CountingCodec(), Rendition(digest, 160, "avif"), lambda _: None)
    with pytest.raises(PictureBusy):
        pictures().hold(digest, OTHER, picture)
    pictures().remove(digest)
    pictures().hold(digest, OTHER, picture)
    assert pictures().find(digest) == picture


def test_a_lease_that_was_given_back_late_brings_no_removed_picture_back() -> None:
    digest, _ = photo()
    rendition = Rendition(digest, 160, "avif")
    pictures().begin(rendition)
    assert pictures().is_being_made(digest)
    pictures().remove(digest)
    pictures().end(rendition)
    assert not pictures().is_being_made(digest)
    assert pictures().let_go(digest, HOLDER) is None


def test_a_picture_that_cannot_be_decoded_is_not_found() -> None:
    digest, _ = photo()
    client("s3").put_object(Bucket=os.environ["PICTURES_BUCKET"], Key=original_path(digest), Body=b"GIF89a")
    path: dict[str, Any] = {"digest": digest, "file": "160.jpg"}
    response = renditions(api_event("GET", "/pictures/{digest}/{file}", merchant=None, **path), Context())
    codec().close()
    assert response["statusCode"] == 404
