"""The SQL statements that learn a model, from `learn.sql`."""

from __future__ import annotations

import re
from functools import cache, partial
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from vitrine.catalog.model import PARTS
from vitrine.recommendations.model import POPULARITY_HALF_LIVES

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

CONSTANTS = {
    "parts": PARTS,
    "lasting_days": 720,
    "longest_history": 100,
    "fewest_users": 100,
    "fewest_touches": 50,
    "most_prior_users": "1e2",
    "most_prior_products": "1e2",
    "prior_share": "5e-2",
    "users_asked": "5e4",
    "neighbours": 200,
    "regressed": 15_000,
    "regressors": 30,
    "gram_neighbours": 100,
    "penalty": "1e2",
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


_ROUNDS = 4


class Statements(NamedTuple):
    """SELECTs by name. Each step reads the tables and the steps before it; the parts are the results.

    A step's rows are those of all its SELECTs. `views` names the steps with about as many rows as interactions.
    """

    steps: Mapping[str, Sequence[str]]
    views: frozenset[str]
    parts: Mapping[str, str]


@cache
def _sections() -> tuple[tuple[str, str, str], ...]:
    text = Path(__file__).with_name("learn.sql").read_text()
    pieces = re.split(r"^-- (step|view|slice|round|part): (\w+)\n", text, flags=re.MULTILINE)
    return tuple(zip(pieces[1::3], pieces[2::3], pieces[3::3], strict=True))


def statements(*, now_seconds: float, half_life_days: int = POPULARITY_HALF_LIVES[0], part: int = 0) -> Statements:
    """Return the SQL of a model as of a time. `part` selects the products whose neighbours are learned."""
    steps: dict[str, Sequence[str]] = {}
    parts: dict[str, str] = {}
    last: dict[str, str] = {}
    given = {**CONSTANTS, "now_seconds": f"{now_seconds:.0f}", "half_life_days": half_life_days}
    for role, name, text in _sections():
        select = partial(text.strip().format, **given, **last)
        if role == "part":
            parts[name] = select(part=part)
        elif role == "slice":
            steps[name] = [select(part=each) for each in range(PARTS)]
        elif role == "round":
            rounds = [name, *(f"{name}_{number}" for number in range(1, _ROUNDS + 1))]
            steps |= {after: [select(before=before)] for before, after in pairwise(rounds)}
            last[f"last_{name}"] = rounds[-1]
        else:
            steps[name] = [select()]
    return Statements(steps, frozenset(name for role, name, _ in _sections() if role == "view"), parts)
