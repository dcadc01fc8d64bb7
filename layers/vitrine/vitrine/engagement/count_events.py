"""Events are counted, each once."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Literal, NamedTuple

from vitrine.engagement.model import (
    DEEPEST_PATH,
    LARGEST_WRITE,
    ROOT,
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

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime, timedelta

    from vitrine.engagement.model import Event, Slots
    from vitrine.engagement.ports import CounterStore, Images
    from vitrine.galleries.model import GalleryKey

_PARALLEL_IMAGES = 20
_ATTEMPTS = 12
_TREES_KEPT = 4096


class Batch(NamedTuple):
    """Events of one request."""

    gallery: GalleryKey
    merchant_secret: str
    events: Sequence[Event]
    from_robot: bool
    now: datetime


class _Tree(NamedTuple):
    """Which shards of an incarnation are known to be split, and what they hold, frozen."""

    incarnation: str
    frozen: dict[str, frozenset[bytes]]


class _Outcome(NamedTuple):
    at: int
    status: Literal["accepted", "duplicate", "rejected"]
    detail: str | None = None


class EventCounter:
    """Counts events into a store. Keeps what it learns of split shards, which never changes."""

    def __init__(self, store: CounterStore, images: Images, window: timedelta) -> None:
        """`window` is how old an event may be."""
        self._store = store
        self._images = images
        self._window = window
        self._trees: dict[CounterKey, _Tree] = {}
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
        slots = slots_at(batch.now, self._window)
        count = map if len(by_image) == 1 else self._pool.map
        keys = [CounterKey(batch.gallery, image_id) for image_id in by_image]
        for counted in list(count(self._count_image, keys, by_image.values(), [slots] * len(keys))):
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

    def _count_image(self, key: CounterKey, hits: list[Hit], slots: Slots) -> list[_Outcome]:
        fresh: dict[bytes, Hit] = {}
        outcomes = [_Outcome(hit.at, "duplicate") for hit in hits if fresh.setdefault(hit.digest.mark, hit) is not hit]
        pending = list(fresh.values())
        for _ in range(_ATTEMPTS):
            if not pending:
                return outcomes
            pending = self._count_pending(key, pending, slots, outcomes)
        raise Unavailable("An image is contended. Send the events again.", 1)

    def _count_pending(self, key: CounterKey, pending: list[Hit], slots: Slots, outcomes: list[_Outcome]) -> list[Hit]:
        """Try each shard once; answers the hits to try again."""
        tree = self._trees.get(key)
        frozen = tree.frozen if tree else {}
        again: list[Hit] = []
        for path, hits in by_path(pending, frozenset(frozen)).items():
            known = [mark for at in range(len(path)) for mark in frozen[path[:at]]] if path else []
            repeated = [hit for hit in hits if hit.digest.mark in known]
            outcomes += [_Outcome(hit.at, "duplicate") for hit in repeated]
            new = [hit for hit in hits if hit.digest.mark not in known]
            for start in range(0, len(new), LARGEST_WRITE):
                again += self._absorb(key, tree, path, new[start : start + LARGEST_WRITE], slots, outcomes)
        return again

    def _absorb(  # noqa: PLR0913, PLR0917 - one step of the walk above
        self,
        key: CounterKey,
        tree: _Tree | None,
        path: str,
        hits: list[Hit],
        slots: Slots,
        outcomes: list[_Outcome],
    ) -> list[Hit]:
        shard_key = ShardKey(key, tree.incarnation if tree and path else "", path)
        shard = self._store.absorb(shard_key, hits, slots)
        if isinstance(shard, Absorbed):
            outcomes += [_Outcome(hit.at, "accepted") for hit in hits]
            if shard.full and len(path) < DEEPEST_PATH:
                self._split(shard_key)
            return []
        if shard is None and path != ROOT:
            self._trees.pop(key, None)
            return hits
        if shard is None or shard.state == "closed":
            incarnation = self._images.find_incarnation(key.gallery, key.image_id)
            if incarnation is None or (shard and shard.incarnation == incarnation):
                detail = f"the gallery has no image {key.image_id}"
                outcomes += [_Outcome(hit.at, "rejected", detail) for hit in hits]
                return []
            self._store.open_root(key, incarnation)
            return hits
        if shard.state == "split":
            self._learn(key, shard.incarnation, path, shard.marks)
        repeated = [hit for hit in hits if hit.digest.mark in shard.marks]
        outcomes += [_Outcome(hit.at, "duplicate") for hit in repeated]
        return [hit for hit in hits if hit.digest.mark not in shard.marks]

    def _split(self, key: ShardKey) -> None:
        """A full shard that could not be split is dearer, never wrong: the next writer tries again."""
        try:
            self._store.split(key)
        except Unavailable:
            return

    def _learn(self, key: CounterKey, incarnation: str, path: str, marks: frozenset[bytes]) -> None:
        tree = self._trees.get(key)
        if tree is None or tree.incarnation != incarnation:
            if len(self._trees) >= _TREES_KEPT:
                self._trees.clear()
            tree = self._trees[key] = _Tree(incarnation, {})
        tree.frozen[path] = marks
