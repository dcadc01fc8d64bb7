"""The engines of galleries."""

from __future__ import annotations

from functools import cache
from typing import NamedTuple
from uuid import uuid4

from vitrine.galleries.dynamodb import DynamoDBGalleries
from vitrine.galleries.recent_galleries import RecentGalleries
from vitrine.galleries.sqs import SqsTasks
from vitrine.platform.aws import client
from vitrine.platform.settings import read_settings


class GalleriesSettings(NamedTuple):
    """The tables of galleries and images."""

    galleries_table: str
    images_table: str


class TaskSettings(NamedTuple):
    """The queue of background tasks."""

    gallery_tasks_queue: str


@cache
def gallery_repository() -> DynamoDBGalleries:
    """Return the galleries and images."""
    settings = read_settings(GalleriesSettings)
    return DynamoDBGalleries(client("dynamodb"), settings.galleries_table, settings.images_table)


@cache
def recent_galleries() -> RecentGalleries:
    """Return the cache of galleries."""
    return RecentGalleries(gallery_repository())


def gallery_tasks(hops: int = 0) -> SqsTasks:
    """Return the queue of background tasks; `hops` counts how often a task was handed on."""
    return SqsTasks(client("sqs"), read_settings(TaskSettings).gallery_tasks_queue, hops)


def new_incarnation() -> str:
    """Return a new id for an incarnation of an image."""
    return uuid4().hex[:12]
