"""What the galleries need from stores and from counting."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence
    from datetime import datetime

    from vitrine.galleries.model import (
        Counted,
        CountedHour,
        Counts,
        Experiment,
        Gallery,
        GalleryChanges,
        GalleryKey,
        Image,
        Settlement,
    )
    from vitrine.ranking.experiments import Arm
    from vitrine.ranking.model import Version


class StaleImages(Exception):
    """Images changed since they were read; nothing was written."""


class StaleGallery(Exception):
    """The gallery changed or is gone since it was read; nothing was written."""


class ImageRange(NamedTuple):
    """Images in the order of their ranks. `cut` when there are more, whether or not `limit` is reached."""

    images: list[Image]
    cut: bool


class GalleryRepository(Protocol):
    """Galleries and images."""

    def put_gallery(self, gallery: Gallery) -> bool:
        """Store a new gallery; False when there is one."""
        ...

    def change_gallery(self, key: GalleryKey, changes: GalleryChanges) -> bool:
        """Set what `changes` say; False when there is no gallery, or it is being deleted."""
        ...

    def plan_version(self, gallery: Gallery, version: Version, experiment: Experiment | None) -> bool:
        """Make a version the next one, if the gallery still has the versions that were read; whether it did.

        With an experiment it is its second arm; without one an experiment that runs ends.
        """
        ...

    def open_experiment(self, gallery: Gallery, experiment: Experiment) -> bool:
        """Let visitors into an experiment, if the gallery still has it; whether it did."""
        ...

    def add_visit(self, key: GalleryKey, arm: str, visitor: str, clicks: Collection[bytes]) -> None:
        """Note that a visitor came to an arm, and the marks of clicks; noting them again changes nothing."""
        ...

    def count_visits(self, key: GalleryKey, arm: str) -> Arm:
        """What the visitors of an arm did."""
        ...

    def forget_visits(self, key: GalleryKey, arm: str) -> None:
        """Remove what visitors of an arm did."""
        ...

    def promote_version(self, gallery: Gallery, version: Version) -> bool:
        """Make the next version the live one and retire the one before; False where it is not the next one."""
        ...

    def forget_retired(self, key: GalleryKey, version: Version) -> bool:
        """Let nobody read a retired version any more; False where it is not retired."""
        ...

    def list_versions(self, key: GalleryKey, limit: int, before: int | None) -> Sequence[Version]:
        """Up to `limit` versions, the latest first, below the number `before`."""
        ...

    def find_version(self, key: GalleryKey, number: int) -> Version | None:
        """A version that the gallery has or had."""
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

    def ranked_images(self, key: GalleryKey, version: Version, limit: int, after: str) -> ImageRange:
        """Up to `limit` images by their rank under a version, behind the rank `after`: one query."""
        ...

    def pinned_images(self, key: GalleryKey, version: Version, limit: int, after: str) -> ImageRange:
        """Up to `limit` pinned images by their rank under a version, behind the rank `after`: one query."""
        ...

    def stored_images(self, key: GalleryKey, limit: int, after: str | None) -> Sequence[Image]:
        """Up to `limit` images by id, hidden ones too, after the id `after`, read consistently."""
        ...

    def commit_images(self, gallery: Gallery, created: Sequence[Image], changed: Sequence[Image]) -> None:
        """Write all or nothing, at most `COMMIT_LIMIT` images, and count the created ones in the gallery.

        Created ones must not exist and have scores under the gallery's versions; changed ones must stand as they were
        read. Raises StaleImages, or StaleGallery when the gallery has other versions, is gone or is being deleted.
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

    def list_hours(self, gallery: Gallery, first: datetime, end: datetime) -> Sequence[CountedHour]:
        """What the gallery's totals took in, hour by hour: those of `first` and after, begun before `end`."""
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

    def read(self, images: Sequence[Image]) -> Mapping[str, Counts]:
        """What was counted, by image id; nothing for images never counted."""
        ...


class Tasks(Protocol):
    """Work that goes on after the answer."""

    def delete_gallery(self, key: GalleryKey) -> None:
        """Remove all images of a gallery that is marked, then itself."""
        ...

    def fit_prior(self, key: GalleryKey) -> None:
        """Fit the prior of a gallery's ranking again, if it is off."""
        ...

    def forget_visits(self, key: GalleryKey, number: int) -> None:
        """Remove what visitors did in the experiment of a version, once nobody notes more."""
        ...

    def make_order(self, key: GalleryKey, version: int) -> None:
        """Score all images under the gallery's next version, then make it the live one."""
        ...

    def forget_order(self, key: GalleryKey, version: int) -> None:
        """Remove the scores of a retired version, once nobody pages through it any more."""
        ...
