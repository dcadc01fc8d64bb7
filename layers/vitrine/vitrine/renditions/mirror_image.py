"""Mirror the picture that an image shows; withdraw a picture that no image shows any more."""

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
    """The ports that mirroring needs. `check` refuses files that are no pictures before the codec sees them."""

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
    """The result for one image: the digest it refers to, why it has none, and the digests that were withdrawn."""

    digest: str | None
    refused: RefusedPictureError | None
    withdrawn: list[str]


def mirror_image(mirror: Mirror, holder: Holder) -> Mirrored:
    """Copy the picture that the image shows now, and release the pictures that it showed before.

    Safe to repeat, and to stop anywhere: a picture is held before it is stored and released only after the image
    stopped referring to it. One worker at a time handles an image. Raises PictureBusy while another worker is in the
    way: call again later.
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
        withdrawn = [other for other in sorted(held - {digest}) if _let_go(mirror, holder, other)]
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
    """Copy the picture at `url`, let the image refer to the copy if it still shows that URL, and return the digest."""
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
    """Release the picture, and withdraw it if this was its last holder; return whether it was withdrawn."""
    mirror.holders.forget(holder, digest)
    unused = mirror.pictures.let_go(digest, holder)
    if unused:
        _wait_for_makers(mirror, digest)
        renditions = (rendition.key for rendition in renditions_of(digest, unused))
        mirror.files.delete([original_path(digest), *renditions])
        mirror.edge.invalidate(digest)
        mirror.holdings.note_withdrawal(holder, digest, mirror.now())
        mirror.pictures.remove(digest)  # last, so that a retry finds the picture closed and repeats every step
    mirror.holdings.drop(holder, digest)
    return unused is not None


def _wait_for_makers(mirror: Mirror, digest: str) -> None:
    """Wait for renditions that were begun before the picture was closed. Raises PictureBusy after some seconds."""
    for pause in _PAUSES_SECONDS:
        if not mirror.pictures.is_being_made(digest):
            return
        mirror.sleep(pause)
    raise PictureBusy
