"""Products and interactions in memory."""

from __future__ import annotations

from collections import defaultdict
from datetime import UTC
from threading import RLock
from typing import TYPE_CHECKING

from vitrine.catalog.model import Earnings, UserKey, earnings_of, part_of
from vitrine.catalog.ports import StaleInteractions

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from datetime import date

    from vitrine.catalog.model import Interaction, Product


class ProductsInMemory:
    """ProductRepository."""

    def __init__(self) -> None:
        self._products: defaultdict[str, dict[str, Product]] = defaultdict(dict)

    def put_products(self, merchant_id: str, products: Sequence[Product]) -> None:
        self._products[merchant_id].update({product.product_id: product for product in products})

    def find_product(self, merchant_id: str, product_id: str) -> Product | None:
        return self._products[merchant_id].get(product_id)

    def find_products(self, merchant_id: str, product_ids: Iterable[str]) -> dict[str, Product]:
        stored = self._products[merchant_id]
        return {product_id: stored[product_id] for product_id in product_ids if product_id in stored}

    def list_products(self, merchant_id: str, limit: int, after: str | None) -> Sequence[Product]:
        stored = self._products[merchant_id]
        return [stored[product_id] for product_id in sorted(stored) if product_id > (after or "")][:limit]

    def delete_product(self, merchant_id: str, product_id: str) -> bool:
        return self._products[merchant_id].pop(product_id, None) is not None


class InteractionsInMemory:
    """InteractionRepository."""

    def __init__(self) -> None:
        self._lock = RLock()
        self._stored: defaultdict[UserKey, dict[str, Interaction]] = defaultdict(dict)

    def find_interactions(self, user: UserKey, interaction_ids: Sequence[str]) -> dict[str, Interaction]:
        stored = self._stored[user]
        return {each: stored[each] for each in interaction_ids if each in stored}

    def replace_interactions(
        self, user: UserKey, changes: Sequence[tuple[Interaction | None, Interaction | None]]
    ) -> None:
        with self._lock:
            stored = self._stored[user]
            for before, after in changes:
                [interaction_id] = {each.interaction_id for each in (before, after) if each}
                if stored.get(interaction_id) != before:
                    raise StaleInteractions
                if after:
                    stored[interaction_id] = after
                else:
                    del stored[interaction_id]

    def newest_interactions(
        self, user: UserKey, limit: int, after: str | None
    ) -> tuple[Sequence[Interaction], str | None]:
        newest = sorted(self._stored[user].values(), key=_position, reverse=True)
        shown = [each for each in newest if after is None or _position(each) < after][:limit]
        return shown, _position(shown[-1]) if len(shown) == limit else None

    def erase(self, user: UserKey, time_is_left: Callable[[], bool]) -> bool:
        self._stored.pop(user, None)
        return True

    def part(self, merchant_id: str, part: int) -> Iterator[Interaction]:
        for user, interactions in self._stored.items():
            if user.merchant_id == merchant_id and part_of(user.user_id) == part:
                yield from interactions.values()

    def earnings(self, merchant_id: str, first: date, last: date) -> dict[date, Earnings]:
        days: dict[date, Earnings] = {}
        for user, interactions in self._stored.items():
            for interaction in interactions.values():
                day = interaction.occurred_at.astimezone(UTC).date()
                earned = earnings_of(interaction)
                if user.merchant_id == merchant_id and first <= day <= last and earned != Earnings():
                    days[day] = days.get(day, Earnings()).plus(earned)
        return days


def _position(interaction: Interaction) -> str:
    return f"{interaction.occurred_at.isoformat(timespec='microseconds')}/{interaction.interaction_id}"
