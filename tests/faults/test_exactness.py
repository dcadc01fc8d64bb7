"""Counting and ordering come out as one clean run, whatever fails; and not without their guards."""

from __future__ import annotations

import os
import time
from dataclasses import replace
from itertools import count
from typing import TYPE_CHECKING, Any

import pytest
from moto import mock_aws

from tests.faults.driver import Odds
from tests.faults.world import WINDOW, Violation, World
from vitrine.engagement.amounts import counts_of
from vitrine.engagement.count_events import EventCounter
from vitrine.engagement.dynamodb import DynamoDBCounters, amounts_of
from vitrine.engagement.model import ROOT, Shard, Trace, slots_at
from vitrine.engagement.note_visits import VisitNotes
from vitrine.engagement.ports import Archived, CountedEvents, ShardKey
from vitrine.engagement.put_off import PutOff
from vitrine.galleries.dynamodb import DynamoDBGalleries
from vitrine.platform.dynamodb import try_update

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence
    from datetime import datetime

    from vitrine.engagement.count_events import Batch
    from vitrine.engagement.model import PendingEvent, Result, Rules, Slots
    from vitrine.engagement.ports import CounterKey
    from vitrine.engagement.recompute_weights import CounterChange, Recomputed
    from vitrine.galleries.model import Counts, Gallery, GalleryKey, Image, Settlement
    from vitrine.ranking.interleaving import Team

pytestmark = pytest.mark.usefixtures("aws_credentials")
RUNS = int(os.environ.get("VITRINE_FAULT_RUNS", "50"))
NOTICED_WITHIN = 40


@pytest.mark.parametrize("buffered", [False, True], ids=["direct", "buffered"])
@pytest.mark.parametrize("seed", range(RUNS))
def test_nothing_is_lost_or_doubled(seed: int, *, buffered: bool) -> None:
    with mock_aws():
        World(seed, buffered=buffered).run()


class WithoutDigests(DynamoDBCounters):
    """Never meets a digest again, so each resend counts."""

    _fresh = count()

    def count(
        self, key: ShardKey, events: Sequence[PendingEvent], slots: Slots, archives: int = 0
    ) -> CountedEvents | Shard:
        marked = [event._replace(traces=(Trace(next(self._fresh).to_bytes(8, "big"), None),)) for event in events]
        return super().count(key, marked, slots, archives)


class WithoutHours(DynamoDBCounters):
    """Lets a visitor count as often as they like."""

    def count(
        self, key: ShardKey, events: Sequence[PendingEvent], slots: Slots, archives: int = 0
    ) -> CountedEvents | Shard:
        return super().count(key, [event._replace(once=None) for event in events], slots, archives)


class WithoutFrozenMarks(DynamoDBCounters):
    """Forgets what a shard held once it is split."""

    def count(
        self, key: ShardKey, events: Sequence[PendingEvent], slots: Slots, archives: int = 0
    ) -> CountedEvents | Shard:
        shard = super().count(key, events, slots, archives)
        is_split = not isinstance(shard, CountedEvents) and shard.state == "split"
        return Shard("split", frozenset()) if is_split else shard

    def split(self, key: ShardKey) -> Shard:
        return super().split(key)._replace(marks=frozenset())


class WithoutFoldedMarks(DynamoDBCounters):
    """Forgets what the shards of a tree held once it is folded."""

    def read_folded(self, key: CounterKey, tree: int, paths: Iterable[str], since: datetime) -> set[bytes]:
        return set()


class WithoutFreezing(DynamoDBCounters):
    """Folds a tree while its shards go on counting."""

    def _freeze(self, key: CounterKey, tree: int) -> bool:
        return True


class WithFoldsByForce(DynamoDBCounters):
    """Adds a tree's totals to the root though somebody else did."""

    def _update(self, key: ShardKey, update: dict[str, Any]) -> dict[str, Any]:
        if ":tree" in update["ExpressionAttributeValues"]:
            time.sleep(0.01)
            named = update["UpdateExpression"] + update["ConditionExpression"]
            values = update["ExpressionAttributeValues"]
            update = {
                **update,
                "ConditionExpression": "attribute_not_exists(#status) OR #status = :split",
                "ExpressionAttributeValues": {
                    name: value for name, value in values.items() if not name.startswith(":is_") and name in named
                },
            }
        return super()._update(key, update)


class WithTreesCountedTwice(DynamoDBCounters):
    """Sums a tree beside the root that has taken its totals."""

    def read(self, keys: Sequence[CounterKey]) -> dict[CounterKey, Counts]:
        roots = {key: self._item(ShardKey(key, ROOT)) for key in keys}
        trees = {key: 0 for key, root in roots.items() if root}
        below = self._trees(trees)
        return {key: counts_of(map(amounts_of, [roots[key], *below[key]])) for key in trees}


class WithoutArchives(DynamoDBCounters):
    """Forgets what a shard held once it is archived."""

    def read_archives(self, key: ShardKey, first: int, since: datetime) -> Archived:
        return Archived(frozenset())


class WithoutArchiveNumbers(DynamoDBCounters):
    """Counts in a shard whatever was archived meanwhile."""

    def count(
        self, key: ShardKey, events: Sequence[PendingEvent], slots: Slots, archives: int = 0
    ) -> CountedEvents | Shard:
        return super().count(key, events, slots, self.find_shard(key).archives)


class WithArchivesByForce(DynamoDBCounters):
    """Removes a shard's marks though others were added since they were copied."""

    def _update(self, key: ShardKey, update: dict[str, Any]) -> dict[str, Any]:
        number = update["ExpressionAttributeValues"].get(":next")
        if number is None:
            return super()._update(key, update)
        time.sleep(0.01)
        values = {":next": number}
        return super()._update(
            key, {"UpdateExpression": update["UpdateExpression"], "ExpressionAttributeValues": values}
        )


class WithClearedSlots(EventCounter):
    """Forgets what was counted an hour ago, though messages may come later."""

    def _moment(self, now: datetime, arrived: datetime) -> Any:
        return super()._moment(now, arrived)._replace(slots=slots_at(now, WINDOW))


class WithRecentArchives(EventCounter):
    """Reads archives by the time of counting, not by that of the oldest event."""

    def _moment(self, now: datetime, arrived: datetime) -> Any:
        return super()._moment(now, now)


class WithoutTombstones(DynamoDBCounters):
    """Lets writers count for images that are gone."""

    def close(self, key: CounterKey) -> None:
        """Not closed."""


class WithoutRevisions(DynamoDBGalleries):
    """Writes an image whatever it has become since it was read."""

    def save_images(self, images: Sequence[Image]) -> set[str]:
        for image in images:
            stored = self.get_images(image.gallery, [image.image_id])
            super().save_images([image._replace(revision=current.revision) for current in stored.values()])
        return set()


class WithoutNotes(DynamoDBGalleries):
    """Forgets what is settling."""

    def find_gallery(self, key: GalleryKey) -> Gallery | None:
        gallery = super().find_gallery(key)
        return replace(gallery, settling={}) if gallery else None


class WithoutGalleryRevisions(DynamoDBGalleries):
    """Adds to a gallery's totals whatever was added since they were read."""

    def advance_totals(self, gallery: Gallery, settlement: Settlement) -> None:
        stands = self.find_gallery(gallery.key)
        super().advance_totals(stands or gallery, settlement)


class WithHoursApart(DynamoDBGalleries):
    """Adds to the hour and to the gallery's totals in writes of their own."""

    def _transact(self, writes: list[Any], gallery_at: int) -> None:
        if all("Update" in write for write in writes):
            for write in writes:
                super()._transact([write], gallery_at)
        else:
            super()._transact(writes, gallery_at)


class WithoutResentVisits(VisitNotes):
    """Notes no visitor whose events were counted by a request that died."""

    def note(self, batch: Batch, rules: Rules, results: Sequence[Result]) -> None:
        fresh = [
            (event, result) for event, result in zip(batch.events, results, strict=True) if result.status != "duplicate"
        ]
        events = [event for event, _ in fresh]
        super().note(replace(batch, events=events), rules, [result for _, result in fresh])


class WithFickleVotes(DynamoDBGalleries):
    """Takes a visitor's latest click for the vote."""

    def add_visit(
        self, key: GalleryKey, arm: str, visitor: str, clicks: Collection[bytes], vote: Team | None = None
    ) -> None:
        super().add_visit(key, arm, visitor, clicks, vote)
        if vote is not None:
            try_update(
                self._client,
                TableName=self._galleries,
                Key={"pk": {"S": f"{key.merchant_id}/{key.gallery_id}/{arm}"}, "sk": {"S": visitor}},
                UpdateExpression="SET vote = :vote",
                ExpressionAttributeValues={":vote": {"N": str(vote)}},
            )


class WithoutMessages(PutOff):
    """Puts changes off without a message that brings them back."""

    def follow(self, changes: Sequence[CounterChange], now: float, show: Any, queue: Any) -> Recomputed:
        return super().follow(changes, now, show, lambda keys, delay: None)


@pytest.mark.parametrize(
    "stores",
    [
        {"notes": WithoutResentVisits, "experiments": True},
        {"galleries": WithFickleVotes, "experiments": True},
        {"counters": WithoutDigests},
        {"counters": WithoutHours},
        {"counters": WithoutFrozenMarks},
        {"counters": WithoutFoldedMarks},
        {"counters": WithoutFreezing},
        {"counters": WithFoldsByForce},
        {"counters": WithTreesCountedTwice},
        {"counters": WithoutTombstones},
        {"counters": WithoutDigests, "buffered": True},
        {"counters": WithoutHours, "buffered": True},
        {"counters": WithoutArchives, "buffered": True},
        {"counters": WithoutArchiveNumbers, "buffered": True},
        {"counters": WithArchivesByForce, "buffered": True},
        {"queued_counters": WithClearedSlots, "buffered": True},
        {"queued_counters": WithRecentArchives, "buffered": True},
        {"galleries": WithoutRevisions},
        {"galleries": WithoutNotes},
        {"galleries": WithoutGalleryRevisions},
        {"galleries": WithHoursApart},
        {"put_offs": WithoutMessages},
    ],
    ids=lambda stores: next(iter(stores.values())).__name__ + ("-buffered" if "buffered" in stores else ""),
)
def test_a_missing_guard_is_noticed(stores: dict[str, Any]) -> None:
    for seed in range(NOTICED_WITHIN):
        with mock_aws():
            try:
                World(seed, **stores, odds=Odds(crashed_after=0.05, slow=0.3)).run()
            except Violation:
                return
    pytest.fail(f"{NOTICED_WITHIN} runs without the guard looked right")
