"""Serve a rendition, making it at its first request."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from vitrine.platform.problems import NotFound, Unavailable
from vitrine.renditions.model import MEDIA_TYPES, original_path, widths_of
from vitrine.renditions.ports import RefusedPictureError

if TYPE_CHECKING:
    from collections.abc import Callable

    from vitrine.renditions.model import Rendition
    from vitrine.renditions.ports import Codec, Files, Pictures

PAUSES_SECONDS: Final = (0.05, 0.1, 0.2, 0.3, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5)


def make_rendition(
    pictures: Pictures, files: Files, codec: Codec, rendition: Rendition, sleep: Callable[[float], None]
) -> bytes:
    """Return the rendition's stored file; make and store it if there is none.

    One caller makes it while the others wait. Raises NotFound, and Unavailable if the wait takes too long.
    """
    for pause in (0.0, *PAUSES_SECONDS):
        sleep(pause)
        stored = files.read(rendition.key)
        if stored is not None:
            return stored
        picture = pictures.find(rendition.digest)
        if picture is None or rendition.width not in widths_of(picture):
            raise NotFound("There is no such picture.")
        if pictures.begin(rendition):
            return _make(pictures, files, codec, rendition)
    raise Unavailable("The picture is being made. Send the request again.", 1)


def _make(pictures: Pictures, files: Files, codec: Codec, rendition: Rendition) -> bytes:
    try:
        made = files.read(rendition.key)  # another caller may have stored it just before our lease began
        if made is None:
            content = files.read(original_path(rendition.digest))
            if content is None:
                raise NotFound("There is no such picture.")
            made = codec.render(content, rendition.width, rendition.format)
            files.write(rendition.key, made, MEDIA_TYPES[rendition.format])
    except RefusedPictureError as error:
        raise NotFound(f"No rendition can be made of this picture: {error.detail}.") from error
    finally:
        pictures.end(rendition)
    return made
