"""Events are counted, each once."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from vitrine.engagement.model import (
    DEEPEST_PATH,
    Exclusion,
    PendingEvent,
    Result,
    by_path,
    counter_of,
    days_of,
    hit_of,
    in_writes,
    is_expired,
    is_from_the_future,
    judge,
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
    from datetime import date, datetime

    from vitrine.engagement.model import Event, Rules, Shard, Slots, SourcePage, Status
    from vitrine.engagement.ports import CounterRepository, Galleries, Salts
    from vitrine.galleries.model import GalleryKey

_PARALLEL_IMAGES = 20
_ATTEMPTS = 12
_TREES_KEPT = 4096
_GALLERIES_KEPT = 1024
TREES_KEPT_FOR = timedelta(hours=1)
GALLERIES_KEPT_FOR = timedelta(seconds=10)
_ONCE_AN_HOUR = "a visitor's views and clicks of an image count once an hour"


class Batch(NamedTuple):
    """Events of one request. `page` is None where a shop's server sends them: then each event counts."""

    gallery: GalleryKey
    merchant_secret: str
    events: Sequence[Event]
    from_robot: bool
    now: datetime
    page: SourcePage | None = None


@dataclass(slots=True)
class _Tree:
    """An image's counters as known here: which shards are split, and what those hold, frozen."""

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
    """Counts events into a store.

    Keeps what it learns of an image for an hour: a closed counter tells those who know it no longer, for as long
    as its store remembers.
    """

    def __init__(self, repository: CounterRepository, galleries: Galleries, salts: Salts, window: timedelta) -> None:
        """`window` is how old an event may be."""
        self._repository = repository
        self._galleries = galleries
        self._salts = salts
        self._window = window
        self._trees: dict[tuple[GalleryKey, str], _Tree] = {}
        self._rules: dict[GalleryKey, tuple[datetime, Rules]] = {}
        self._pool = ThreadPoolExecutor(_PARALLEL_IMAGES)

    def count(self, batch: Batch) -> list[Result]:
        """Count a batch; answers in its order, once all that was accepted is stored.

        Raises Unavailable when the store refuses some: whatever was counted until then is a duplicate when the
        same batch comes again.
        """
        results: list[Result | None] = [self._refusal(event, batch.now) for event in batch.events]
        by_image: dict[str, list[PendingEvent]] = {}
        for hit in self._hits(batch, [at for at, refused in enumerate(results) if refused is None]):
            by_image.setdefault(batch.events[hit.at].image_id, []).append(hit)
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

    def _hits(self, batch: Batch, places: Sequence[int]) -> Iterable[PendingEvent]:
        """The events at these places of the batch, as they go into shards."""
        rules = self.rules(batch)
        days: Sequence[date] = []
        if batch.page is not None and any(batch.events[at].session_id is None for at in places):
            days = days_of(batch.now, self._window)
        salts = {day: self._salts.salt_of(day) for day in days}
        for at in places:
            event = batch.events[at]
            counter = counter_of(event, from_robot=batch.from_robot)
            hit = hit_of(
                at,
                event,
                counter,
                visitor_of(event, batch.page, batch.merchant_secret, salts, days),
                merchant_secret=batch.merchant_secret,
                now=batch.now,
                visitors_share=not rules.every_event,
                counts_each=rules.every_event or batch.page is None,
            )
            lab = None
            if rules.lab_share and event.session_id is not None:
                lab = LabVisitor(batch.merchant_secret, batch.gallery.gallery_id, rules.version, event.session_id)
            arm = rules.arm_of(event, batch.gallery.gallery_id, batch.merchant_secret)
            yield hit._replace(sums=tuple(sums_of(counter, rules, lab, arm, batch.now).items()))

    def rules(self, batch: Batch) -> Rules:
        """What the gallery says, as of `GALLERIES_KEPT_FOR` ago at most."""
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
        """The counters of the images there are of these."""
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
        self, batch: Batch, trees: Mapping[str, _Tree], image_id: str, hits: Sequence[PendingEvent]
    ) -> list[_Outcome]:
        outcomes: list[_Outcome] = []
        pending = list(hits)
        slots = slots_at(batch.now, self._window)
        tree = trees.get(image_id)
        for _ in range(_ATTEMPTS):
            if tree is None:
                detail = f"the gallery has no image {image_id}"
                return outcomes + [_Outcome(hit.at, "rejected", detail) for hit in pending]
            pending = self._count_pending(tree, pending, slots, outcomes)
            if not pending:
                return outcomes
            if tree.is_closed:
                closed, tree = tree, self._find_trees(batch, [image_id]).get(image_id)
                if tree and tree.key == closed.key:
                    tree = None  # the image is being deleted
        raise Unavailable("An image is contended. Send the events again.", 1)

    def _count_pending(
        self, tree: _Tree, pending: list[PendingEvent], slots: Slots, outcomes: list[_Outcome]
    ) -> list[PendingEvent]:
        """Try each shard once; returns the hits to try again."""
        again: list[PendingEvent] = []
        for path, hits in by_path(pending, frozenset(tree.frozen)).items():
            held = {mark for depth in range(len(path)) for mark in tree.frozen[path[:depth]]}
            verdicts = [(hit, judge(hit, held)) for hit in hits]
            again += self._refuse(tree, path, verdicts, outcomes)
            writes, waiting = in_writes(hit for hit, verdict in verdicts if verdict is None)
            for write in writes:
                shard = self._repository.count(ShardKey(tree.key, path), write, slots)
                if isinstance(shard, CountedEvents):
                    outcomes += [_Outcome(hit.at, "accepted", for_user=hit.traces[0].user is not None) for hit in write]
                    waiting = _without(waiting, {mark for hit in write for mark in hit.traces[0] if mark}, outcomes)
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
        """Answer the hits that the shards above `path` refuse; returns those to try again.

        A shop's server counts each event, so the shard at `path` may hold an event whose visitor a shard above has
        already counted this hour. Such an event is a duplicate.
        """
        filtered = [hit for hit, verdict in verdicts if verdict and verdict.status == "filtered"]
        outcomes += [_outcome(hit, verdict) for hit, verdict in verdicts if verdict and verdict.status == "duplicate"]
        if not filtered:
            return []
        shard = self._repository.find_shard(ShardKey(tree.key, path))
        _learn(tree, path, shard)
        if shard.state != "open":
            return filtered
        outcomes += [_outcome(hit, judge(hit, shard.marks) or Exclusion("filtered")) for hit in filtered]
        return []

    def _split(self, tree: _Tree, path: str) -> None:
        """A full shard that could not be split is dearer, never wrong: the next writer tries again."""
        try:
            _learn(tree, path, self._repository.split(ShardKey(tree.key, path)))
        except Unavailable:
            return


def _learn(tree: _Tree, path: str, shard: Shard) -> None:
    if shard.state == "split":
        tree.frozen[path] = shard.marks
    tree.is_closed |= shard.state == "closed"


def _without(hits: Iterable[PendingEvent], held: AbstractSet[bytes], outcomes: list[_Outcome]) -> list[PendingEvent]:
    """The hits that are to be counted beside these marks; the others are told why not."""
    new: list[PendingEvent] = []
    for hit in hits:
        verdict = judge(hit, held)
        if verdict is None:
            new.append(hit)
        else:
            outcomes.append(_outcome(hit, verdict))
    return new


def _outcome(hit: PendingEvent, verdict: Exclusion) -> _Outcome:
    why = _ONCE_AN_HOUR if verdict.status == "filtered" else None
    return _Outcome(hit.at, verdict.status, why, verdict.for_user)
