"""Add uploaded pictures to their galleries."""

from __future__ import annotations

import io
import json
from typing import Any
from urllib.parse import unquote_plus

from vitrine.galleries.wiring import gallery_repository, new_incarnation
from vitrine.imports.add_picture import add_picture
from vitrine.imports.model import Refusal
from vitrine.imports.ports import RefusedUpload
from vitrine.imports.s3 import picture_at
from vitrine.imports.wiring import published_pictures
from vitrine.platform.batches import BatchResponse, handle_each
from vitrine.platform.telemetry import invocation, logger
from vitrine.renditions.model import widths_of
from vitrine.renditions.ports import RefusedPictureError
from vitrine.renditions.wiring import codec
from vitrine.visits.model import UnmeasurableError
from vitrine.visits.pictures import measure


@invocation
def lambda_handler(event: dict[str, Any], context: object) -> BatchResponse:
    """Add each picture of S3's notifications. A message that fails is delivered again."""
    return handle_each(event, _add_pictures)


def _add_pictures(message: dict[str, Any]) -> None:
    for record in json.loads(message["body"]).get("Records", []):
        key = picture_at(unquote_plus(record["s3"]["object"]["key"]))
        outcome = add_picture(
            published_pictures(), gallery_repository(), _inspect, key, new_incarnation=new_incarnation
        )
        logger.info("uploaded", extra={**key._asdict(), "outcome": outcome})


def _inspect(content: bytes) -> tuple[int, int]:
    """Return the picture's width and height. Refuses what cannot be measured, or shown in sizes."""
    try:
        measure(io.BytesIO(content))
        picture = codec().describe(content)
    except (UnmeasurableError, RefusedPictureError) as error:
        raise RefusedUpload(Refusal(error.code, error.detail)) from error
    if not widths_of(picture):
        raise RefusedUpload(Refusal("too_long", "The picture is too long for its width"))
    return picture.width, picture.height
