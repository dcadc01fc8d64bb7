"""Products as holders of mirrored pictures."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vitrine.renditions.ports import ShownPicture

if TYPE_CHECKING:
    from vitrine.catalog.ports import ProductRepository, Withdrawals
    from vitrine.renditions.model import Holder, Original
    from vitrine.renditions.ports import Originals


class ProductHolders:
    """Holders on the catalogue. References are stored beside the products, so that a product can be put as a whole."""

    def __init__(self, products: ProductRepository, originals: Originals, withdrawals: Withdrawals) -> None:
        self._products = products
        self._originals = originals
        self._withdrawals = withdrawals

    def find(self, holder: Holder) -> ShownPicture | None:
        """Return what the product shows; None if it is gone or has no picture."""
        product = self._products.find_product(holder.merchant_id, holder.image_id)
        if product is None or product.image_url is None:
            return None
        return ShownPicture(product.image_url, self._originals.find([holder]).get(holder))

    def refer(self, holder: Holder, original: Original) -> None:
        """Let the product refer to a copy, unless it is gone or shows another URL by now."""
        shown = self.find(holder)
        if shown and shown.url == original.url:
            self._originals.put(holder, original)

    def forget(self, holder: Holder, digest: str) -> None:
        """Remove the product's reference to this copy, if it has one, and have stored answers with it not be shown."""
        self._originals.remove(holder, digest)
        self._withdrawals.note(holder.merchant_id)
