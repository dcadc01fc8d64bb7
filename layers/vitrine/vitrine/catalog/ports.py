"""What the catalogue needs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from vitrine.catalog.model import Interaction, Product, UserKey


class StaleInteractions(Exception):
    """Interactions changed since they were read; nothing was written."""


class ProductStore(Protocol):
    """Products."""

    def put_products(self, merchant_id: str, products: Sequence[Product]) -> None:
        """Store products, whatever stood there."""
        ...

    def find_product(self, merchant_id: str, product_id: str) -> Product | None:
        """The product, read consistently."""
        ...

    def list_products(self, merchant_id: str, limit: int, after: str | None) -> Sequence[Product]:
        """Up to `limit` products by id, after the id `after`."""
        ...

    def delete_product(self, merchant_id: str, product_id: str) -> bool:
        """Remove a product; False when there was none."""
        ...


class InteractionStore(Protocol):
    """Interactions by user."""

    def find_interactions(self, user: UserKey, interaction_ids: Sequence[str]) -> dict[str, Interaction]:
        """Those there are of these, read consistently."""
        ...

    def replace_interactions(
        self, user: UserKey, changes: Sequence[tuple[Interaction | None, Interaction | None]]
    ) -> None:
        """Write `(before, after)`, at most `REPLACE_LIMIT` new ones or a single change; after None removes.

        What was bought follows in the same write, and `revision` of the user moves where that changes. Raises
        StaleInteractions where another stands than `before`; some may be written then.
        """
        ...

    def newest_interactions(
        self, user: UserKey, limit: int, after: str | None
    ) -> tuple[Sequence[Interaction], str | None]:
        """Up to `limit`, newest first, behind `after`; and where to go on (None at the end)."""
        ...

    def erase(self, user: UserKey, time_is_left: Callable[[], bool]) -> bool:
        """Remove all there is of a user; False when time ran out before."""
        ...

    def part(self, merchant_id: str, part: int) -> Iterator[Interaction]:
        """All interactions of the users of one part."""
        ...


REPLACE_LIMIT = 45


class Withdrawals(Protocol):
    """Who must know that a product may no longer be shown."""

    def note(self, merchant_id: str) -> None:
        """Some product of the merchant was deleted or is no longer available."""
        ...
