"""A gallery is made or changed."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from vitrine.galleries.model import Gallery
from vitrine.platform.problems import Conflict

if TYPE_CHECKING:
    from datetime import datetime

    from vitrine.galleries.model import Counting, GalleryKey, Policy
    from vitrine.galleries.ports import GalleryStore, Tasks


class PutGallery(NamedTuple):
    """The gallery now, and whether it is new."""

    gallery: Gallery
    created: bool


def put_gallery(  # noqa: PLR0913 - a gallery is what these say
    store: GalleryStore,
    tasks: Tasks,
    key: GalleryKey,
    title: str | None,
    policy: Policy,
    *,
    counting: Counting | None,
    now: datetime,
) -> PutGallery:
    """Make or change a gallery; a new policy orders its images again in the background.

    `counting` None keeps what the gallery has.

    Raises Conflict while a gallery of this id is being deleted.
    """
    gallery = Gallery(key, title, policy, now, counting=counting or "once_an_hour")
    if store.put_gallery(gallery):
        return PutGallery(gallery, created=True)
    before = store.find_gallery(key)
    if before and before.policy != policy:
        tasks.rank_again(key, policy)
    if before is None or before.deleting or not store.change_gallery(key, title, policy, counting):
        raise Conflict(f"Gallery {key.gallery_id} is being deleted. Try again in a moment.")
    after = store.find_gallery(key)
    return PutGallery(after or before, created=False)
