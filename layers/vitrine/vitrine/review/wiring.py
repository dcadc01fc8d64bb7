"""Reviewing on its engines."""

from __future__ import annotations

from datetime import timedelta
from functools import cache
from typing import TYPE_CHECKING, NamedTuple

from vitrine.catalog.wiring import product_repository
from vitrine.galleries.model import GalleryKey
from vitrine.galleries.wiring import gallery_repository, new_incarnation
from vitrine.platform.aws import client
from vitrine.platform.settings import read_settings
from vitrine.review.dynamodb import DynamoDBReview
from vitrine.review.ports import ComparedProduct

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from vitrine.review.galleries import GalleryPublisher
    from vitrine.review.s3 import S3Pictures


class ReviewSettings(NamedTuple):
    """Where snapshots are kept."""

    review_table: str


class PictureSettings(NamedTuple):
    """Where pictures are kept."""

    pictures_bucket: str


class QueueSettings(NamedTuple):
    """How long a reviewer may take, and how many of a hundred snapshots two reviewers see."""

    review_lease_seconds: int = 300
    second_opinion_percent: int = 0


class PublicSettings(NamedTuple):
    """Where web pages find the API."""

    public_api_url: str


class _KnownGalleries:
    """The port KnownGalleries."""

    def exists(self, merchant_id: str, gallery_id: str) -> bool:
        gallery = gallery_repository().find_gallery(GalleryKey(merchant_id, gallery_id))
        return gallery is not None and not gallery.deleting


class _Catalogue:
    """The port Products."""

    def find_products(self, merchant_id: str, product_ids: Iterable[str]) -> Mapping[str, ComparedProduct]:
        found = product_repository().find_products(merchant_id, product_ids)
        return {name: ComparedProduct(it.name, [it.image_url] if it.image_url else []) for name, it in found.items()}


@cache
def review_store() -> DynamoDBReview:
    """Snapshots, queues, counts and trails."""
    return DynamoDBReview(client("dynamodb"), read_settings(ReviewSettings).review_table)


@cache
def pictures() -> S3Pictures:
    """The bucket of pictures. Loaded only where pictures are shown."""
    from vitrine.review.s3 import S3Pictures  # noqa: PLC0415 - see above

    return S3Pictures(client("s3"), read_settings(PictureSettings).pictures_bucket)


@cache
def publisher() -> GalleryPublisher:
    """Galleries to publish in. Loaded only by what follows verdicts."""
    from vitrine.engagement.wiring import gallery_counters  # noqa: PLC0415 - see above
    from vitrine.review.galleries import GalleryPublisher  # noqa: PLC0415 - see above

    address = read_settings(PublicSettings).public_api_url
    return GalleryPublisher(gallery_repository(), gallery_counters(), products(), address, new_incarnation)


@cache
def queue_settings() -> QueueSettings:
    """How the queue works."""
    return read_settings(QueueSettings)


def lease_time() -> timedelta:
    """How long a lease lasts."""
    return timedelta(seconds=queue_settings().review_lease_seconds)


def known_galleries() -> _KnownGalleries:
    """Which galleries there are."""
    return _KnownGalleries()


def products() -> _Catalogue:
    """What is known of products."""
    return _Catalogue()
