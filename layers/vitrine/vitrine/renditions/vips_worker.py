"""The process that decodes and encodes pictures with libvips: `python -m vitrine.renditions.vips_worker {fd}`.

It holds nothing but the picture in work, so the system may kill it when it exceeds a limit.
"""

from __future__ import annotations

import json
import os
import resource
import signal
import sys
from multiprocessing.connection import Connection
from typing import Any, Final

os.environ["VIPS_CONCURRENCY"] = "1"
import pyvips

from vitrine.renditions.thumbhash import thumbhash

PROCESSOR_SECONDS: Final = 2.0
MEMORY_BYTES: Final = 300 * 1024 * 1024
PIXELS: Final = 100_000_000
ANIMATION_PIXELS: Final = 12_000_000  # of all frames of a rendition together
ANIMATION_BYTES: Final = 4_000_000  # what API Gateway takes in base64
VECTOR_SIDE: Final = 1920
PLACEHOLDER_SIDE: Final = 32
NO_HEIGHT: Final = 1_000_000
LOADERS: Final = frozenset({"jpeg", "png", "webp", "gif", "heif", "svg", "tiff"})
SAVERS: Final[dict[str, dict[str, Any]]] = {
    "avif": {"suffix": ".avif", "Q": 55, "effort": 1},
    "webp": {"suffix": ".webp", "Q": 78, "effort": 4},
    "jpg": {"suffix": ".jpg", "Q": 78, "interlace": True, "optimize_coding": True},
}


class RefusedError(Exception):
    """Becomes the parent's RefusedPictureError: code and detail."""


def _open(content: bytes) -> pyvips.Image:
    image = pyvips.Image.new_from_buffer(content, "", access="sequential")
    if _loader(image) not in LOADERS:
        raise RefusedError("format_not_rendered", "Renditions are made of JPEG, PNG, WebP, GIF, AVIF, TIFF and SVG")
    if image.width * image.height > PIXELS:
        raise RefusedError("too_many_pixels", f"The picture has over {PIXELS:,} pixels")
    return image


def _loader(image: pyvips.Image) -> str:
    return str(image.get("vips-loader")).split("load", maxsplit=1)[0]


def _frames(image: pyvips.Image) -> int:
    return image.get_n_pages() if _loader(image) in {"gif", "webp"} else 1


def _shrunk(
    content: bytes, image: pyvips.Image, width: int, *, options: str = "", height: int = NO_HEIGHT
) -> pyvips.Image:
    """Return the picture at a width, upright and in sRGB. `image` is the opened file."""
    # Without an embedded profile libvips would convert by way of a default one, which takes longer than all else.
    profile = {"export_profile": "srgb"} if image.get_typeof("icc-profile-data") else {}
    small = pyvips.Image.thumbnail_buffer(content, width, height=height, option_string=options, **profile)
    return small if small.interpretation == "srgb" else small.colourspace("srgb")


def describe(content: bytes) -> dict[str, Any]:
    """Return the fields of a Picture."""
    image = _open(content)
    width, height = image.width, image.height
    if image.get_typeof("orientation") and image.get("orientation") in {5, 6, 7, 8}:
        width, height = height, width
    if _loader(image) == "svg":
        scale = VECTOR_SIDE / max(width, height)
        width, height = max(1, round(width * scale)), max(1, round(height * scale))
    small = _shrunk(content, image, PLACEHOLDER_SIDE, height=PLACEHOLDER_SIDE)
    small = small if small.hasalpha() else small.bandjoin(255)
    pixels = bytes(small.cast("uchar").write_to_memory())
    return {
        "width": width,
        "height": height,
        "placeholder": thumbhash(small.width, small.height, pixels).hex(),
        "animated": _frames(image) > 1,
    }


def render(content: bytes, width: int, form: str) -> bytes:
    """Return the file of a rendition."""
    image = _open(content)
    frames = _frames(image)
    if form == "webp" and frames > 1 and frames * width * width * image.height / image.width <= ANIMATION_PIXELS:
        moving = _saved(_shrunk(content, image, width, options="n=-1"), form)
        if len(moving) <= ANIMATION_BYTES:
            return moving
    return _saved(_shrunk(content, image, width), form)


def _saved(image: pyvips.Image, form: str) -> bytes:
    options = dict(SAVERS[form])
    if form == "jpg" and image.hasalpha():
        image = image.flatten(background=255)
    return bytes(image.write_to_buffer(options.pop("suffix"), keep="none", **options))


def _response(request: dict[str, Any], content: bytes) -> tuple[dict[str, Any], bytes]:
    try:
        if request["action"] == "describe":
            return describe(content), b""
        return {}, render(content, request["width"], request["format"])
    except RefusedError as error:
        code, detail = error.args
        return {"code": code, "detail": detail}, b""
    except (pyvips.Error, MemoryError):
        return {"code": "picture_broken", "detail": "The picture cannot be decoded"}, b""


def main() -> None:
    """Serve requests until the parent closes the connection."""
    pyvips.block_untrusted_set(True)  # noqa: FBT003 - the library's own signature
    # SVG is safe here: librsvg opens no other file for a document without an address, and the limits bound drawing.
    pyvips.operation_block_set("VipsForeignLoadSvg", False)  # noqa: FBT003 - as above
    pyvips.cache_set_max(0)
    resource.setrlimit(resource.RLIMIT_DATA, (MEMORY_BYTES, MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    with Connection(int(sys.argv[1])) as connection:
        connection.send_bytes(b"ready")
        while True:
            try:
                request, content = json.loads(connection.recv_bytes()), connection.recv_bytes()
            except EOFError:
                return
            signal.setitimer(signal.ITIMER_PROF, PROCESSOR_SECONDS)  # its signal kills the process
            response, made = _response(request, content)
            signal.setitimer(signal.ITIMER_PROF, 0)
            connection.send_bytes(json.dumps(response).encode())
            connection.send_bytes(made)


if __name__ == "__main__":
    main()
