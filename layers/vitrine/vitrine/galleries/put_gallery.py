"""A gallery is made or changed."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from vitrine.galleries.model import Gallery
from vitrine.platform.problems import Conflict

if TYPE_CHECKING:
    from datetime import datetime

    from vitrine.galleries.model import GalleryChanges, GalleryKey
    from vitrine.galleries.ports import GalleryStore, Tasks


class PutGallery(NamedTuple):
    """The gallery now, and whether it is new."""

    gallery: Gallery
    created: bool


def put_gallery(
    store: GalleryStore, tasks: Tasks, key: GalleryKey, changes: GalleryChanges, *, now: datetime
) -> PutGallery:
    """Make or change a gallery; a new policy orders its images again in the background.

    Raises Conflict while a gallery of this id is being deleted.
    """
    gallery = replace(Gallery(key, None, "interest", now), **changes)
    if store.put_gallery(gallery):
        return PutGallery(gallery, created=True)
    before = store.find_gallery(key)
    policy = changes.get("policy")
    if before and policy and before.policy != policy:
        tasks.rank_again(key, policy)
    if before is None or before.deleting or not store.change_gallery(key, changes):
        raise Conflict(f"Gallery {key.gallery_id} is being deleted. Try again in a moment.")
    after = store.find_gallery(key)
    return PutGallery(after or before, created=False)
