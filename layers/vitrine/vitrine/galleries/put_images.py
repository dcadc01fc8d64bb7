"""Create images, or replace their descriptions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple

from vitrine.galleries.model import Counts, Image, score_under
from vitrine.galleries.ports import COMMIT_LIMIT, StaleGallery
from vitrine.galleries.read_gallery import find_gallery
from vitrine.platform.retries import retry

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from vitrine.galleries.model import Description, Gallery, GalleryKey
    from vitrine.galleries.ports import GalleryRepository


class ImageDraft(NamedTuple):
    """An image as a merchant sends it."""

    image_id: str
    description: Description


class SavedImage(NamedTuple):
    """The outcome of a draft."""

    image_id: str
    status: Literal["created", "updated"]


def put_images(
    repository: GalleryRepository, key: GalleryKey, drafts: Sequence[ImageDraft], *, new_incarnation: Callable[[], str]
) -> list[SavedImage]:
    """Create images or replace their descriptions; return the outcomes in the drafts' order. Ids must be unique.

    An existing image keeps its totals, its pin and its `hidden` flag; an unchanged one is not written. Each image is
    created once and counted once in its gallery, however often this is repeated. Raises NotFound for an unknown
    gallery, Unavailable under contention.
    """
    gallery = find_gallery(repository, key)
    results: list[SavedImage] = []
    for start in range(0, len(drafts), COMMIT_LIMIT):
        results += _put_some(repository, gallery, drafts[start : start + COMMIT_LIMIT], new_incarnation)
    return results


def _put_some(
    repository: GalleryRepository, gallery: Gallery, drafts: Sequence[ImageDraft], new_incarnation: Callable[[], str]
) -> list[SavedImage]:
    def attempt() -> list[SavedImage]:
        nonlocal gallery
        present = repository.get_images(gallery.key, [draft.image_id for draft in drafts])
        if gallery.is_older_than(present.values()):
            gallery = find_gallery(repository, gallery.key)
        created = [_new_image(gallery, draft, new_incarnation()) for draft in drafts if draft.image_id not in present]
        changed = [
            image.described(draft.description, gallery.versions)
            for draft in drafts
            if (image := present.get(draft.image_id)) and image.description != draft.description
        ]
        try:
            if created or changed:
                repository.commit_images(gallery, created, changed)
        except StaleGallery:
            gallery = find_gallery(repository, gallery.key)
            raise
        return [SavedImage(draft.image_id, "updated" if draft.image_id in present else "created") for draft in drafts]

    return retry(attempt, refusal="Others are changing these images. Send the request again.")


def _new_image(gallery: Gallery, draft: ImageDraft, incarnation: str) -> Image:
    scores = tuple(score_under(version, draft.description, Counts(), 0) for version in gallery.versions)
    return Image(gallery.key, draft.image_id, draft.description, incarnation, scores)
