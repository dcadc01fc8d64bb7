"""What a batch leaves behind when a part of it fails."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from vitrine.engagement.count_events import Batch, EventCounter
from vitrine.engagement.model import Event, Shard
from vitrine.engagement.ports import Absorbed, CounterKey, ShardKey
from vitrine.galleries.model import GalleryKey, Totals
from vitrine.platform.problems import Unavailable

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from vitrine.engagement.model import Hit, Slots

GALLERY = GalleryKey("shop", "summer")


class Images:
    def find_incarnations(self, gallery: GalleryKey, image_ids: Iterable[str]) -> Mapping[str, str]:
        return dict.fromkeys(image_ids, "first")


class OneBusyImage:
    """Refuses one image at once, and takes its time over the others."""

    def __init__(self) -> None:
        self.absorbed: list[str] = []

    def absorb(self, key: ShardKey, hits: Sequence[Hit], slots: Slots) -> Absorbed | Shard:
        if key.counters.image_id == "busy":
            raise Unavailable("busy", 1)
        time.sleep(0.05)
        self.absorbed.append(key.counters.image_id)
        return Absorbed(full=False)

    def split(self, key: ShardKey) -> Shard:
        raise NotImplementedError

    def close(self, key: CounterKey) -> None:
        raise NotImplementedError

    def read(self, keys: Sequence[CounterKey]) -> dict[CounterKey, Totals]:
        raise NotImplementedError


def test_no_write_goes_on_behind_a_failure() -> None:
    """A frozen function would finish it hours later, when the digests that tell a resend apart are gone."""
    store = OneBusyImage()
    counter = EventCounter(store, Images(), timedelta(hours=1))
    events = [Event(image_id, "view", image_id) for image_id in ("busy", "slow", "slower")]
    with pytest.raises(Unavailable):
        counter.count(Batch(GALLERY, "secret", events, from_robot=False, now=datetime(2026, 1, 1, tzinfo=UTC)))
    counted = list(store.absorbed)
    time.sleep(0.2)
    assert store.absorbed == counted
    assert sorted(counted) == ["slow", "slower"]
