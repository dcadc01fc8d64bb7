"""The ports of the catalogue's use cases."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from vitrine.platform.retries import Superseded

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from vitrine.catalog.model import Interaction, Product, UserKey


class StaleInteractions(Superseded):
    """An interaction changed after it was read; the write was refused."""


class ProductRepository(Protocol):
    """Stores products."""

    def put_products(self, merchant_id: str, products: Sequence[Product]) -> None:
        """Store products; each replaces what was stored under its id."""

    def find_product(self, merchant_id: str, product_id: str) -> Product | None:
        """Return the product (a consistent read), or None."""

    def find_products(self, merchant_id: str, product_ids: Iterable[str]) -> Mapping[str, Product]:
        """Return those of the products that exist, by id (consistent reads, in batches)."""

    def list_products(self, merchant_id: str, limit: int, after: str | None) -> Sequence[Product]:
        """Return up to `limit` products in the order of their ids, starting after the id `after`."""

    def delete_product(self, merchant_id: str, product_id: str) -> bool:
        """Delete a product; return whether it existed."""


class InteractionRepository(Protocol):
    """Stores interactions, by user."""

    def find_interactions(self, user: UserKey, interaction_ids: Sequence[str]) -> dict[str, Interaction]:
        """Return those of the interactions that exist, by id (a consistent read)."""

    def replace_interactions(
        self, user: UserKey, changes: Sequence[tuple[Interaction | None, Interaction | None]]
    ) -> None:
        """Replace each `before` by its `after`: None before creates, None after deletes.

        Takes at most `REPLACE_LIMIT` new interactions, or one change. The same write updates the set of bought
        products, raises the user's `revision` if that set changes, and adds to what recommendations earned. Raises
        StaleInteractions if a stored interaction differs from its `before`; some of the others may be written by then.
        """

    def newest_interactions(
        self, user: UserKey, limit: int, after: str | None
    ) -> tuple[Sequence[Interaction], str | None]:
        """Return up to `limit` interactions, newest first, after `after`; and the next `after`, None at the end."""

    def erase(self, user: UserKey, time_is_left: Callable[[], bool]) -> bool:
        """Delete everything of a user; return False if time ran out before the end."""

    def part(self, merchant_id: str, part: int) -> Iterator[Interaction]:
        """Iterate over all interactions of the users in one part."""


REPLACE_LIMIT = 33


class Withdrawals(Protocol):
    """Listener for withdrawn products and pictures."""

    def note(self, merchant_id: str) -> None:
        """Note that a product of the merchant was deleted or became unavailable, or no longer shows a picture."""
