"""The galleries on their engines."""

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
    """Where galleries and images are kept."""

    galleries_table: str
    images_table: str


class TaskSettings(NamedTuple):
    """Where work for later goes."""

    gallery_tasks_queue: str


@cache
def gallery_repository() -> DynamoDBGalleries:
    """Galleries and images."""
    settings = read_settings(GalleriesSettings)
    return DynamoDBGalleries(client("dynamodb"), settings.galleries_table, settings.images_table)


@cache
def recent_galleries() -> RecentGalleries:
    """Galleries as they were a moment ago."""
    return RecentGalleries(gallery_repository())


def gallery_tasks(hops: int = 0) -> SqsTasks:
    """Work that goes on after the answer, or that was handed on `hops` times."""
    return SqsTasks(client("sqs"), read_settings(TaskSettings).gallery_tasks_queue, hops)


def new_incarnation() -> str:
    """A fresh mark for an image at its creation."""
    return uuid4().hex[:12]
