"""The engines of counting."""

from __future__ import annotations

from datetime import timedelta
from functools import cache, partial
from typing import TYPE_CHECKING, NamedTuple

from vitrine.engagement.count_events import EventCounter
from vitrine.engagement.dynamodb import DynamoDBCounters, DynamoDBSalts, DynamoDBVisitorCounts
from vitrine.engagement.model import Rules
from vitrine.engagement.note_visits import VisitNotes
from vitrine.engagement.ports import CounterKey
from vitrine.engagement.watch_visitors import VisitorWatch
from vitrine.galleries.wiring import gallery_repository
from vitrine.platform.aws import client
from vitrine.platform.settings import read_settings

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from vitrine.engagement.count_queued import QueuedCounter, TakeEvents
    from vitrine.engagement.fold_counters import SplitImages
    from vitrine.engagement.put_off import PutOff
    from vitrine.engagement.s3 import S3History
    from vitrine.engagement.sqs import SqsEvents
    from vitrine.galleries.model import Counts, GalleryKey, Image


class EngagementSettings(NamedTuple):
    """The table of counters, and how old an event may be."""

    counters_table: str
    event_window_minutes: int = 60


class IntakeSettings(NamedTuple):
    """The queue that events are stored in; empty if they are counted at once."""

    intake_queue: str = ""


class HistorySettings(NamedTuple):
    """The bucket of counts by the hour."""

    history_bucket: str


class SaltSettings(NamedTuple):
    """The table of daily salts and of visitors' counts."""

    idempotency_table: str


class _Galleries:
    def find_incarnations(self, gallery: GalleryKey, image_ids: Iterable[str]) -> Mapping[str, str]:
        images = gallery_repository().get_images(gallery, image_ids)
        return {image_id: image.incarnation for image_id, image in images.items()}

    def find_rules(self, gallery: GalleryKey) -> Rules:
        settings = gallery_repository().find_gallery(gallery)
        if settings is None:
            return Rules(has_gallery=False)
        suspects = gallery_repository().list_suspects(gallery) if settings.has_suspects else ()
        return Rules(
            settings.counting == "every_event",
            settings.live.ranking.half_life_days,
            settings.live.ranking.lab_share,
            settings.live.number,
            settings.experiment if settings.experiment and settings.experiment.is_ready else None,
            frozenset(suspect.visitor for suspect in suspects if not suspect.is_trusted),
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
def counter_repository(*, archives: bool = False) -> DynamoDBCounters:
    """Return the counters; `archives`: for what archives full shards."""
    return DynamoDBCounters(client("dynamodb"), read_settings(EngagementSettings).counters_table, archives=archives)


@cache
def history() -> S3History:
    """Return the counts by the hour."""
    from vitrine.engagement.s3 import S3History  # noqa: PLC0415 - only what records or replays loads it

    return S3History(client("s3"), read_settings(HistorySettings).history_bucket)


@cache
def event_counter(*, archives: bool = False) -> EventCounter:
    """Return what counts events; `archives`: those of many requests together."""
    return EventCounter(
        counter_repository(archives=archives), _Galleries(), daily_salts(), event_window(), archives=archives
    )


@cache
def daily_salts() -> DynamoDBSalts:
    """Return the salts of days."""
    return DynamoDBSalts(client("dynamodb"), read_settings(SaltSettings).idempotency_table)


def event_window() -> timedelta:
    """Return how old an event may be."""
    return timedelta(minutes=read_settings(EngagementSettings).event_window_minutes)


@cache
def event_queue() -> SqsEvents | None:
    """Return the queue that events are stored in, or None if they are counted at once."""
    queue = read_settings(IntakeSettings).intake_queue
    if not queue:
        return None
    from vitrine.engagement.sqs import SqsEvents  # noqa: PLC0415 - not loaded where events are counted at once

    return SqsEvents(client("sqs"), queue)


@cache
def queued_counter(take_events: TakeEvents) -> QueuedCounter:
    """Return what counts the events of the queue. `take_events` records what users did."""
    from vitrine.engagement.count_queued import QueuedCounter  # noqa: PLC0415 - as above

    return QueuedCounter(event_counter(archives=True), visit_notes(), visitor_watch(), take_events)


@cache
def put_off() -> PutOff:
    """Return what decides which changed images wait."""
    from vitrine.engagement.put_off import PutOff  # noqa: PLC0415 - only what follows the stream loads it
    from vitrine.galleries.leading_images import leading_images  # noqa: PLC0415 - as above

    return PutOff(partial(leading_images, gallery_repository()))


@cache
def split_images() -> SplitImages:
    """Return what remembers which split images were looked at."""
    from vitrine.engagement.fold_counters import SplitImages  # noqa: PLC0415 - only what follows the stream loads it

    return SplitImages()


@cache
def visit_notes() -> VisitNotes:
    """Return what records the visitors of experiments."""
    return VisitNotes(gallery_repository())


@cache
def visitor_watch() -> VisitorWatch:
    """Return what finds visitors whose events look automated."""
    counts = DynamoDBVisitorCounts(client("dynamodb"), read_settings(SaltSettings).idempotency_table)
    return VisitorWatch(counts, gallery_repository())


def gallery_counters() -> _GalleryCounters:
    """Return what galleries need from counting."""
    return _GalleryCounters()
