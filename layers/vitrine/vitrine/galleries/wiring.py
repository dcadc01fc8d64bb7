"""The engines of galleries."""

from __future__ import annotations

from functools import cache
from uuid import uuid4

from vitrine.galleries.dynamodb import DynamoDBGalleries
from vitrine.galleries.recent_galleries import RecentGalleries
from vitrine.galleries.sqs import SqsTasks
from vitrine.platform.aws import client
from vitrine.platform.settings import setting


@cache
def gallery_repository() -> DynamoDBGalleries:
    """Return the galleries and images."""
    return DynamoDBGalleries(client("dynamodb"), setting("GALLERIES_TABLE"), setting("IMAGES_TABLE"))


@cache
def recent_galleries() -> RecentGalleries:
    """Return the cache of galleries."""
    return RecentGalleries(gallery_repository())


def gallery_tasks(hops: int = 0) -> SqsTasks:
    """Return the queue of background tasks; `hops` counts how often a task was handed on."""
    return SqsTasks(client("sqs"), setting("GALLERY_TASKS_QUEUE"), hops)


def new_incarnation() -> str:
    """Return a new id for an incarnation of an image."""
    return uuid4().hex[:12]
