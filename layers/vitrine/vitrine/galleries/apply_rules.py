"""Let merchandising rules start and end: reorder a gallery when the rules in force change."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from vitrine.galleries.change_ranking import plan_order
from vitrine.platform.retries import Superseded, retry
from vitrine.ranking.merchandising import active_rules, changes_after

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from datetime import datetime

    from vitrine.galleries.model import GalleryKey
    from vitrine.galleries.ports import GalleryRepository, Tasks
    from vitrine.ranking.merchandising import Rule

_AT_ONCE = 100
_SAVED_WITHIN = timedelta(minutes=1)


def schedule_rules(repository: GalleryRepository, key: GalleryKey, rules: Iterable[Rule], *, now: datetime) -> None:
    """Store when these rules start and end, and a moment shortly after now, by which they are saved.

    So a crash between saving and applying them loses nothing. Moments of rules that are replaced later do no harm:
    applying rules that are in force already changes nothing.
    """
    repository.schedule_rules(key, {now + _SAVED_WITHIN, *changes_after(rules, now)})


def apply_due_rules(
    repository: GalleryRepository, tasks: Tasks, time_is_left: Callable[[], bool], *, now: datetime
) -> int:
    """Send a task for each gallery whose rules start or end by now; return how many moments were due."""
    done = 0
    while time_is_left():
        due = repository.due_rules(now, _AT_ONCE)
        for key in dict.fromkeys(key for _, key in due):
            tasks.apply_rules(key)
        repository.unschedule_rules(due)
        done += len(due)
        if len(due) < _AT_ONCE:
            break
    return done


def apply_rules(repository: GalleryRepository, tasks: Tasks, key: GalleryKey, *, now: datetime) -> None:
    """Reorder a gallery if other rules are in force than its latest version has. Raises Unavailable under contention.

    During an experiment nothing changes: both arms keep their rules, and the version after it has those in force then.
    """

    def attempt() -> None:
        gallery = repository.find_gallery(key)
        if gallery is None or gallery.deleting or gallery.experiment is not None:
            return
        if gallery.wanted.rules == active_rules(gallery.rules, now):
            return
        version = gallery.following(gallery.wanted.ranking, now, "rules in force changed")
        if not plan_order(repository, tasks, gallery, version):
            raise Superseded

    retry(attempt, refusal=f"Others are changing the ranking of gallery {key.gallery_id}. Try again in a moment.")
