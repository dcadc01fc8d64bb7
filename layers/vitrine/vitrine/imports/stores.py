"""Import stores."""

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
    """Return an integer as text: JSON files may have codes as numbers."""
    return str(value) if type(value) is int else value


class StoreRow(RequestBody):
    """A store in a file."""

    store_id: Annotated[str, Field(min_length=1, max_length=128), BeforeValidator(_text)]
    store_name: Annotated[str, Field(min_length=1, max_length=300)]
    area_code: Annotated[str, Field(min_length=1, max_length=128), BeforeValidator(_text)]


def write_stores(stores: Stores, import_: Import, rows: Sequence[AcceptedRow]) -> Sequence[Rejection]:
    """Create or replace the stores. Of rows with one id the last counts."""
    by_id = {row.row.store_id: Store(row.row.store_id, row.row.store_name, row.row.area_code) for row in rows}
    stores.put_stores(import_.key.merchant_id, by_id.values())
    return []
