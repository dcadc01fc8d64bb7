"""Two rankings are tried on visitors, each on half of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from vitrine.galleries.change_ranking import plan_order
from vitrine.galleries.model import Experiment
from vitrine.galleries.read_gallery import find_gallery
from vitrine.platform.problems import Conflict, NotFound
from vitrine.ranking.experiments import Arm, ExperimentResult, judge

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from vitrine.galleries.model import Gallery, GalleryKey
    from vitrine.galleries.ports import Counters, GalleryRepository, Tasks
    from vitrine.ranking.model import Ranking

_PAGE = 100


class Standing(NamedTuple):
    """How an experiment stands: what its arms' visitors did, what follows, and events that named no visitor."""

    experiment: Experiment
    rankings: tuple[Ranking, Ranking]
    arms: tuple[Arm, Arm]
    verdict: ExperimentResult
    events_without_visitor: int


def start_experiment(  # noqa: PLR0913 - an experiment is what these say
    repository: GalleryRepository,
    tasks: Tasks,
    key: GalleryKey,
    experiment_id: str,
    arms: Sequence[Ranking],
    *,
    now: datetime,
) -> Gallery:
    """Try the second ranking beside the first, which the gallery has. Starting again what runs changes nothing.

    Visitors are let in once the second order is made. Raises NotFound, Conflict where another experiment runs, the
    gallery has another ranking, or has a lab.
    """
    gallery = find_gallery(repository, key)
    first, second = arms
    running = gallery.experiment
    if running and gallery.next and running.experiment_id == experiment_id:
        if (gallery.live.ranking, gallery.next.ranking) == (first, second):
            return gallery
        raise Conflict(f"Experiment {experiment_id} runs with other arms.")
    if running or gallery.next:
        raise Conflict(f"Gallery {key.gallery_id} tries or makes another order. Try again when that is done.")
    if gallery.live.ranking != first:
        raise Conflict("The first arm must be the ranking that the gallery has.")
    if first.lab_share or second.lab_share:
        raise Conflict("An experiment needs a gallery without a lab.")
    version = gallery.following(second, now, f"experiment {experiment_id}")
    experiment = Experiment(experiment_id, version.number, now, gallery.totals)
    if not plan_order(repository, tasks, gallery, version, experiment):
        raise Conflict(f"Others are changing the ranking of gallery {key.gallery_id}. Try again in a moment.")
    return find_gallery(repository, key)


def read_experiment(repository: GalleryRepository, counters: Counters, key: GalleryKey, experiment_id: str) -> Standing:
    """How an experiment stands, valid whenever looked at. Raises NotFound."""
    gallery = find_gallery(repository, key)
    experiment = gallery.experiment
    if experiment is None or gallery.next is None or experiment.experiment_id != experiment_id:
        raise NotFound(f"Gallery {key.gallery_id} has no experiment {experiment_id}.")
    first, second = (repository.count_visits(key, experiment.arm(at)) for at in (0, 1))
    named = _events_of_arms(repository, counters, key, experiment)
    return Standing(
        experiment,
        (gallery.live.ranking, gallery.next.ranking),
        (first, second),
        judge(first, second),
        max(0, gallery.totals.events - experiment.totals.events - named),
    )


def _events_of_arms(repository: GalleryRepository, counters: Counters, key: GalleryKey, experiment: Experiment) -> int:
    events, after = 0, None
    while True:
        images = repository.stored_images(key, _PAGE, after)
        for counts in counters.read(images).values():
            events += sum(counts.arms[arm].events for at in (0, 1) if (arm := experiment.arm(at)) in counts.arms)
        if len(images) < _PAGE:
            return events
        after = images[-1].image_id


def end_experiment(  # noqa: PLR0913 - as above
    repository: GalleryRepository,
    counters: Counters,
    tasks: Tasks,
    key: GalleryKey,
    experiment_id: str,
    *,
    now: datetime,
) -> Standing:
    """End an experiment: the gallery takes the ranking that won, its first one where neither did.

    All that was counted makes the order from then on. Raises NotFound, Conflict.
    """
    standing = read_experiment(repository, counters, key, experiment_id)
    gallery = find_gallery(repository, key)
    winner = standing.rankings[standing.verdict.decision == "second"]
    version = gallery.following(winner, now, f"experiment {experiment_id} ended")
    tasks.forget_visits(key, standing.experiment.number)
    if gallery.experiment != standing.experiment or not plan_order(repository, tasks, gallery, version):
        raise Conflict(f"Others are changing the ranking of gallery {key.gallery_id}. Try again in a moment.")
    return standing
