"""Create or change a gallery."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from vitrine.galleries.apply_rules import apply_rules, schedule_rules
from vitrine.galleries.change_ranking import change_ranking
from vitrine.galleries.model import new_gallery
from vitrine.galleries.read_gallery import find_gallery
from vitrine.platform.problems import Conflict, NotFound

if TYPE_CHECKING:
    from datetime import datetime

    from vitrine.galleries.model import Gallery, GalleryChanges, GalleryKey
    from vitrine.galleries.ports import GalleryRepository, Tasks


class SavedGallery(NamedTuple):
    """The saved gallery, and whether it is new."""

    gallery: Gallery
    created: bool


def put_gallery(
    repository: GalleryRepository, tasks: Tasks, key: GalleryKey, changes: GalleryChanges, *, now: datetime
) -> SavedGallery:
    """Create or change a gallery.

    In the background, a new ranking or other rules reorder its images, and a change of `mirror` mirrors or withdraws
    their pictures.

    Raises Conflict while a gallery with this id is being deleted or runs an experiment, Unavailable under contention.
    """
    gallery = new_gallery(key, now, changes)
    if "rules" in changes:
        schedule_rules(repository, key, gallery.rules, now=now)
    if repository.put_gallery(gallery):
        return SavedGallery(gallery, created=True)
    settings = changes.copy()
    ranking = settings.pop("ranking", None)
    try:
        if "mirror" in settings and settings["mirror"] != find_gallery(repository, key).mirror:
            tasks.mirror_images(key)
        if not repository.change_gallery(key, settings):
            raise Conflict(f"Gallery {key.gallery_id} is being deleted. Try again in a moment.")
        if ranking is not None:
            change_ranking(repository, tasks, key, ranking, reason="changed", now=now)
        if "rules" in settings:
            apply_rules(repository, tasks, key, now=now)
        return SavedGallery(find_gallery(repository, key), created=False)
    except NotFound as gone:
        raise Conflict(f"Gallery {key.gallery_id} is being deleted. Try again in a moment.") from gone
