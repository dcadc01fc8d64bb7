"""Counting on its engines."""

from __future__ import annotations

from datetime import timedelta
from functools import cache
from typing import TYPE_CHECKING, NamedTuple

from vitrine.engagement.count_events import EventCounter
from vitrine.engagement.dynamodb import DynamoDBCounters, DynamoDBSalts
from vitrine.engagement.model import Rules
from vitrine.engagement.note_visits import VisitNotes
from vitrine.engagement.ports import CounterKey
from vitrine.galleries.wiring import gallery_repository
from vitrine.platform.aws import client
from vitrine.platform.settings import read_settings

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from vitrine.galleries.model import Counts, GalleryKey, Image


class EngagementSettings(NamedTuple):
    """Where counters are kept, and how old an event may be."""

    counters_table: str
    event_window_minutes: int = 60


class SaltSettings(NamedTuple):
    """Where the salts of the days are kept."""

    idempotency_table: str


class _Galleries:
    def find_incarnations(self, gallery: GalleryKey, image_ids: Iterable[str]) -> Mapping[str, str]:
        images = gallery_repository().get_images(gallery, image_ids)
        return {image_id: image.incarnation for image_id, image in images.items()}

    def find_rules(self, gallery: GalleryKey) -> Rules:
        found = gallery_repository().find_gallery(gallery)
        if found is None:
            return Rules()
        return Rules(
            found.counting == "every_event",
            found.live.ranking.half_life_days,
            found.live.ranking.lab_share,
            found.live.number,
            found.experiment if found.experiment and found.experiment.is_ready else None,
        )


class _GalleryCounters:
    """The galleries' port `Counters`."""

    def close(self, image: Image) -> None:
        counter_repository().close(_counters_of(image))

    def read(self, images: Sequence[Image]) -> Mapping[str, Counts]:
        counted = counter_repository().read([_counters_of(image) for image in images])
        return {key.image_id: counts for key, counts in counted.items()}


def _counters_of(image: Image) -> CounterKey:
    return CounterKey(image.gallery, image.image_id, image.incarnation)


@cache
def counter_repository() -> DynamoDBCounters:
    """The counters."""
    return DynamoDBCounters(client("dynamodb"), read_settings(EngagementSettings).counters_table)


@cache
def event_counter() -> EventCounter:
    """Counts events."""
    window = timedelta(minutes=read_settings(EngagementSettings).event_window_minutes)
    salts = DynamoDBSalts(client("dynamodb"), read_settings(SaltSettings).idempotency_table)
    return EventCounter(counter_repository(), _Galleries(), salts, window)


@cache
def visit_notes() -> VisitNotes:
    """Notes the visitors of experiments."""
    return VisitNotes(gallery_repository())


def gallery_counters() -> _GalleryCounters:
    """What galleries ask of counting."""
    return _GalleryCounters()
