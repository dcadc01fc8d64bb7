"""Change a gallery's ranking: plan a version, make its order beside the live one, then make it the live one."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from vitrine.galleries.change_image import change_image
from vitrine.galleries.model import Counts, is_prior_off
from vitrine.galleries.read_gallery import find_gallery
from vitrine.platform.problems import Conflict, NotFound, Unavailable
from vitrine.platform.retries import Superseded, retry

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from vitrine.galleries.model import Experiment, Gallery, GalleryKey, Image
    from vitrine.galleries.ports import Counters, GalleryRepository, Tasks
    from vitrine.ranking.model import Ranking, Version

_PAGE = 100


def change_ranking(  # noqa: PLR0913 - all of these define a change
    repository: GalleryRepository, tasks: Tasks, key: GalleryKey, ranking: Ranking, *, reason: str, now: datetime
) -> Gallery:
    """Order the gallery by another ranking. Readers see the old order until the new one is complete.

    Choosing the present ranking again changes nothing. Raises NotFound, Conflict during an experiment, Unavailable
    under contention.
    """

    def attempt() -> Gallery:
        gallery = find_gallery(repository, key)
        if gallery.experiment is not None:
            raise Conflict(f"An experiment is running in gallery {key.gallery_id}. Delete it first.")
        if gallery.wanted.ranking == ranking:
            return gallery
        if not plan_order(repository, tasks, gallery, gallery.following(ranking, now, reason)):
            raise Superseded
        return find_gallery(repository, key)

    return retry(
        attempt, refusal=f"Others are changing the ranking of gallery {key.gallery_id}. Try again in a moment."
    )


def restore_version(
    repository: GalleryRepository, tasks: Tasks, key: GalleryKey, number: int, *, now: datetime
) -> Gallery:
    """Order the gallery by the ranking of an earlier version, as a new version. Raises as `change_ranking`."""
    find_gallery(repository, key)
    version = repository.find_version(key, number)
    if version is None:
        raise NotFound(f"Gallery {key.gallery_id} has no ranking version {number}.")
    return change_ranking(repository, tasks, key, version.ranking, reason=f"restored from {number}", now=now)


def fit_prior(repository: GalleryRepository, tasks: Tasks, key: GalleryKey, *, now: datetime) -> None:
    """Refit the prior as a new version, if it is off."""
    gallery = repository.find_gallery(key)
    if gallery and not gallery.deleting and is_prior_off(gallery):
        plan_order(repository, tasks, gallery, gallery.following(gallery.live.ranking, now, "prior fitted again"))


def plan_order(
    repository: GalleryRepository,
    tasks: Tasks,
    gallery: Gallery,
    version: Version,
    experiment: Experiment | None = None,
) -> bool:
    """Plan a version, perhaps for an experiment, and send the task that makes its order.

    Return False if the gallery changed meanwhile. The task is sent before the version is planned, so that a crash in
    between loses no order, and again afterwards: a worker that receives the first one too early returns it to the
    queue, where it waits.
    """
    tasks.make_order(gallery.key, version.number)
    is_planned = repository.plan_version(gallery, version, experiment)
    if is_planned:
        tasks.make_order(gallery.key, version.number)
    return is_planned


class OrderMaker(NamedTuple):
    """Makes the order of a gallery's next version beside the live one."""

    repository: GalleryRepository
    counters: Counters
    tasks: Tasks

    def make(
        self, key: GalleryKey, number: int, after: str | None, time_is_left: Callable[[], bool], *, now: datetime
    ) -> str | None:
        """Score images after the id `after` under the gallery's next version; return the id to continue after.

        Return None if nothing is left to do: all images are scored and the version is live, or the gallery has
        planned another version, which has its own task. Raises Unavailable if the version is not planned yet.
        """
        at = int(now.timestamp())
        while time_is_left():
            gallery = self.repository.find_gallery(key)
            if gallery is None:
                return None
            if number > gallery.wanted.number:
                raise Unavailable(f"Ranking version {number} is not planned yet.", 1)
            if gallery.next is None or gallery.next.number != number:
                return None
            if gallery.next_waits and not self.repository.start_scoring(gallery, gallery.next):
                continue
            version = replace(gallery, next_waits=False).versions[1]
            images = self.repository.stored_images(key, _PAGE, after)
            counts = self.counters.read(images)
            scored = [image.scored(version, counts.get(image.image_id, Counts()), at) for image in images]
            for image_id in self.repository.save_images(scored):
                self._score(key, image_id, version, at)
            if len(images) < _PAGE:
                if gallery.experiment is not None:
                    self.repository.open_experiment(gallery, gallery.experiment)
                    return None
                self.tasks.forget_order(key, gallery.live.number)
                self.repository.promote_version(gallery, gallery.next)
                return None
            after = images[-1].image_id
        return after

    def _score(self, key: GalleryKey, image_id: str, version: Version, at: int) -> None:
        """Score an image that changed meanwhile. Its counts are read after the image."""

        def scored(image: Image) -> Image:
            if image.newest_version > version.number:
                return image
            return image.scored(version, self.counters.read([image]).get(image.image_id, Counts()), at)

        with suppress(NotFound):
            change_image(self.repository, key, image_id, scored)


def forget_order(
    repository: GalleryRepository, key: GalleryKey, number: int, after: str | None, time_is_left: Callable[[], bool]
) -> str | None:
    """Remove the scores of a retired version from images after the id `after`; return the id to continue after."""
    while time_is_left():
        gallery = repository.find_gallery(key)
        if gallery is None or number in {version.number for version in gallery.versions}:
            return None
        if gallery.retired and gallery.retired.number == number:
            repository.forget_retired(key, gallery.retired)
        images = repository.stored_images(key, _PAGE, after)
        for image in images:
            with suppress(NotFound):
                change_image(repository, key, image.image_id, lambda current: current.without_score(number))
        if len(images) < _PAGE:
            return None
        after = images[-1].image_id
    return after
