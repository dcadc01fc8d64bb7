"""Import products and interactions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from vitrine.catalog.put_products import put_products
from vitrine.catalog.record_interactions import record_interactions
from vitrine.catalog.requests import Attributes, NewInteraction, PutProductRequest, Tags
from vitrine.imports.lists import Listed, Parsed
from vitrine.platform.requests import Id  # noqa: TC001 - pydantic reads it

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from vitrine.catalog.model import UserKey
    from vitrine.catalog.ports import InteractionRepository, ProductRepository, Withdrawals
    from vitrine.imports.model import Import, Rejection
    from vitrine.imports.ports import AcceptedRow


class ProductRow(PutProductRequest):
    """A product in a file: `tags` may be one text, `attributes` a JSON text."""

    product_id: Id

    tags: Annotated[Tags | None, Listed] = None
    attributes: Annotated[Attributes | None, Parsed] = None


class InteractionRow(NewInteraction):
    """An interaction in a file."""


def write_products(
    repository: ProductRepository, withdrawals: Withdrawals, import_: Import, rows: Sequence[AcceptedRow]
) -> Sequence[Rejection]:
    """Store the rows' products. Of rows with one id the last counts."""
    put_products(
        repository, withdrawals, import_.key.merchant_id, [row.row.product(row.row.product_id) for row in rows]
    )
    return []


def write_interactions(
    repository: InteractionRepository,
    on_purchase: Callable[[UserKey], None],
    import_: Import,
    rows: Sequence[AcceptedRow],
) -> Sequence[Rejection]:
    """Record the rows' interactions. Of rows with one id the last counts."""
    sent = [row.row.sent(row.row.user_id, row.row.interaction_id, import_.created_at) for row in rows]
    record_interactions(repository, import_.key.merchant_id, sent, on_purchase)
    return []
