"""Count events, each once."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cached_property, partial
from typing import TYPE_CHECKING, NamedTuple

from vitrine.engagement.model import (
    DEEPEST_PATH,
    ROOT,
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
    lasting_slots_at,
    pending_event,
    reader_names,
    remembered_for,
    slots_at,
    sums_of,
    visitor_of,
)
from vitrine.engagement.ports import CountedEvents, CounterKey, ShardKey
from vitrine.platform.problems import Unavailable
from vitrine.platform.threads import run_all
from vitrine.ranking.lab import LabVisitor

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence
    from datetime import datetime

    from vitrine.engagement.model import Event, Rules, Shard, Slots, SourcePage, Status
    from vitrine.engagement.ports import CounterRepository, Galleries, Salts
    from vitrine.galleries.model import GalleryKey

_PARALLEL_IMAGES = 20
_MOST_STEPS = 12  # without counting any: down to the deepest shard, and into a new incarnation
_TREES_KEPT = 32_768
_GALLERIES_KEPT = 1024
TREES_KEPT_FOR = timedelta(hours=1)
GALLERIES_KEPT_FOR = timedelta(seconds=10)
_ARCHIVED_WITHIN = timedelta(minutes=2)  # an invocation's time limit, and a clock's difference
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
class _Archived:
    """The marks of a shard's archives since a moment, when it had been archived this `number` of times.

    Of `trees` that were folded, the marks on some paths were `found`.
    """

    number: int
    since: datetime
    marks: set[bytes]
    trees: set[int] = field(default_factory=set)
    found: set[tuple[int, str]] = field(default_factory=set)


@dataclass(slots=True)
class _Tree:
    """What this process knows of an image's counters: which shards are split, and the marks that they hold.

    `number` counts the trees that were folded before; `is_folded` if a shard of this one was met that is.
    """

    key: CounterKey
    found_at: datetime
    frozen: dict[str, frozenset[bytes]] = field(default_factory=dict)
    archived: dict[str, _Archived] = field(default_factory=dict)
    number: int = 0
    is_folded: bool = False
    is_closed: bool = False

    def shard(self, path: str) -> ShardKey:
        """Return the key of the shard at a path."""
        return ShardKey(self.key, path, self.number if path else 0)

    def held(self, path: str) -> _Held:
        """Return the marks that exclude events from the shard at `path`, besides its own."""
        above = [self.frozen[path[:depth]] for depth in range(len(path))]
        if not self.archived:
            return _Held(above)
        ends = (path[:depth] for depth in range(len(path) + 1))
        return _Held([*above, *(self.archived[end].marks for end in ends if end in self.archived)])

    def archives(self, path: str) -> int:
        """Return how often the shard was archived, as far as this process knows."""
        return self.archived[path].number if path in self.archived else 0


class _Held:
    """Marks in several sets."""

    __slots__ = ("_sets",)

    def __init__(self, sets: Sequence[Collection[bytes]]) -> None:
        self._sets = sets

    def __contains__(self, mark: object) -> bool:
        return any(mark in marks for marks in self._sets)

    def and_in(self, marks: Collection[bytes]) -> _Held:
        return _Held([*self._sets, marks])


class _Moment(NamedTuple):
    """When events are counted. What was archived before `since` excludes none of them."""

    now: datetime
    slots: Slots
    since: datetime


class Outcome(NamedTuple):
    """How the event at a position ended."""

    at: int
    status: Status
    detail: str | None = None
    for_user: bool = False


class EventCounter:
    """Counts events in a repository.

    It caches what it learns about an image for an hour, which is shorter than the life of a closed counter's
    tombstone: a writer that still knows the counter is refused.
    """

    def __init__(
        self,
        repository: CounterRepository,
        galleries: Galleries,
        salts: Salts,
        window: timedelta,
        *,
        archives: bool = False,
    ) -> None:
        """Accept events that are at most `window` old. `archives`: full shards are archived and not split."""
        self._repository = repository
        self._galleries = galleries
        self._salts = salts
        self._window = window
        self._archives = archives
        self._trees: dict[tuple[GalleryKey, str], _Tree] = {}
        self._rules: dict[GalleryKey, tuple[datetime, Rules]] = {}
        self._pool = ThreadPoolExecutor(_PARALLEL_IMAGES)

    def count(self, batch: Batch) -> list[Result]:
        """Count a batch and return the results in its order, once every accepted event is stored.

        Raises Unavailable if the repository refuses some events. What was counted until then is a duplicate when
        the same batch is sent again.
        """
        results, prepared = self.prepare(batch)
        by_image: dict[str, list[PendingEvent]] = {}
        for pending in prepared:
            by_image.setdefault(batch.events[pending.at].image_id, []).append(pending)
        moment = self._moment(batch.now, batch.now)
        trees = self._find_trees(batch.gallery, by_image, batch.now)
        count = map if len(by_image) == 1 else partial(run_all, self._pool)
        for counted in count(partial(self._count_image, batch.gallery, moment, trees), by_image, by_image.values()):
            for at, status, detail, for_user in counted:
                event_id = batch.events[at].event_id
                if batch.from_robot:
                    results[at] = Result(event_id, "filtered" if status == "accepted" else status, detail)
                else:
                    results[at] = Result(event_id, status, detail, for_user)
        return [result for result in results if result is not None]

    def count_prepared(
        self, gallery: GalleryKey, by_image: Mapping[str, Sequence[PendingEvent]], now: datetime, arrived: datetime
    ) -> Mapping[str, Sequence[Outcome] | Exception]:
        """Count prepared events, the first of which `arrived` then; return the outcomes, or the error, by image.

        What was counted for an image that failed is a duplicate when the same events are counted again.
        """
        moment = self._moment(now, arrived)
        trees = self._find_trees(gallery, by_image, now)

        def attempt(image_id: str, events: Sequence[PendingEvent]) -> Sequence[Outcome] | Exception:
            try:
                return self._count_image(gallery, moment, trees, image_id, events)
            except Exception as error:  # noqa: BLE001 - one image must not block the others
                return error

        return dict(zip(by_image, run_all(self._pool, attempt, by_image, by_image.values()), strict=True))

    def prepare(self, batch: Batch) -> tuple[list[Result | None], list[PendingEvent]]:
        """Return the results of the events that cannot count, None for the others, and those prepared for counting."""
        results = [self._refusal(event, batch.now) for event in batch.events]
        return results, list(self._pending_events(batch, [at for at, refused in enumerate(results) if refused is None]))

    def _moment(self, now: datetime, arrived: datetime) -> _Moment:
        slots = lasting_slots_at if self._archives else slots_at
        return _Moment(now, slots(now, self._window), arrived - remembered_for(self._window) - _ARCHIVED_WITHIN)

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

    def _find_trees(self, gallery: GalleryKey, image_ids: Iterable[str], now: datetime) -> Mapping[str, _Tree]:
        """Return the counters of those images that exist."""
        trees: dict[str, _Tree] = {}
        unknown: list[str] = []
        for image_id in image_ids:
            tree = self._trees.get((gallery, image_id))
            if tree and not tree.is_closed and now - tree.found_at < TREES_KEPT_FOR:
                trees[image_id] = tree
            else:
                unknown.append(image_id)
        if unknown:
            if len(self._trees) > _TREES_KEPT:
                self._trees.clear()
            for image_id, incarnation in self._galleries.find_incarnations(gallery, unknown).items():
                tree = _Tree(CounterKey(gallery, image_id, incarnation), now)
                self._trees[gallery, image_id] = trees[image_id] = tree
        return trees

    def _count_image(
        self,
        gallery: GalleryKey,
        moment: _Moment,
        trees: Mapping[str, _Tree],
        image_id: str,
        events: Sequence[PendingEvent],
    ) -> list[Outcome]:
        outcomes: list[Outcome] = []
        pending = list(events)
        tree = trees.get(image_id)
        steps = 0
        while steps < _MOST_STEPS:
            if tree is None:
                detail = f"the gallery has no image {image_id}"
                return outcomes + [Outcome(event.at, "rejected", detail) for event in pending]
            before = len(pending)
            pending = self._count_pending(tree, pending, moment, outcomes)
            if not pending:
                return outcomes
            steps = 0 if len(pending) < before else steps + 1
            if tree.is_folded:
                self._finish_folding(tree, moment)
            if tree.is_closed:
                closed, tree = tree, self._find_trees(gallery, [image_id], moment.now).get(image_id)
                if tree and tree.key == closed.key:
                    tree = None  # the image is being deleted
        raise Unavailable("Too many events for one image at a time. Send the events again.", 1)

    def _count_pending(
        self, tree: _Tree, pending: list[PendingEvent], moment: _Moment, outcomes: list[Outcome]
    ) -> list[PendingEvent]:
        """Try each shard once; return the events to try again."""
        again: list[PendingEvent] = []
        for path, events in by_path(pending, frozenset(tree.frozen)).items():
            if tree.archived:
                self._read_older_archives(tree, path, moment)
                self._read_folded(tree, events)
            held, known = tree.held(path), tree.archives(path)
            verdicts = [(event, judge(event, held)) for event in events]
            again += self._refuse(tree, path, verdicts, moment, outcomes)
            writes, waiting = in_writes(event for event, exclusion in verdicts if exclusion is None)
            for write in writes:
                if tree.archives(path) != known:
                    waiting += write  # what was archived meanwhile may exclude them
                    continue
                shard = self._repository.count(tree.shard(path), write, moment.slots, known)
                if isinstance(shard, CountedEvents):
                    outcomes += [
                        Outcome(event.at, "accepted", for_user=event.traces[0].user is not None) for event in write
                    ]
                    waiting = _without(
                        waiting, _Held([{mark for event in write for mark in event.traces[0] if mark}]), outcomes
                    )
                    if shard.full:
                        self._relieve(tree, path, moment)
                else:
                    self._learn(tree, path, shard, moment)
                    waiting += write
                    if shard.state == "open" and shard.archives == known:
                        waiting = _without(waiting, held.and_in(shard.marks), outcomes)
            again += waiting
        return again

    def _refuse(
        self,
        tree: _Tree,
        path: str,
        verdicts: Iterable[tuple[PendingEvent, Exclusion | None]],
        moment: _Moment,
        outcomes: list[Outcome],
    ) -> list[PendingEvent]:
        """Record the outcomes of events that earlier marks refuse; return those to try again.

        A shop's server counts each event, so the shard at `path` may hold an event whose visitor a shard above or an
        archive has already counted this hour. Such an event is a duplicate.
        """
        excluded = [(event, exclusion) for event, exclusion in verdicts if exclusion]
        outcomes += [_outcome(event, exclusion) for event, exclusion in excluded if exclusion.status == "duplicate"]
        filtered = [event for event, exclusion in excluded if exclusion.status == "filtered"]
        if not filtered:
            return []
        known = tree.archives(path)
        shard = self._repository.find_shard(tree.shard(path))
        self._learn(tree, path, shard, moment)
        if shard.state != "open" or shard.archives != known:
            return filtered
        outcomes += [_outcome(event, judge(event, shard.marks) or Exclusion("filtered")) for event in filtered]
        return []

    def _relieve(self, tree: _Tree, path: str, moment: _Moment) -> None:
        """Archive or split a full shard. If that fails, its writes cost more but stay correct; the next one tries."""
        key = tree.shard(path)
        try:
            if self._archives:
                self._learn(tree, path, self._repository.archive(key, moment.now), moment)
            elif len(path) < DEEPEST_PATH:
                self._learn(tree, path, self._repository.split(key), moment)
        except Unavailable:
            return

    def _learn(self, tree: _Tree, path: str, shard: Shard, moment: _Moment) -> None:
        if shard.archives > tree.archives(path):
            self._read_archives(tree, path, shard.archives, moment)
        if shard.state == "split":
            tree.frozen[path] = shard.marks
            if path == ROOT:
                tree.number = shard.tree
        tree.is_folded |= shard.state == "folded"
        tree.is_closed |= shard.state == "closed"

    def _finish_folding(self, tree: _Tree, moment: _Moment) -> None:
        """Finish what another process began and perhaps left, and begin again at the root."""
        root = self._repository.fold(tree.key, tree.number, moment.now)
        tree.is_closed |= root.state == "closed"
        tree.is_folded = False
        tree.frozen.clear()
        tree.archived = {path: archived for path, archived in tree.archived.items() if path == ROOT}

    def _read_older_archives(self, tree: _Tree, path: str, moment: _Moment) -> None:
        """Read archives that are too old for all events before, and not for one that waited long."""
        for depth in range(len(path) + 1):
            known = tree.archived.get(path[:depth])
            if known and known.since > moment.since:
                del tree.archived[path[:depth]]
                self._read_archives(tree, path[:depth], known.number, moment)

    def _read_archives(self, tree: _Tree, path: str, number: int, moment: _Moment) -> None:
        """Read the archives of a shard that has `number` of them, as far as they are not known."""
        known = tree.archived.get(path) or _Archived(0, moment.since, set())
        found = self._repository.read_archives(tree.shard(path), known.number, known.since)
        known.marks |= found.marks
        known.trees |= found.trees
        known.number = number
        tree.archived[path] = known

    def _read_folded(self, tree: _Tree, events: Iterable[PendingEvent]) -> None:
        """Read the marks that folded trees hold on the paths of events, each once."""
        known = tree.archived.get(ROOT)
        paths = {event.path for event in events} if known and known.trees else set()
        if known is None or not paths:
            return
        for number in known.trees:
            unknown = {path for path in paths if (number, path) not in known.found}
            if unknown:
                known.marks |= self._repository.read_folded(tree.key, number, unknown, known.since)
                known.found |= {(number, path) for path in unknown}


def _without(events: Iterable[PendingEvent], held: _Held, outcomes: list[Outcome]) -> list[PendingEvent]:
    """Return the events that these marks do not exclude; record the outcomes of the others."""
    new: list[PendingEvent] = []
    for event in events:
        exclusion = judge(event, held)
        if exclusion is None:
            new.append(event)
        else:
            outcomes.append(_outcome(event, exclusion))
    return new


def _outcome(event: PendingEvent, exclusion: Exclusion) -> Outcome:
    detail = _ONCE_AN_HOUR if exclusion.status == "filtered" else None
    return Outcome(event.at, exclusion.status, detail, exclusion.for_user)
