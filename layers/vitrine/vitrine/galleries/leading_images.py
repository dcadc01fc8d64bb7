"""Find out which images lead a gallery: those on the pages that readers look at."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from vitrine.galleries.model import RANKED_START

if TYPE_CHECKING:
    from vitrine.galleries.model import GalleryKey
    from vitrine.galleries.ports import GalleryRepository
    from vitrine.ranking.model import Version

_LEADERS = 100


class Leaders(NamedTuple):
    """The points that an image needs to be among the first hundred under a version. With fewer images it is 0."""

    version: Version
    least_points: int


def leading_images(repository: GalleryRepository, key: GalleryKey) -> list[Leaders]:
    """Return what it takes to lead under each version of a gallery; nothing if there is no such gallery."""
    gallery = repository.find_gallery(key)
    found = []
    for version in gallery.versions if gallery else ():
        images = repository.ranked_images(key, version, _LEADERS, RANKED_START).images
        last = images[-1].score(version) if len(images) == _LEADERS else None
        found.append(Leaders(version, last.points if last else 0))
    return found
