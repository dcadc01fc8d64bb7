"""Count events, each once."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cached_property, partial
from typing import TYPE_CHECKING, NamedTuple

from vitrine.engagement.model import (
    DEEPEST_PATH,
    Exclusion,
    PendingEvent,
    Result,
    by_path,
    counter_of,
    days_of,
    in_writes,
    is_expired,
    is_from_the_future,
    judge,
    lasting_names,
    pending_event,
    reader_names,
    slots_at,
    sums_of,
    visitor_of,
)
from vitrine.engagement.ports import CountedEvents, CounterKey, ShardKey
from vitrine.platform.problems import Unavailable
from vitrine.platform.threads import run_all
from vitrine.ranking.lab import LabVisitor

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from collections.abc import Set as AbstractSet
    from datetime import datetime

    from vitrine.engagement.model import Event, Rules, Shard, Slots, SourcePage, Status
    from vitrine.engagement.ports import CounterRepository, Galleries, Salts
    from vitrine.galleries.model import GalleryKey

_PARALLEL_IMAGES = 20
_MOST_STEPS = 12  # down to the deepest shard, and into a new incarnation
_TREES_KEPT = 32_768
_GALLERIES_KEPT = 1024
TREES_KEPT_FOR = timedelta(hours=1)
GALLERIES_KEPT_FOR = timedelta(seconds=10)
_ONCE_AN_HOUR = "a visitor's views and clicks of an image count once an hour"


@dataclass(frozen=True)
class Batch:
    """The events of one request. `page` is None if a shop's server sends them: then each event counts."""

    gallery: GalleryKey
    merchant_secret: str
    events: Sequence[Event]
    from_robot: bool
    now: datetime
    page: SourcePage | None = None

    @cached_property
    def visitors(self) -> Sequence[str | None]:
        """The lasting names of the events' visitors; None for a shop's server."""
        return lasting_names(self.events, self.page, self.merchant_secret)


@dataclass(slots=True)
class _Tree:
    """What this process knows of an image's counters: which shards are split, and the marks that they hold."""

    key: CounterKey
    found_at: datetime
    frozen: dict[str, frozenset[bytes]] = field(default_factory=dict)
    is_closed: bool = False


class _Outcome(NamedTuple):
    at: int
    status: Status
    detail: str | None = None
    for_user: bool = False


class EventCounter:
    """Counts events in a repository.

    It caches what it learns about an image for an hour, which is shorter than the life of a closed counter's
    tombstone: a writer that still knows the counter is refused.
    """

    def __init__(self, repository: CounterRepository, galleries: Galleries, salts: Salts, window: timedelta) -> None:
        """Accept events that are at most `window` old."""
        self._repository = repository
        self._galleries = galleries
        self._salts = salts
        self._window = window
        self._trees: dict[tuple[GalleryKey, str], _Tree] = {}
        self._rules: dict[GalleryKey, tuple[datetime, Rules]] = {}
        self._pool = ThreadPoolExecutor(_PARALLEL_IMAGES)

    def count(self, batch: Batch) -> list[Result]:
        """Count a batch and return the results in its order, once every accepted event is stored.

        Raises Unavailable if the repository refuses some events. What was counted until then is a duplicate when
        the same batch is sent again.
        """
        results: list[Result | None] = [self._refusal(event, batch.now) for event in batch.events]
        by_image: dict[str, list[PendingEvent]] = {}
        for pending in self._pending_events(batch, [at for at, refused in enumerate(results) if refused is None]):
            by_image.setdefault(batch.events[pending.at].image_id, []).append(pending)
        trees = self._find_trees(batch, by_image)
        count = map if len(by_image) == 1 else partial(run_all, self._pool)
        for counted in count(partial(self._count_image, batch, trees), by_image, by_image.values()):
            for at, status, detail, for_user in counted:
                event_id = batch.events[at].event_id
                if batch.from_robot:
                    results[at] = Result(event_id, "filtered" if status == "accepted" else status, detail)
                else:
                    results[at] = Result(event_id, status, detail, for_user)
        return [result for result in results if result is not None]

    def _pending_events(self, batch: Batch, indexes: Sequence[int]) -> Iterable[PendingEvent]:
        """Prepare the events at these indexes of the batch for their shards."""
        rules = self.rules(batch)
        readers: tuple[str, ...] = ()
        if batch.page is not None and any(batch.events[at].session_id is None for at in indexes):
            days = days_of(batch.now, self._window)
            readers = reader_names(batch.page, [self._salts.salt_of(day) for day in days])
        for at in indexes:
            event, lasting = batch.events[at], batch.visitors[at]
            counter = counter_of(event, from_robot=batch.from_robot)
            lab = None
            if rules.lab_share and event.session_id is not None:
                lab = LabVisitor(batch.merchant_secret, batch.gallery.gallery_id, rules.version, event.session_id)
            arm = rules.arm_of(event, batch.gallery.gallery_id, batch.merchant_secret)
            suspect = rules.is_suspect(lasting, batch.page, batch.merchant_secret)
            yield pending_event(
                at,
                event,
                counter,
                visitor_of(event, lasting, readers),
                merchant_secret=batch.merchant_secret,
                now=batch.now,
                visitors_share=not rules.every_event,
                counts_each=rules.every_event or batch.page is None,
                sums=sums_of(counter, rules, lab, arm, batch.now, suspect=suspect).items(),
            )

    def rules(self, batch: Batch) -> Rules:
        """Return the gallery's rules, at most `GALLERIES_KEPT_FOR` old."""
        known = self._rules.get(batch.gallery)
        if known and batch.now - known[0] < GALLERIES_KEPT_FOR:
            return known[1]
        if len(self._rules) > _GALLERIES_KEPT:
            self._rules.clear()
        rules = self._galleries.find_rules(batch.gallery)
        self._rules[batch.gallery] = batch.now, rules
        return rules

    def _refusal(self, event: Event, now: datetime) -> Result | None:
        if is_expired(event, now, self._window):
            hours = self._window.total_seconds() / 3600
            return Result(event.event_id, "expired", f"occurred more than {hours:g} h ago")
        if is_from_the_future(event, now):
            return Result(event.event_id, "rejected", "occurred_at lies in the future: check the sender's clock")
        return None

    def _find_trees(self, batch: Batch, image_ids: Iterable[str]) -> Mapping[str, _Tree]:
        """Return the counters of those images that exist."""
        trees: dict[str, _Tree] = {}
        unknown: list[str] = []
        for image_id in image_ids:
            tree = self._trees.get((batch.gallery, image_id))
            if tree and not tree.is_closed and batch.now - tree.found_at < TREES_KEPT_FOR:
                trees[image_id] = tree
            else:
                unknown.append(image_id)
        if unknown:
            if len(self._trees) > _TREES_KEPT:
                self._trees.clear()
            for image_id, incarnation in self._galleries.find_incarnations(batch.gallery, unknown).items():
                tree = _Tree(CounterKey(batch.gallery, image_id, incarnation), batch.now)
                self._trees[batch.gallery, image_id] = trees[image_id] = tree
        return trees

    def _count_image(
        self, batch: Batch, trees: Mapping[str, _Tree], image_id: str, events: Sequence[PendingEvent]
    ) -> list[_Outcome]:
        outcomes: list[_Outcome] = []
        pending = list(events)
        slots = slots_at(batch.now, self._window)
        tree = trees.get(image_id)
        for _ in range(_MOST_STEPS):
            if tree is None:
                detail = f"the gallery has no image {image_id}"
                return outcomes + [_Outcome(event.at, "rejected", detail) for event in pending]
            pending = self._count_pending(tree, pending, slots, outcomes)
            if not pending:
                return outcomes
            if tree.is_closed:
                closed, tree = tree, self._find_trees(batch, [image_id]).get(image_id)
                if tree and tree.key == closed.key:
                    tree = None  # the image is being deleted
        raise Unavailable("Too many events for one image at a time. Send the events again.", 1)

    def _count_pending(
        self, tree: _Tree, pending: list[PendingEvent], slots: Slots, outcomes: list[_Outcome]
    ) -> list[PendingEvent]:
        """Try each shard once; return the events to try again."""
        again: list[PendingEvent] = []
        for path, events in by_path(pending, frozenset(tree.frozen)).items():
            held = {mark for depth in range(len(path)) for mark in tree.frozen[path[:depth]]}
            verdicts = [(event, judge(event, held)) for event in events]
            again += self._refuse(tree, path, verdicts, outcomes)
            writes, waiting = in_writes(event for event, exclusion in verdicts if exclusion is None)
            for write in writes:
                shard = self._repository.count(ShardKey(tree.key, path), write, slots)
                if isinstance(shard, CountedEvents):
                    outcomes += [
                        _Outcome(event.at, "accepted", for_user=event.traces[0].user is not None) for event in write
                    ]
                    waiting = _without(waiting, {mark for event in write for mark in event.traces[0] if mark}, outcomes)
                    if shard.full and len(path) < DEEPEST_PATH:
                        self._split(tree, path)
                else:
                    _learn(tree, path, shard)
                    waiting += write
                    if shard.state == "open":
                        waiting = _without(waiting, shard.marks, outcomes)
            again += waiting
        return again

    def _refuse(
        self,
        tree: _Tree,
        path: str,
        verdicts: Iterable[tuple[PendingEvent, Exclusion | None]],
        outcomes: list[_Outcome],
    ) -> list[PendingEvent]:
        """Record the outcomes of events that the shards above `path` refuse; return those to try again.

        A shop's server counts each event, so the shard at `path` may hold an event whose visitor a shard above has
        already counted this hour. Such an event is a duplicate.
        """
        excluded = [(event, exclusion) for event, exclusion in verdicts if exclusion]
        outcomes += [_outcome(event, exclusion) for event, exclusion in excluded if exclusion.status == "duplicate"]
        filtered = [event for event, exclusion in excluded if exclusion.status == "filtered"]
        if not filtered:
            return []
        shard = self._repository.find_shard(ShardKey(tree.key, path))
        _learn(tree, path, shard)
        if shard.state != "open":
            return filtered
        outcomes += [_outcome(event, judge(event, shard.marks) or Exclusion("filtered")) for event in filtered]
        return []

    def _split(self, tree: _Tree, path: str) -> None:
        """Split a full shard. If that fails, its writes cost more but stay correct, and the next writer tries again."""
        try:
            _learn(tree, path, self._repository.split(ShardKey(tree.key, path)))
        except Unavailable:
            return


def _learn(tree: _Tree, path: str, shard: Shard) -> None:
    if shard.state == "split":
        tree.frozen[path] = shard.marks
    tree.is_closed |= shard.state == "closed"


def _without(events: Iterable[PendingEvent], held: AbstractSet[bytes], outcomes: list[_Outcome]) -> list[PendingEvent]:
    """Return the events that these marks do not exclude; record the outcomes of the others."""
    new: list[PendingEvent] = []
    for event in events:
        exclusion = judge(event, held)
        if exclusion is None:
            new.append(event)
        else:
            outcomes.append(_outcome(event, exclusion))
    return new


def _outcome(event: PendingEvent, exclusion: Exclusion) -> _Outcome:
    detail = _ONCE_AN_HOUR if exclusion.status == "filtered" else None
    return _Outcome(event.at, exclusion.status, detail, exclusion.for_user)
