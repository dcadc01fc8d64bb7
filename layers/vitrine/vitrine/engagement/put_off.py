"""Decide which changed images are written at once, and which are put off.

Writing an image costs three units, its place in the index included. It is written at once

- if it was not written for a *pause*: 5 seconds if it is among the first hundred of its gallery, else a minute; in a
  busy gallery 20 seconds, else a quarter of an hour; or
- if it is among the first hundred and its score moved by 5 %. A young image moves by that much with each event.

Of changes that come together fifty images are written at once at most, in a busy gallery twenty, those with the most
points first: an index takes some hundred moves a second. The rest is put off: a message waits for the pause, then the
image is brought up to date with everything counted by then. Changes that arrive meanwhile need no message of their own.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from contextlib import suppress
from dataclasses import dataclass, field
from heapq import nlargest
from operator import itemgetter
from typing import TYPE_CHECKING, NamedTuple
from zlib import crc32

from vitrine.galleries.model import points_under
from vitrine.ranking.model import HYSTERESIS, has_moved

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from vitrine.engagement.ports import CounterKey
    from vitrine.engagement.recompute_weights import CounterChange, Recomputed
    from vitrine.galleries.leading_images import Leaders
    from vitrine.galleries.model import Counts, GalleryKey


class Pauses(NamedTuple):
    """How many seconds leading and other images wait at most, and how many are written at once."""

    leaders: int
    others: int
    at_once: int


QUIET = Pauses(5, 60, 50)
BUSY = Pauses(20, 900, 20)  # as long as a message can wait
BUSY_CHANGES_A_MINUTE = 3_000
BUSY_CHANGES_TOGETHER = 250  # of a second: a campaign that begins is not given a minute
_TOGETHER_SECONDS = 10  # what is put off comes back every ten seconds, so that a gallery's totals change rarely
_LEADERS_KEPT_SECONDS = 20
_LEADERS = 100
_SPREAD = 5  # images that were never written wait for a fifth of the pause, two fifths, …
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
    is_whole: bool = True


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
        pauses = {
            gallery: self._pauses(gallery, number, now)
            for gallery, number in Counter(change.key.gallery for change in changes).items()
        }
        for key, of_image in by_image.items():
            self._note_changes(key, of_image, now)
        hundredth = self._hundredth(by_image)
        urgent: list[tuple[int, int, CounterKey]] = []
        patient: list[tuple[int, int, CounterKey]] = []
        for key in by_image:
            is_urgent, pause, points = self._judge(key, pauses[key.gallery], hundredth, now)
            (urgent if is_urgent else patient).append((pause, -points, key))
        urgent.sort(key=itemgetter(0, 1))
        most = min(each.at_once for each in pauses.values()) if pauses else 0
        later: defaultdict[int, list[CounterKey]] = defaultdict(list)
        for pause, _, key in urgent[most:] + patient:
            due = self._images[key].due
            if due is None or due > now + pause:
                later[pause].append(key)
        return [change for _, _, key in urgent[:most] for change in by_image[key]], later

    def _note_written(self, written: Mapping[CounterKey, Counts], now: float) -> None:
        for key, counts in written.items():
            points = _points(self._leaders_of(key.gallery, now), counts, now)
            before = self._images.get(key)
            due = before.due if before else None
            self._images[key] = _Image(points, counts.totals.events, now, due=due, waiting=points)

    def _note_changes(self, key: CounterKey, changes: Sequence[CounterChange], now: float) -> None:
        image = self._images.setdefault(key, _Image({}, 0, 0.0))
        if image.due is not None and image.due <= now:
            image.points, image.written_at, image.changes, image.due = image.waiting, image.due, 0, None
        latest = max((whole for _, whole in changes if whole), key=lambda whole: whole.totals.events, default=None)
        image.is_whole = latest is not None
        image.waiting = _points(self._leaders_of(key.gallery, now), latest, now) if latest else image.points
        image.changes += len(changes)

    def _hundredth(self, keys: Iterable[CounterKey]) -> Mapping[tuple[GalleryKey, int], int]:
        """Return the points of each gallery's hundredth image of these, by version; those with fewer do not lead."""
        points: defaultdict[tuple[GalleryKey, int], list[int]] = defaultdict(list)
        for key in keys:
            for number, of_version in self._images[key].waiting.items():
                points[key.gallery, number].append(of_version)
        return {
            version: nlargest(_LEADERS, of_images)[-1]
            for version, of_images in points.items()
            if len(of_images) > _LEADERS
        }

    def _judge(
        self, key: CounterKey, pauses: Pauses, hundredth: Mapping[tuple[GalleryKey, int], int], now: float
    ) -> tuple[bool, int, int]:
        """Return whether an image should be written at once, its pause in seconds, and its points."""
        image = self._images[key]
        leaders = self._leaders_of(key.gallery, now)
        leads = any(
            points >= each.least_points and points > hundredth.get((key.gallery, each.version.number), -1)
            for each in leaders
            for points in (image.waiting.get(each.version.number, 0),)
        )
        pause = pauses.leaders if leads else pauses.others
        is_due = image.due is None and now >= image.written_at + pause
        moved = leads and self._has_moved(image)
        if not leads and not image.written_at:
            pause = pause * (1 + crc32(key.image_id.encode()) % _SPREAD) // _SPREAD
        return is_due or moved or not leaders, pause, max(image.waiting.values(), default=0)

    def _pauses(self, gallery: GalleryKey, changes: int, now: float) -> Pauses:
        """Note changes of a gallery; return its pauses. It is busy during a minute with many changes and the next."""
        minute = int(now // 60)
        known = self._traffic.get(gallery, _Traffic(minute))
        if minute > known.minute:
            known = _Traffic(minute, before=known.changes if minute == known.minute + 1 else 0)
        if len(self._traffic) >= _MOST_GALLERIES:
            self._traffic.clear()
        if changes >= BUSY_CHANGES_TOGETHER:
            known = known._replace(changes=BUSY_CHANGES_A_MINUTE)
        self._traffic[gallery] = known = known._replace(changes=known.changes + changes)
        return BUSY if max(known.changes, known.before) > BUSY_CHANGES_A_MINUTE else QUIET

    def _has_moved(self, image: _Image) -> bool:
        """Return whether a score moved by the tolerance. Counters in many shards are not summed to find out."""
        if not image.is_whole:
            return image.changes > image.events * self._tolerance
        return any(
            number not in image.points or has_moved(image.points[number], points, self._tolerance)
            for number, points in image.waiting.items()
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
