"""Publish approved snapshots as images of galleries."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vitrine.galleries.change_image import delete_image
from vitrine.galleries.model import Description, GalleryKey
from vitrine.galleries.put_images import ImageDraft, put_images
from vitrine.platform.problems import NotFound

if TYPE_CHECKING:
    from collections.abc import Callable

    from vitrine.galleries.ports import Counters, GalleryRepository
    from vitrine.review.model import Snapshot
    from vitrine.review.ports import Products


class GalleryPublisher:
    """Galleries on the galleries room.

    An image gets its snapshot's id and its product's name. The URL of an uploaded picture is
    `{public_api_url}/snapshot-pictures/…`.
    """

    def __init__(
        self,
        repository: GalleryRepository,
        counters: Counters,
        products: Products,
        public_api_url: str,
        new_incarnation: Callable[[], str],
    ) -> None:
        self._repository = repository
        self._counters = counters
        self._products = products
        self._public_api_url = public_api_url
        self._new_incarnation = new_incarnation

    def show(self, snapshot: Snapshot) -> None:
        """Create the image; do nothing if it exists, or if the gallery is gone."""
        draft = ImageDraft(snapshot.snapshot_id, self._description(snapshot))
        try:
            put_images(self._repository, self._key(snapshot), [draft], new_incarnation=self._new_incarnation)
        except NotFound:
            return

    def hide(self, snapshot: Snapshot) -> None:
        """Delete the image if it exists."""
        try:
            delete_image(self._repository, self._counters, self._key(snapshot), snapshot.snapshot_id)
        except NotFound:
            return

    def _key(self, snapshot: Snapshot) -> GalleryKey:
        return GalleryKey(snapshot.merchant_id, snapshot.gallery_id or "")

    def _description(self, snapshot: Snapshot) -> Description:
        product = self._products.find_products(snapshot.merchant_id, [snapshot.product_id]).get(snapshot.product_id)
        uploaded = f"{self._public_api_url}/snapshot-pictures/{snapshot.merchant_id}/{snapshot.snapshot_id}"
        return Description(
            name=(product.name if product else None) or snapshot.filename,
            url=snapshot.url or uploaded,
            created_at=snapshot.created_at,
            product_ids=(snapshot.product_id,),
        )
