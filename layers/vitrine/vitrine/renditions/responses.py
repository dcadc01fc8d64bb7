"""Renditions as clients read them."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, TypedDict

from vitrine.renditions.model import Rendition, widths_of

if TYPE_CHECKING:
    from vitrine.renditions.model import Original


class SizeResponse(TypedDict):
    width: int
    avif: str
    webp: str
    jpg: str


class RenditionsResponse(TypedDict):
    aspect_ratio: float
    placeholder: str
    sizes: list[SizeResponse]


def renditions_of(url: str | None, original: Original | None) -> RenditionsResponse | None:
    """Return where the picture at `url` is served, if `original` is its copy."""
    return renditions_response(original) if original and original.url == url else None


def renditions_response(original: Original) -> RenditionsResponse:
    """Return where a picture is served; addresses are relative to the API's.

    Only the WebP files of an animation move, so its `avif` names them too: browsers detect the format by the content.
    """
    digest, _, picture = original

    def path(width: int, form: str) -> str:
        return Rendition(digest, width, form).path  # type: ignore[arg-type]

    return {
        "aspect_ratio": round(picture.width / picture.height, 4),
        "placeholder": base64.b64encode(picture.placeholder).decode(),
        "sizes": [
            {
                "width": width,
                "avif": path(width, "webp" if picture.animated else "avif"),
                "webp": path(width, "webp"),
                "jpg": path(width, "jpg"),
            }
            for width in widths_of(picture)
        ],
    }
