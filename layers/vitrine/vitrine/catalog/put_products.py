"""Store, find and delete products."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vitrine.platform.problems import NotFound

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vitrine.catalog.model import Product
    from vitrine.catalog.ports import ProductRepository, Withdrawals


def put_products(
    repository: ProductRepository, withdrawals: Withdrawals, merchant_id: str, products: Sequence[Product]
) -> None:
    """Store products; each replaces what was stored under its id."""
    repository.put_products(merchant_id, products)
    if not all(product.available for product in products):
        withdrawals.note(merchant_id)


def find_product(repository: ProductRepository, merchant_id: str, product_id: str) -> Product:
    """Return a product. Raises NotFound."""
    product = repository.find_product(merchant_id, product_id)
    if product is None:
        raise NotFound(f"There is no product {product_id}.")
    return product


def delete_product(repository: ProductRepository, withdrawals: Withdrawals, merchant_id: str, product_id: str) -> None:
    """Delete a product. Raises NotFound.

    Notes the withdrawal even if the product is gone already: an earlier delete may have stopped before its note.
    """
    deleted = repository.delete_product(merchant_id, product_id)
    withdrawals.note(merchant_id)
    if not deleted:
        raise NotFound(f"There is no product {product_id}.")
