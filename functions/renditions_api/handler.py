"""Renditions of pictures over HTTP."""

from __future__ import annotations

import time

from vitrine.platform.http import ANYONE, FOREVER_SECONDS, HttpApp, Request, Response
from vitrine.platform.problems import NotFound
from vitrine.renditions.make_rendition import make_rendition
from vitrine.renditions.model import MEDIA_TYPES, read_path
from vitrine.renditions.wiring import codec, files, pictures

lambda_handler = app = HttpApp()


@app.get("/pictures/{digest}/{file}", scope=ANYONE, responses={200: bytes}, cacheable=True)
def get_rendition(request: Request) -> Response:
    """Serve a picture in one size and format: `file` is `{width}.{avif|webp|jpg}`, as in an image's `renditions`."""
    rendition = read_path(request.path_parameters["digest"], request.path_parameters["file"])
    if rendition is None:
        raise NotFound("There is no such picture.")
    made = make_rendition(pictures(), files(), codec(), rendition, time.sleep)
    return Response(200, made, {"Content-Type": MEDIA_TYPES[rendition.format]}, shared_seconds=FOREVER_SECONDS)
