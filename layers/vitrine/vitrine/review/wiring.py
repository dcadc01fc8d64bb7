"""Which engines the use cases of review run on."""

from __future__ import annotations

from datetime import timedelta
from functools import cache
from typing import TYPE_CHECKING

from vitrine.catalog.wiring import product_repository
from vitrine.galleries.model import GalleryKey
from vitrine.galleries.wiring import gallery_repository, new_incarnation
from vitrine.platform.aws import client
from vitrine.platform.settings import setting
from vitrine.renditions.model import PRODUCTS, Holder
from vitrine.review.dynamodb import DynamoDBReview
from vitrine.review.ports import ComparedPicture, ComparedProduct

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from vitrine.review.galleries import GalleryPublisher
    from vitrine.review.s3 import S3Pictures


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
    return DynamoDBReview(client("dynamodb"), setting("REVIEW_TABLE"))


@cache
def pictures() -> S3Pictures:
    """Return the bucket of uploaded pictures."""
    from vitrine.review.s3 import S3Pictures  # noqa: PLC0415 - only what shows pictures loads it

    return S3Pictures(client("s3"), setting("PICTURES_BUCKET"))


@cache
def publisher() -> GalleryPublisher:
    """Return what publishes approved snapshots in galleries."""
    from vitrine.engagement.wiring import gallery_counters  # noqa: PLC0415 - only what follows decisions loads it
    from vitrine.review.galleries import GalleryPublisher  # noqa: PLC0415 - as above

    address = setting("PUBLIC_API_URL")
    return GalleryPublisher(gallery_repository(), gallery_counters(), products(), address, new_incarnation)


def second_opinion_percent() -> int:
    """Return the percentage of snapshots that two reviewers see."""
    return int(setting("SECOND_OPINION_PERCENT"))


def lease_time() -> timedelta:
    """Return how long a lease lasts."""
    return timedelta(seconds=int(setting("REVIEW_LEASE_SECONDS")))


def known_galleries() -> _KnownGalleries:
    """Return what tells which galleries exist."""
    return _KnownGalleries()


def products() -> _Catalogue:
    """Return what finds products of the catalogue."""
    return _Catalogue()
