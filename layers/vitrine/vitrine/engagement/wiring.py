"""Counting on its engines."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from typing import TYPE_CHECKING

from vitrine.engagement.count_events import EventCounter
from vitrine.engagement.dynamodb import DynamoDBCounters
from vitrine.engagement.ports import CounterKey
from vitrine.galleries.wiring import gallery_store
from vitrine.platform.aws import client
from vitrine.platform.settings import read_settings

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from vitrine.galleries.model import Counted, GalleryKey


@dataclass(frozen=True)
class EngagementSettings:
    """Where counters are kept, and how old an event may be."""

    counters_table: str
    event_window_minutes: int = 60


class _GalleryImages:
    def find_incarnation(self, gallery: GalleryKey, image_id: str) -> str | None:
        image = gallery_store().get_images(gallery, [image_id]).get(image_id)
        return image.incarnation if image else None


class _GalleryCounters:
    """The galleries' port `Counters`."""

    def close(self, key: GalleryKey, image_id: str, incarnation: str) -> None:
        counter_store().close_root(CounterKey(key, image_id), incarnation)

    def read(self, key: GalleryKey, image_ids: Sequence[str]) -> Mapping[str, Counted]:
        counted = counter_store().read([CounterKey(key, image_id) for image_id in image_ids])
        return {counters.image_id: totals for counters, totals in counted.items()}


@cache
def counter_store() -> DynamoDBCounters:
    """The counters."""
    return DynamoDBCounters(client("dynamodb"), read_settings(EngagementSettings).counters_table)


@cache
def event_counter() -> EventCounter:
    """Counts events."""
    window = timedelta(minutes=read_settings(EngagementSettings).event_window_minutes)
    return EventCounter(counter_store(), _GalleryImages(), window)


def gallery_counters() -> _GalleryCounters:
    """What galleries ask of counting."""
    return _GalleryCounters()
