"""Events are counted, each once."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Literal, NamedTuple

from vitrine.engagement.model import (
    DEEPEST_PATH,
    LARGEST_WRITE,
    Hit,
    Result,
    by_path,
    counter_of,
    digest_of,
    is_expired,
    is_from_the_future,
    slots_at,
)
from vitrine.engagement.ports import Absorbed, CounterKey, ShardKey
from vitrine.platform.problems import Unavailable
from vitrine.platform.threads import run_all

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from collections.abc import Set as AbstractSet
    from datetime import datetime

    from vitrine.engagement.model import Event, Shard, Slots
    from vitrine.engagement.ports import CounterStore, Images
    from vitrine.galleries.model import GalleryKey

_PARALLEL_IMAGES = 20
_ATTEMPTS = 12
_TREES_KEPT = 4096
TREES_KEPT_FOR = timedelta(hours=1)


class Batch(NamedTuple):
    """Events of one request."""

    gallery: GalleryKey
    merchant_secret: str
    events: Sequence[Event]
    from_robot: bool
    now: datetime


@dataclass(slots=True)
class _Tree:
    """An image's counters as known here: which shards are split, and what those hold, frozen."""

    key: CounterKey
    found_at: datetime
    frozen: dict[str, frozenset[bytes]] = field(default_factory=dict)
    is_closed: bool = False


class _Outcome(NamedTuple):
    at: int
    status: Literal["accepted", "duplicate", "rejected"]
    detail: str | None = None


class EventCounter:
    """Counts events into a store.

    Keeps what it learns of an image for an hour: a closed counter tells those who know it no longer, for as long
    as its store remembers.
    """

    def __init__(self, store: CounterStore, images: Images, window: timedelta) -> None:
        """`window` is how old an event may be."""
        self._store = store
        self._images = images
        self._window = window
        self._trees: dict[tuple[GalleryKey, str], _Tree] = {}
        self._pool = ThreadPoolExecutor(_PARALLEL_IMAGES)

    def count(self, batch: Batch) -> list[Result]:
        """Count a batch; answers in its order, once all that was accepted is stored.

        Raises Unavailable when the store refuses some: whatever was counted until then is a duplicate when the
        same batch comes again.
        """
        results: list[Result | None] = [self._refusal(event, batch.now) for event in batch.events]
        by_image: dict[str, list[Hit]] = {}
        for at, event in enumerate(batch.events):
            if results[at] is None:
                digest = digest_of(event.event_id, batch.merchant_secret)
                hit = Hit(at, counter_of(event, from_robot=batch.from_robot), digest)
                by_image.setdefault(event.image_id, []).append(hit)
        trees = self._find_trees(batch, by_image)
        count = map if len(by_image) == 1 else partial(run_all, self._pool)
        for counted in count(partial(self._count_image, batch, trees), by_image, by_image.values()):
            for at, status, detail in counted:
                filtered = status == "accepted" and batch.from_robot
                results[at] = Result(batch.events[at].event_id, "filtered" if filtered else status, detail)
        return [result for result in results if result is not None]

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
            for image_id, incarnation in self._images.find_incarnations(batch.gallery, unknown).items():
                tree = _Tree(CounterKey(batch.gallery, image_id, incarnation), batch.now)
                self._trees[batch.gallery, image_id] = trees[image_id] = tree
        return trees

    def _count_image(
        self, batch: Batch, trees: Mapping[str, _Tree], image_id: str, hits: Sequence[Hit]
    ) -> list[_Outcome]:
        fresh: dict[bytes, Hit] = {}
        outcomes = [_Outcome(hit.at, "duplicate") for hit in hits if fresh.setdefault(hit.digest.mark, hit) is not hit]
        pending = list(fresh.values())
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

    def _count_pending(self, tree: _Tree, pending: list[Hit], slots: Slots, outcomes: list[_Outcome]) -> list[Hit]:
        """Try each shard once; answers the hits to try again."""
        again: list[Hit] = []
        for path, hits in by_path(pending, frozenset(tree.frozen)).items():
            held = {mark for depth in range(len(path)) for mark in tree.frozen[path[:depth]]}
            new = _without(hits, held, outcomes)
            for start in range(0, len(new), LARGEST_WRITE):
                again += self._absorb(tree, path, new[start : start + LARGEST_WRITE], slots, outcomes)
        return again

    def _absorb(self, tree: _Tree, path: str, hits: list[Hit], slots: Slots, outcomes: list[_Outcome]) -> list[Hit]:
        key = ShardKey(tree.key, path)
        shard = self._store.absorb(key, hits, slots)
        if isinstance(shard, Absorbed):
            outcomes += [_Outcome(hit.at, "accepted") for hit in hits]
            if shard.full and len(path) < DEEPEST_PATH:
                self._split(tree, path)
            return []
        _learn(tree, path, shard)
        return hits if tree.is_closed else _without(hits, shard.marks, outcomes)

    def _split(self, tree: _Tree, path: str) -> None:
        """A full shard that could not be split is dearer, never wrong: the next writer tries again."""
        try:
            _learn(tree, path, self._store.split(ShardKey(tree.key, path)))
        except Unavailable:
            return


def _learn(tree: _Tree, path: str, shard: Shard) -> None:
    if shard.state == "split":
        tree.frozen[path] = shard.marks
    tree.is_closed |= shard.state == "closed"


def _without(hits: Iterable[Hit], held: AbstractSet[bytes], outcomes: list[_Outcome]) -> list[Hit]:
    """The hits that are not held; those that are, are duplicates."""
    new: list[Hit] = []
    for hit in hits:
        if hit.digest.mark in held:
            outcomes.append(_Outcome(hit.at, "duplicate"))
        else:
            new.append(hit)
    return new
