"""Rows that are stores to visit."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from pydantic import BeforeValidator, Field

from vitrine.platform.requests import RequestBody
from vitrine.visits.model import Store

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vitrine.imports.model import Import, Rejection
    from vitrine.imports.ports import AcceptedRow
    from vitrine.visits.ports import Stores


def _text(value: object) -> object:
    """JSON files have codes as numbers."""
    return str(value) if type(value) is int else value


class StoreRow(RequestBody):
    """A store of the store master."""

    store_id: Annotated[str, Field(min_length=1, max_length=128), BeforeValidator(_text)]
    store_name: Annotated[str, Field(min_length=1, max_length=300)]
    area_code: Annotated[str, Field(min_length=1, max_length=128), BeforeValidator(_text)]


def write_stores(stores: Stores, taken: Import, rows: Sequence[AcceptedRow]) -> Sequence[Rejection]:
    """Store or replace the stores. Of rows with one id the last counts."""
    last = {it.row.store_id: Store(it.row.store_id, it.row.store_name, it.row.area_code) for it in rows}
    stores.put_stores(taken.key.merchant_id, last.values())
    return []
