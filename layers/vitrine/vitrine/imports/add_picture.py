"""Add an uploaded picture to its gallery."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from vitrine.galleries.model import Description, GalleryKey
from vitrine.galleries.put_images import ImageDraft, put_images
from vitrine.imports.model import LARGEST_PICTURE_BYTES, Refusal, image_id_of
from vitrine.imports.ports import RefusedUpload
from vitrine.platform.problems import NotFound

if TYPE_CHECKING:
    from collections.abc import Callable

    from vitrine.galleries.ports import GalleryRepository
    from vitrine.imports.model import PictureKey, StoredPicture
    from vitrine.imports.ports import Inspect, UploadedPictures


def add_picture(
    uploads: UploadedPictures,
    galleries: GalleryRepository,
    inspect: Inspect,
    key: PictureKey,
    *,
    new_incarnation: Callable[[], str],
) -> str:
    """Check the picture and make it an image of its gallery; return what became of it.

    Safe to repeat: the image is made once, and a repetition after it was deleted does not bring it back, because the
    upload is marked as added. Only another upload of the same picture does.
    """
    stored = uploads.find(key)
    if stored is None or stored.refusal or stored.is_added:
        return "done before"
    try:
        width, height = _checked(uploads, inspect, key, stored)
    except RefusedUpload as refused:
        uploads.refuse(key, refused.refusal)
        return refused.refusal.code
    gallery = GalleryKey(key.merchant_id, key.gallery_id)
    if not galleries.get_images(gallery, [key.image_id]):
        draft = ImageDraft(key.image_id, _description(stored, uploads.address_of(key), width, height))
        try:
            put_images(galleries, gallery, [draft], new_incarnation=new_incarnation)
        except NotFound:
            uploads.delete(key)
            return "gallery gone"
    uploads.note_added(key)
    return "added"


def _checked(uploads: UploadedPictures, inspect: Inspect, key: PictureKey, stored: StoredPicture) -> tuple[int, int]:
    """Return the picture's width and height. Raises RefusedUpload."""
    if stored.size > LARGEST_PICTURE_BYTES:
        raise RefusedUpload(Refusal("too_large", f"The picture has over {LARGEST_PICTURE_BYTES} bytes"))
    content = uploads.read(key)
    if image_id_of(hashlib.sha256(content).hexdigest()) != key.image_id:
        raise RefusedUpload(Refusal("other_content", "The upload has other content than was announced"))
    return inspect(content)


def _description(stored: StoredPicture, url: str, width: int, height: int) -> Description:
    return Description(name=stored.name, url=url, created_at=stored.created_at, width=width, height=height)
