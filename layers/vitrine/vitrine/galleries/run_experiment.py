"""Run experiments: two rankings, each for half of the visitors or both on one page."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from vitrine.galleries.change_ranking import plan_order
from vitrine.galleries.model import TEAMS, Experiment
from vitrine.galleries.read_gallery import find_gallery, image_pages
from vitrine.platform.problems import Conflict, NotFound
from vitrine.ranking.experiments import Arm, ExperimentResult, judge, judge_interleaved

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from vitrine.galleries.model import Gallery, GalleryKey
    from vitrine.galleries.ports import Counters, GalleryRepository, Tasks
    from vitrine.ranking.experiments import Mode
    from vitrine.ranking.model import Ranking


class ExperimentReport(NamedTuple):
    """The state of an experiment: what its arms' visitors did, the result, and the events that belong to no arm."""

    experiment: Experiment
    rankings: tuple[Ranking, Ranking]
    arms: tuple[Arm, Arm]
    result: ExperimentResult
    events_without_visitor: int


def start_experiment(  # noqa: PLR0913 - all of these define an experiment
    repository: GalleryRepository,
    tasks: Tasks,
    key: GalleryKey,
    experiment_id: str,
    arms: Sequence[Ranking],
    *,
    mode: Mode = "split",
    now: datetime,
) -> Gallery:
    """Compare the second ranking with the first, which must be the gallery's. Starting it again changes nothing.

    Visitors are split once the second order is complete. Raises NotFound; Conflict if another experiment is running,
    the gallery has another ranking or a lab, or its ranking is changing.
    """
    gallery = find_gallery(repository, key)
    first, second = arms
    running = gallery.experiment
    if running and gallery.next and running.experiment_id == experiment_id:
        if (gallery.live.ranking, gallery.next.ranking, running.mode) == (first, second, mode):
            return gallery
        raise Conflict(f"Experiment {experiment_id} is running with other arms or another mode. Delete it first.")
    if running or gallery.next:
        raise Conflict(
            f"Gallery {key.gallery_id} runs an experiment or is being reordered. Try again when that is done."
        )
    if gallery.live.ranking != first:
        raise Conflict("The first arm must be the gallery's present ranking.")
    if first.lab_share or second.lab_share:
        raise Conflict("A gallery with a lab cannot run an experiment. Set lab_share to 0 first.")
    version = gallery.following(second, now, f"experiment {experiment_id}")._replace(rules=gallery.live.rules)
    experiment = Experiment(experiment_id, version.number, now, gallery.totals, mode=mode)
    if not plan_order(repository, tasks, gallery, version, experiment):
        raise Conflict(f"Others are changing the ranking of gallery {key.gallery_id}. Try again in a moment.")
    return find_gallery(repository, key)


def read_experiment(
    repository: GalleryRepository, counters: Counters, key: GalleryKey, experiment_id: str
) -> ExperimentReport:
    """Return the state of an experiment, valid whenever it is read. Raises NotFound."""
    gallery = find_gallery(repository, key)
    experiment = gallery.experiment
    if experiment is None or gallery.next is None or experiment.experiment_id != experiment_id:
        raise NotFound(f"Gallery {key.gallery_id} has no experiment {experiment_id}.")
    if experiment.mode == "interleave":
        arms = repository.count_votes(key, experiment.arm(0))
        result = judge_interleaved(*arms)
    else:
        arms = repository.count_visits(key, experiment.arm(0)), repository.count_visits(key, experiment.arm(1))
        result = judge(*arms)
    named = _arm_events(repository, counters, key, experiment)
    return ExperimentReport(
        experiment,
        (gallery.live.ranking, gallery.next.ranking),
        arms,
        result,
        max(0, gallery.totals.events - experiment.totals.events - named),
    )


def _arm_events(repository: GalleryRepository, counters: Counters, key: GalleryKey, experiment: Experiment) -> int:
    events = 0
    for images in image_pages(repository, key):
        for counts in counters.read(images).values():
            events += sum(counts.arms[arm].events for arm in map(experiment.arm, TEAMS) if arm in counts.arms)
    return events


def end_experiment(  # noqa: PLR0913 - as above
    repository: GalleryRepository,
    counters: Counters,
    tasks: Tasks,
    key: GalleryKey,
    experiment_id: str,
    *,
    now: datetime,
) -> ExperimentReport:
    """End an experiment. The gallery takes the ranking that won; the first one if neither did.

    From then on, the events of both arms count for the order. Raises NotFound, Conflict.
    """
    report = read_experiment(repository, counters, key, experiment_id)
    gallery = find_gallery(repository, key)
    winner = report.rankings[report.result.decision == "second"]
    version = gallery.following(winner, now, f"experiment {experiment_id} ended")
    tasks.forget_visits(key, report.experiment.number)
    if gallery.experiment != report.experiment or not plan_order(repository, tasks, gallery, version):
        raise Conflict(f"Others are changing the ranking of gallery {key.gallery_id}. Try again in a moment.")
    return report
