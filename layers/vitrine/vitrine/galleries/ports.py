"""What the galleries need from stores and from counting."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from vitrine.galleries.model import Counted, Gallery, GalleryChanges, GalleryKey, Image, Policy, Settlement, Totals


class StaleImages(Exception):
    """Images changed since they were read; nothing was written."""


class StaleGallery(Exception):
    """The gallery changed or is gone since it was read; nothing was written."""


class Run(NamedTuple):
    """Images in the order of their ranks. `cut` when there are more, whether or not `limit` is reached."""

    images: list[Image]
    cut: bool


class GalleryStore(Protocol):
    """Galleries and images."""

    def put_gallery(self, gallery: Gallery) -> bool:
        """Store a new gallery; False when there is one."""
        ...

    def change_gallery(self, key: GalleryKey, changes: GalleryChanges) -> bool:
        """Set what `changes` say; False when there is no gallery, or it is being deleted."""
        ...

    def find_gallery(self, key: GalleryKey) -> Gallery | None:
        """The gallery, read consistently."""
        ...

    def find_galleries(self, keys: Collection[GalleryKey]) -> Mapping[GalleryKey, Gallery]:
        """The galleries there are of these."""
        ...

    def list_galleries(self, merchant_id: str, limit: int, after: str | None) -> Sequence[Gallery]:
        """Up to `limit` galleries by id, after the id `after`."""
        ...

    def mark_deleting(self, key: GalleryKey) -> bool:
        """Close the gallery to all but its deletion; False when there is none."""
        ...

    def drop_gallery(self, key: GalleryKey) -> None:
        """Remove the gallery's own record, if it is marked and has no images."""
        ...

    def get_images(self, key: GalleryKey, image_ids: Iterable[str]) -> Mapping[str, Image]:
        """The images there are of these, read consistently."""
        ...

    def ranked_images(self, key: GalleryKey, limit: int, after: str) -> Run:
        """Up to `limit` images by rank, behind the rank `after`: one query."""
        ...

    def pinned_images(self, key: GalleryKey, limit: int, after: str) -> Run:
        """Up to `limit` pinned images by rank, behind the rank `after`: one query."""
        ...

    def stored_images(self, key: GalleryKey, limit: int, after: str | None) -> Sequence[Image]:
        """Up to `limit` images by id, hidden ones too, after the id `after`, read consistently."""
        ...

    def commit_images(self, key: GalleryKey, created: Sequence[Image], changed: Sequence[Image]) -> None:
        """Write all or nothing, at most `COMMIT_LIMIT` images, and count the created ones in the gallery.

        Created ones must not exist and have the gallery's policy; changed ones must stand as they were read.
        Raises StaleImages, or StaleGallery when the gallery has another policy, is gone or is being deleted.
        """
        ...

    def save_images(self, images: Sequence[Image]) -> set[str]:
        """Write each image that stands as it was read; answers the ids of those that do not."""
        ...

    def delete_image(self, image: Image) -> None:
        """Remove an image that stands as it was read and count it out of its gallery. Raises StaleImages."""
        ...

    def advance_totals(self, gallery: Gallery, settlement: Settlement) -> None:
        """Add the increase and note what is settling, if the gallery stands at its revision. Raises StaleGallery."""
        ...

    def clear_settled(self, key: GalleryKey, settled: Sequence[Counted]) -> None:
        """Forget what was settling, where it still is what `settled` says."""
        ...


COMMIT_LIMIT = 99


class Counters(Protocol):
    """What the galleries ask of counting."""

    def close(self, image: Image) -> None:
        """Take no more events for this incarnation of the image."""
        ...

    def read(self, images: Sequence[Image]) -> Mapping[str, Totals]:
        """What was counted, by image id; nothing for images never counted."""
        ...


class Tasks(Protocol):
    """Work that goes on after the answer."""

    def delete_gallery(self, key: GalleryKey) -> None:
        """Remove all images of a gallery that is marked, then itself."""
        ...

    def rank_again(self, key: GalleryKey, policy: Policy) -> None:
        """Give all images the gallery's policy."""
        ...
