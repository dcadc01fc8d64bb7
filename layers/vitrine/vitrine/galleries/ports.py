"""What galleries need from outside."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol

from vitrine.platform.retries import Superseded

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
        Suspect,
    )
    from vitrine.ranking.experiments import Arm
    from vitrine.ranking.interleaving import Team
    from vitrine.ranking.model import Version


class StaleImages(Superseded):
    """Images changed after they were read; nothing was written."""


class StaleGallery(Superseded):
    """The gallery changed or was deleted after it was read; nothing was written."""


class ImageRange(NamedTuple):
    """Images in the order of their ranks. `cut`: there are more, whether or not the limit was reached."""

    images: list[Image]
    cut: bool


class GalleryRepository(Protocol):
    """Stores galleries and images."""

    def put_gallery(self, gallery: Gallery) -> bool:
        """Store a new gallery; return False if it exists already."""

    def change_gallery(self, key: GalleryKey, changes: GalleryChanges) -> bool:
        """Apply changes; return False if the gallery does not exist or is being deleted."""

    def plan_version(self, gallery: Gallery, version: Version, experiment: Experiment | None) -> bool:
        """Make a version the next one and return True, if the gallery still has the versions that were read.

        The version waits. With an experiment, it is its second arm; without one, a running experiment ends.
        """

    def start_scoring(self, gallery: Gallery, version: Version) -> bool:
        """Let images be scored under the next version; return False if it is not the next one."""

    def open_experiment(self, gallery: Gallery, experiment: Experiment) -> bool:
        """Start splitting visitors between the arms; return False if the gallery has no such experiment any more."""

    def add_visit(
        self, key: GalleryKey, arm: str, visitor: str, clicks: Collection[bytes], vote: Team | None = None
    ) -> None:
        """Store a visitor of an arm and the marks of clicks, and the vote unless they have one. Idempotent."""

    def count_visits(self, key: GalleryKey, arm: str) -> Arm:
        """Count what the visitors of an arm did."""

    def count_votes(self, key: GalleryKey, arm: str) -> tuple[Arm, Arm]:
        """Count what visitors of interleaved pages did, all stored under `arm`; each mark ends in its arm's byte.

        Both arms have all visitors. The clickers of an arm are those who voted for it.
        """

    def forget_visits(self, key: GalleryKey, arm: str) -> None:
        """Delete the visitors of an arm."""

    def promote_version(self, gallery: Gallery, version: Version) -> bool:
        """Make the next version the live one and retire the present one; return False if it is not the next one."""

    def forget_retired(self, key: GalleryKey, version: Version) -> bool:
        """Remove a retired version from the gallery; return False if it is not retired."""

    def add_suspect(self, key: GalleryKey, suspect: Suspect) -> None:
        """Store a suspect of an existing gallery, unless the visitor is stored already or trusted."""

    def list_suspects(self, key: GalleryKey) -> Sequence[Suspect]:
        """Return up to 1,000 suspects, including trusted ones."""

    def trust_suspect(self, key: GalleryKey, visitor: str) -> bool:
        """Let a suspect's later events count in rates again; return False if there is no such suspect."""

    def schedule_rules(self, key: GalleryKey, moments: Iterable[datetime]) -> None:
        """Store moments at which the gallery's merchandising rules change. Idempotent."""

    def due_rules(self, now: datetime, limit: int) -> Sequence[tuple[datetime, GalleryKey]]:
        """Return up to `limit` stored moments that have come, with their galleries, the earliest first."""

    def unschedule_rules(self, due: Iterable[tuple[datetime, GalleryKey]]) -> None:
        """Delete stored moments. Idempotent."""

    def list_versions(self, key: GalleryKey, limit: int, before: int | None) -> Sequence[Version]:
        """Return up to `limit` versions with numbers below `before`, latest first."""

    def find_version(self, key: GalleryKey, number: int) -> Version | None:
        """Return a present or past version of the gallery."""

    def find_gallery(self, key: GalleryKey) -> Gallery | None:
        """Return the gallery (a consistent read), or None."""

    def find_galleries(self, keys: Collection[GalleryKey]) -> Mapping[GalleryKey, Gallery]:
        """Return those of the galleries that exist."""

    def list_galleries(self, merchant_id: str, limit: int, after: str | None) -> Sequence[Gallery]:
        """Return up to `limit` galleries in the order of their ids, starting after `after`."""

    def mark_deleting(self, key: GalleryKey) -> bool:
        """Mark the gallery for deletion, which refuses all other writes; return False if it does not exist."""

    def drop_gallery(self, key: GalleryKey) -> None:
        """Delete the gallery's own record, if it is marked for deletion and has no images."""

    def get_images(self, key: GalleryKey, image_ids: Iterable[str]) -> Mapping[str, Image]:
        """Return those of the images that exist (a consistent read)."""

    def ranked_images(self, key: GalleryKey, version: Version, limit: int, after: str) -> ImageRange:
        """Return up to `limit` images by their rank under a version, after the rank `after`: one query."""

    def pinned_images(self, key: GalleryKey, version: Version, limit: int, after: str) -> ImageRange:
        """Return up to `limit` pinned images by their rank under a version, after the rank `after`: one query."""

    def stored_images(self, key: GalleryKey, limit: int, after: str | None) -> Sequence[Image]:
        """Return up to `limit` images by id, including hidden ones, after the id `after` (a consistent read)."""

    def commit_images(self, gallery: Gallery, created: Sequence[Image], changed: Sequence[Image]) -> None:
        """Write all images or none, at most `COMMIT_LIMIT`, and count the created ones in the gallery.

        Created images must be new and have scores under the gallery's versions. Raises StaleImages if a created image
        exists or a changed one was changed since it was read; StaleGallery if the gallery has other versions, was
        deleted or is being deleted.
        """

    def save_images(self, images: Sequence[Image]) -> set[str]:
        """Write each image that is unchanged since it was read; return the ids of the others."""

    def delete_image(self, image: Image) -> None:
        """Delete an image that is unchanged since it was read, and subtract it from its gallery. Raises StaleImages."""

    def advance_totals(self, gallery: Gallery, settlement: Settlement) -> None:
        """Add the increase and store what is settling, if the gallery still has its revision. Raises StaleGallery."""

    def list_hours(self, gallery: Gallery, first: datetime, end: datetime) -> Sequence[CountedHour]:
        """Return the increases of the gallery's totals by hour, from the hour of `first` until `end`."""

    def clear_settled(self, key: GalleryKey, settled: Sequence[Counted]) -> None:
        """Remove what was settling, if it still is as in `settled`."""


COMMIT_LIMIT = 99


class Counters(Protocol):
    """What galleries need from counting."""

    def close(self, image: Image) -> None:
        """Refuse further events for this incarnation of the image."""

    def read(self, images: Sequence[Image]) -> Mapping[str, Counts]:
        """Return the counts by image id; no entry for images without events."""


class Tasks(Protocol):
    """Sends background tasks."""

    def delete_gallery(self, key: GalleryKey) -> None:
        """Delete all images of a gallery marked for deletion, then the gallery."""

    def fit_prior(self, key: GalleryKey) -> None:
        """Refit the prior of a gallery's ranking, if it is off."""

    def apply_rules(self, key: GalleryKey) -> None:
        """Reorder a gallery if other merchandising rules are in force now."""

    def forget_visits(self, key: GalleryKey, number: int) -> None:
        """Delete the visitors of an experiment, once no more are recorded. `number` is its second arm's version."""

    def mirror_images(self, key: GalleryKey) -> None:
        """Mirror or withdraw the picture of every image, as the gallery's `mirror` says then.

        The task begins later than any request can last, so it is sent before the gallery is changed.
        """

    def make_order(self, key: GalleryKey, version: int) -> None:
        """Score all images under the gallery's next version, then make it the live one."""

    def forget_order(self, key: GalleryKey, version: int) -> None:
        """Remove the scores of a retired version, once its readers had time to finish."""
