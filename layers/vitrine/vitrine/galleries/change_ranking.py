"""A gallery's ranking changes: a version is planned, its order made beside the live one, and then read."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, NamedTuple

from vitrine.galleries.change_image import change_image
from vitrine.galleries.model import Counts, is_prior_off
from vitrine.galleries.read_gallery import find_gallery
from vitrine.platform.problems import Conflict, NotFound, Unavailable

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from vitrine.galleries.model import Experiment, Gallery, GalleryKey, Image
    from vitrine.galleries.ports import Counters, GalleryRepository, Tasks
    from vitrine.ranking.model import Ranking, Version

_ATTEMPTS = 5
_PAGE = 100


def change_ranking(  # noqa: PLR0913 - a change is what these say
    repository: GalleryRepository, tasks: Tasks, key: GalleryKey, ranking: Ranking, *, reason: str, now: datetime
) -> Gallery:
    """Order the gallery otherwise: readers see the order as it is until the new one is whole.

    A ranking that was chosen already changes nothing. Raises NotFound, Conflict while others change it.
    """
    for _ in range(_ATTEMPTS):
        gallery = find_gallery(repository, key)
        if gallery.experiment is not None:
            raise Conflict(f"An experiment runs in gallery {key.gallery_id}. Delete it first.")
        if gallery.wanted.ranking == ranking:
            return gallery
        if plan_order(repository, tasks, gallery, gallery.following(ranking, now, reason)):
            return find_gallery(repository, key)
    raise Conflict(f"Others are changing the ranking of gallery {key.gallery_id}. Try again in a moment.")


def restore_version(
    repository: GalleryRepository, tasks: Tasks, key: GalleryKey, number: int, *, now: datetime
) -> Gallery:
    """Order the gallery as an earlier version did, under a new number. Raises NotFound, Conflict."""
    find_gallery(repository, key)
    version = repository.find_version(key, number)
    if version is None:
        raise NotFound(f"Gallery {key.gallery_id} has no ranking version {number}.")
    return change_ranking(repository, tasks, key, version.ranking, reason=f"restored from {number}", now=now)


def fit_prior(repository: GalleryRepository, tasks: Tasks, key: GalleryKey, *, now: datetime) -> None:
    """Fit the prior again where it is off, as a new version."""
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
    """Plan a version, perhaps for an experiment, and have its order made; False if the gallery changed meanwhile.

    The task is sent before the version is planned, so that a crash in between loses no order, and again after it:
    a worker that took the first one too early gives it back to its queue, where it waits.
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
        """Score images behind the id `after` under the gallery's next version; returns where to go on.

        None when there is nothing left to do: all images have their scores and the version is live, or the gallery
        plans another one by now, which has a task of its own. Raises Unavailable if the version is not planned yet.
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
            version = gallery.versions[1]
            images = self.repository.stored_images(key, _PAGE, after)
            counts = self.counters.read(images)
            scored = [it.scored(version, counts.get(it.image_id, Counts()), at) for it in images]
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
        """Score an image that changes meanwhile, by what is counted once it is read."""

        def scored(image: Image) -> Image:
            if image.newest_version > version.number:
                return image
            return image.scored(version, self.counters.read([image]).get(image.image_id, Counts()), at)

        with suppress(NotFound):
            change_image(self.repository, key, image_id, scored)


def forget_order(
    repository: GalleryRepository, key: GalleryKey, number: int, after: str | None, time_is_left: Callable[[], bool]
) -> str | None:
    """Remove the scores of a retired version from images behind the id `after`; returns where to go on."""
    while time_is_left():
        gallery = repository.find_gallery(key)
        if gallery is None or number in {it.number for it in gallery.versions}:
            return None
        if gallery.retired and gallery.retired.number == number:
            repository.forget_retired(key, gallery.retired)
        images = repository.stored_images(key, _PAGE, after)
        for image in images:
            with suppress(NotFound):
                change_image(repository, key, image.image_id, lambda stands: stands.without_score(number))
        if len(images) < _PAGE:
            return None
        after = images[-1].image_id
    return after
