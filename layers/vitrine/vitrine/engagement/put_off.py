"""Decide which changed images are written at once, and which are put off.

Writing an image costs three units, its place in the index included. It is written at once

- if it was not written for a *pause*: 5 seconds if it is among the first hundred of its gallery, else a minute; in a
  busy gallery 20 seconds, else a quarter of an hour; or
- if it is among the first hundred and its score moved by 5 %. A young image moves by that much with each event.

Of changes that come together fifty images are written at once at most, the first hundred before others: an index takes
some hundred moves a second. The rest is put off: a message waits for the pause, then the image is brought up to date
with everything counted by then. Changes that arrive meanwhile need no message of their own.
"""

from __future__ import annotations

from collections import defaultdict
from contextlib import suppress
from dataclasses import dataclass, field
from operator import itemgetter
from typing import TYPE_CHECKING, NamedTuple

from vitrine.galleries.model import points_under
from vitrine.ranking.model import HYSTERESIS, has_moved

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from vitrine.engagement.ports import CounterKey
    from vitrine.engagement.recompute_weights import CounterChange, Recomputed
    from vitrine.galleries.leading_images import Leaders
    from vitrine.galleries.model import Counts, GalleryKey


class Pauses(NamedTuple):
    """How many seconds leading and other images wait at most."""

    leaders: int
    others: int


QUIET = Pauses(5, 60)
BUSY = Pauses(20, 900)  # as long as a message can wait
BUSY_CHANGES_A_MINUTE = 3_000
_TOGETHER_SECONDS = 10  # what is put off comes back every ten seconds, so that a gallery's totals change rarely
_LEADERS_KEPT_SECONDS = 20
_MOST_AT_ONCE = 50
_MOST_IMAGES = 50_000
_MOST_GALLERIES = 1_000


@dataclass(slots=True)
class _Image:
    """What this process knows of an image.

    It was written at `written_at`, with at least these `points` by version and this number of `events`; since then
    there were `changes`. A message brings it up to date at `due` or later, to the points `waiting` at least.
    """

    points: Mapping[int, int]
    events: int
    written_at: float
    changes: int = 0
    due: float | None = None
    waiting: Mapping[int, int] = field(default_factory=dict)


class _Traffic(NamedTuple):
    """The changes of a gallery in a minute, and in the minute before."""

    minute: int
    changes: int = 0
    before: int = 0


class PutOff:
    """What a process remembers of the images it wrote. An unknown image is written at once, so forgetting is safe.

    All times are seconds since 1970.
    """

    def __init__(
        self, find_leaders: Callable[[GalleryKey], Sequence[Leaders]], *, tolerance: float = HYSTERESIS
    ) -> None:
        self._find_leaders = find_leaders
        self._tolerance = tolerance
        self._images: dict[CounterKey, _Image] = {}
        self._leaders: dict[GalleryKey, tuple[float, Sequence[Leaders]]] = {}
        self._traffic: dict[GalleryKey, _Traffic] = {}

    def follow(
        self,
        changes: Sequence[CounterChange],
        now: float,
        show: Callable[[Sequence[CounterChange]], Recomputed],
        queue: Callable[[Sequence[CounterKey], int], None],
    ) -> Recomputed:
        """Show changes that were counted before `now`, and queue the images of others with a delay in seconds.

        Only what is done is remembered, so a caller that fails midway or dies can repeat this in any process.
        """
        if len(self._images) > _MOST_IMAGES:
            self._images.clear()
        at_once, later = self._divide(changes, now)
        done = show(at_once)
        self._note_written(done.shown, now)
        for pause, keys in later.items():
            delay = pause - int(now + pause) % min(_TOGETHER_SECONDS, pause)
            queue(keys, delay)
            for key in keys:
                self._images[key].due = now + delay
        return done

    def _divide(
        self, changes: Sequence[CounterChange], now: float
    ) -> tuple[list[CounterChange], Mapping[int, list[CounterKey]]]:
        """Return the changes to show at once, and the images that need a message, by pause."""
        by_image: defaultdict[CounterKey, list[CounterChange]] = defaultdict(list)
        for change in changes:
            by_image[change.key].append(change)
        urgent: list[tuple[int, CounterKey]] = []
        patient: list[tuple[int, CounterKey]] = []
        for key, of_image in by_image.items():
            image = self._images.setdefault(key, _Image({}, 0, 0.0))
            is_urgent, pause = self._judge(image, key, of_image, now)
            (urgent if is_urgent else patient).append((pause, key))
        urgent.sort(key=itemgetter(0))
        later: defaultdict[int, list[CounterKey]] = defaultdict(list)
        for pause, key in urgent[_MOST_AT_ONCE:] + patient:
            due = self._images[key].due
            if due is None or due > now + pause:
                later[pause].append(key)
        return [change for _, key in urgent[:_MOST_AT_ONCE] for change in by_image[key]], later

    def _note_written(self, written: Mapping[CounterKey, Counts], now: float) -> None:
        for key, counts in written.items():
            points = _points(self._leaders_of(key.gallery, now), counts, now)
            before = self._images.get(key)
            due = before.due if before else None
            self._images[key] = _Image(points, counts.totals.events, now, due=due, waiting=points)

    def _judge(self, image: _Image, key: CounterKey, changes: Sequence[CounterChange], now: float) -> tuple[bool, int]:
        """Return whether an image should be written at once, and its pause in seconds."""
        if image.due is not None and image.due <= now:
            image.points, image.written_at, image.changes, image.due = image.waiting, image.due, 0, None
        leaders = self._leaders_of(key.gallery, now)
        latest = max((whole for _, whole in changes if whole), key=lambda whole: whole.totals.events, default=None)
        points = _points(leaders, latest, now) if latest else image.points
        image.changes += len(changes)
        image.waiting = points
        leads = any(points.get(each.version.number, 0) >= each.least_points for each in leaders)
        pauses = self._pauses(key.gallery, len(changes), now)
        pause = pauses.leaders if leads else pauses.others
        is_due = image.due is None and now >= image.written_at + pause
        moved = leads and self._has_moved(image, points, is_whole=latest is not None)
        return is_due or moved or not leaders, pause

    def _pauses(self, gallery: GalleryKey, changes: int, now: float) -> Pauses:
        """Note changes of a gallery; return its pauses. It is busy during a minute with many changes and the next."""
        minute = int(now // 60)
        known = self._traffic.get(gallery, _Traffic(minute))
        if minute > known.minute:
            known = _Traffic(minute, before=known.changes if minute == known.minute + 1 else 0)
        if len(self._traffic) >= _MOST_GALLERIES:
            self._traffic.clear()
        self._traffic[gallery] = known = known._replace(changes=known.changes + changes)
        return BUSY if max(known.changes, known.before) > BUSY_CHANGES_A_MINUTE else QUIET

    def _has_moved(self, image: _Image, points: Mapping[int, int], *, is_whole: bool) -> bool:
        """Return whether a score moved by the tolerance. Counters in many shards are not summed to find out."""
        if not is_whole:
            return image.changes > image.events * self._tolerance
        return any(
            number not in image.points or has_moved(image.points[number], now, self._tolerance)
            for number, now in points.items()
        )

    def _leaders_of(self, gallery: GalleryKey, now: float) -> Sequence[Leaders]:
        found_at, leaders = self._leaders.get(gallery, (0.0, ()))
        if now - found_at >= _LEADERS_KEPT_SECONDS:
            if len(self._leaders) >= _MOST_GALLERIES:
                self._leaders.clear()
            leaders = ()
            with suppress(Exception):  # then nothing is put off, and what cannot be read is set aside
                leaders = self._find_leaders(gallery)
            self._leaders[gallery] = now, leaders
        return leaders


def _points(leaders: Sequence[Leaders], counts: Counts, now: float) -> dict[int, int]:
    return {each.version.number: points_under(each.version, counts, int(now)) for each in leaders}
