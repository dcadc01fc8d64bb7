"""The SQL statements that learn a model, from `learn.sql`."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from vitrine.catalog.model import PARTS

if TYPE_CHECKING:
    from collections.abc import Mapping

CONSTANTS = {
    "parts": PARTS,
    "half_life_days": 180,
    "lasting_days": 720,
    "longest_history": 100,
    "fewest_users": 100,
    "fewest_touches": 50,
    "most_prior_users": "1e2",
    "most_prior_products": "1e2",
    "prior_share": "5e-2",
    "users_asked": "5e4",
    "neighbours": 200,
    "content_neighbours": 50,
    "carriers_per_token": 40,
    "untouched_per_token": 80,
    "popular": 300,
    "popular_in_category": 100,
}
TABLES: Mapping[str, Mapping[str, str]] = {
    "interactions": {"user_number": "bigint", "product_number": "bigint", "weight": "bigint", "at_seconds": "double"},
    "products": {"product_number": "bigint", "product_id": "string", "category": "string", "available": "bigint"},
    "tokens": {"product_number": "bigint", "token_number": "bigint", "kind": "string"},
}


class Statements(NamedTuple):
    """SELECTs by name. Each step reads the tables and the steps before it; the parts are the results.

    `views` names the steps with about as many rows as interactions.
    """

    steps: Mapping[str, str]
    views: frozenset[str]
    parts: Mapping[str, str]


@cache
def _sections() -> tuple[tuple[str, str, str], ...]:
    text = Path(__file__).with_name("learn.sql").read_text()
    pieces = re.split(r"^-- (step|view|part): (\w+)\n", text, flags=re.MULTILINE)
    return tuple(zip(pieces[1::3], pieces[2::3], pieces[3::3], strict=True))


def statements(*, now_seconds: float, part: int = 0) -> Statements:
    """Return the SQL of a model as of a time. `part` selects the products whose neighbours are learned."""
    filled = [
        (role, name, text.strip().format(**CONSTANTS, now_seconds=f"{now_seconds:.0f}", part=part))
        for role, name, text in _sections()
    ]
    return Statements(
        {name: text for role, name, text in filled if role != "part"},
        frozenset(name for role, name, _ in filled if role == "view"),
        {name: text for role, name, text in filled if role == "part"},
    )
