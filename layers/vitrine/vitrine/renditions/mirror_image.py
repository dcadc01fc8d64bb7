"""What is shown is mirrored, and what nobody shows any more is withdrawn."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from vitrine.renditions.model import Original, digest_of, original_path, renditions_of, widths_of
from vitrine.renditions.ports import PictureBusy, RefusedPictureError

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from vitrine.renditions.model import Holder
    from vitrine.renditions.ports import Check, Codec, Edge, Fetch, Files, Holders, Holdings, Pictures, ShownPicture


_PAUSES_SECONDS: Final = (0.1, 0.2, 0.4, 0.8, 1.6, 3.2)


class Mirror(NamedTuple):
    """All that mirroring works with. `check` refuses what is no picture before it is decoded."""

    holders: Holders
    holdings: Holdings
    pictures: Pictures
    files: Files
    edge: Edge
    codec: Codec
    fetch: Fetch
    check: Check
    now: Callable[[], datetime]
    sleep: Callable[[float], None]


class Mirrored(NamedTuple):
    """What became of an image: the picture it refers to, why it has none, and what was withdrawn."""

    digest: str | None
    refused: RefusedPictureError | None
    withdrawn: list[str]


def mirror_image(mirror: Mirror, holder: Holder) -> Mirrored:
    """Bring copies and renditions to what the image shows now. Can be repeated and cut off anywhere.

    A picture is held before it is stored and let go only once no image refers to it, by one worker at a time
    for each image. Raises Busy where another worker stands in the way: call it again later.
    """
    with mirror.holdings.alone(holder) as held:
        refused = None
        shown = mirror.holders.find(holder)
        if shown and not _is_mirrored(mirror, shown, held):
            try:
                held.add(_copy(mirror, holder, shown.url, held))
            except RefusedPictureError as error:
                refused = error
            shown = mirror.holders.find(holder)
        original = shown.original if shown else None
        digest = original.digest if shown and original and original.url == shown.url else None
        withdrawn = [it for it in sorted(held - {digest}) if _let_go(mirror, holder, it)]
        return Mirrored(digest, refused, withdrawn)


def _is_mirrored(mirror: Mirror, shown: ShownPicture, held: set[str]) -> bool:
    original = shown.original
    return (
        original is not None
        and original.url == shown.url
        and original.digest in held
        and mirror.pictures.find(original.digest) is not None
    )


def _copy(mirror: Mirror, holder: Holder, url: str, held: set[str]) -> str:
    """The digest of a copy of the picture at `url`, which the image now refers to if it still shows that URL."""
    content = mirror.fetch(url)
    mirror.check(content)
    picture = mirror.codec.describe(content)
    if not widths_of(picture):
        raise RefusedPictureError("too_long", "The picture is too long for its width")
    digest = digest_of(holder.merchant_id, content)
    if digest not in held:
        mirror.holdings.add(holder, digest)
    mirror.pictures.hold(digest, holder, picture)
    mirror.files.write(original_path(digest), content, "application/octet-stream")
    mirror.holders.refer(holder, Original(digest, url, picture))
    return digest


def _let_go(mirror: Mirror, holder: Holder, digest: str) -> bool:
    """Whether the picture was withdrawn."""
    mirror.holders.forget(holder, digest)
    unused = mirror.pictures.let_go(digest, holder)
    if unused:
        _wait_for_makers(mirror, digest)
        mirror.files.delete([original_path(digest), *(it.path for it in renditions_of(digest, unused))])
        mirror.edge.invalidate(digest)
        mirror.holdings.note_withdrawal(holder, digest, mirror.now())
        mirror.pictures.remove(digest)  # last: whoever repeats this finds the picture closed and does all of it again
    mirror.holdings.drop(holder, digest)
    return unused is not None


def _wait_for_makers(mirror: Mirror, digest: str) -> None:
    """Raises Busy where a rendition that began before the picture was closed is not stored within some seconds."""
    for pause in _PAUSES_SECONDS:
        if not mirror.pictures.is_being_made(digest):
            return
        mirror.sleep(pause)
    raise PictureBusy
