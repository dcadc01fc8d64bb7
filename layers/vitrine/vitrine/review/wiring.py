"""Which engines the use cases of review run on."""

from __future__ import annotations

from datetime import timedelta
from functools import cache
from typing import TYPE_CHECKING, NamedTuple

from vitrine.catalog.wiring import product_repository
from vitrine.galleries.model import GalleryKey
from vitrine.galleries.wiring import gallery_repository, new_incarnation
from vitrine.platform.aws import client
from vitrine.platform.settings import read_settings
from vitrine.renditions.model import PRODUCTS, Holder
from vitrine.review.dynamodb import DynamoDBReview
from vitrine.review.ports import ComparedPicture, ComparedProduct

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from vitrine.review.galleries import GalleryPublisher
    from vitrine.review.s3 import S3Pictures


class ReviewSettings(NamedTuple):
    """The table of snapshots."""

    review_table: str


class PictureSettings(NamedTuple):
    """The bucket of uploaded pictures."""

    pictures_bucket: str


class QueueSettings(NamedTuple):
    """How long a lease lasts, and the percentage of snapshots that two reviewers see."""

    review_lease_seconds: int = 300
    second_opinion_percent: int = 0


class PublicSettings(NamedTuple):
    """The public URL of the API."""

    public_api_url: str


class _KnownGalleries:
    """KnownGalleries on the galleries room."""

    def exists(self, merchant_id: str, gallery_id: str) -> bool:
        gallery = gallery_repository().find_gallery(GalleryKey(merchant_id, gallery_id))
        return gallery is not None and not gallery.deleting


class _Catalogue:
    """Products on the catalog room."""

    def find_products(self, merchant_id: str, product_ids: Iterable[str]) -> Mapping[str, ComparedProduct]:
        products = product_repository().find_products(merchant_id, product_ids)

        def pictures_of(product_id: str, url: str | None) -> list[ComparedPicture]:
            return [ComparedPicture(url, Holder(merchant_id, PRODUCTS, product_id), url)] if url else []

        return {
            product_id: ComparedProduct(product.name, pictures_of(product_id, product.image_url))
            for product_id, product in products.items()
        }


@cache
def review_store() -> DynamoDBReview:
    """Return the repository of snapshots, queues, counts and audit trails."""
    return DynamoDBReview(client("dynamodb"), read_settings(ReviewSettings).review_table)


@cache
def pictures() -> S3Pictures:
    """Return the bucket of uploaded pictures."""
    from vitrine.review.s3 import S3Pictures  # noqa: PLC0415 - only what shows pictures loads it

    return S3Pictures(client("s3"), read_settings(PictureSettings).pictures_bucket)


@cache
def publisher() -> GalleryPublisher:
    """Return what publishes approved snapshots in galleries."""
    from vitrine.engagement.wiring import gallery_counters  # noqa: PLC0415 - only what follows decisions loads it
    from vitrine.review.galleries import GalleryPublisher  # noqa: PLC0415 - as above

    address = read_settings(PublicSettings).public_api_url
    return GalleryPublisher(gallery_repository(), gallery_counters(), products(), address, new_incarnation)


@cache
def queue_settings() -> QueueSettings:
    """Return the settings of the queue."""
    return read_settings(QueueSettings)


def lease_time() -> timedelta:
    """Return how long a lease lasts."""
    return timedelta(seconds=queue_settings().review_lease_seconds)


def known_galleries() -> _KnownGalleries:
    """Return what tells which galleries exist."""
    return _KnownGalleries()


def products() -> _Catalogue:
    """Return what finds products of the catalogue."""
    return _Catalogue()
