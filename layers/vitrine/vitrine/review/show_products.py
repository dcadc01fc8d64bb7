"""Collect what a reviewer compares a snapshot with: the product's picture, and snapshots that were approved."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vitrine.review.mirroring import holder_of, picture_url
from vitrine.review.ports import ComparedPicture, ComparedProduct

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from vitrine.review.ports import Pictures, Products, Snapshots

_APPROVED_SHOWN = 3


def show_products(
    repository: Snapshots, products: Products, pictures: Pictures, merchant_id: str, product_ids: Iterable[str]
) -> Mapping[str, ComparedProduct]:
    """Return each product's name and pictures by id, the catalogue's pictures first."""
    known = products.find_products(merchant_id, product_ids)
    shown = {}
    for product_id in product_ids:
        product = known.get(product_id) or ComparedProduct(None, ())
        approved, _ = repository.list_snapshots(merchant_id, "approved", product_id, _APPROVED_SHOWN, None)
        own = [
            ComparedPicture(pictures.address_of(snapshot), holder_of(snapshot), picture_url(snapshot))
            for snapshot in approved
        ]
        shown[product_id] = ComparedProduct(product.name, [*product.pictures, *own])
    return shown
