"""The page of errors has each error that a client can meet, and no other."""

from __future__ import annotations

import re
from itertools import product

from pydantic import BaseModel, ValidationError

from commands import errors
from commands.errors import FAILED_IMPORTS, PROBLEMS, REJECTED_ROWS, ROOT
from vitrine.imports.catalog import InteractionRow, ProductRow
from vitrine.imports.images import ImageRow
from vitrine.imports.snapshots import SnapshotRow
from vitrine.imports.stores import StoreRow
from vitrine.platform.problems import KINDS, UNEXPECTED

IMPORTS = ROOT / "layers" / "vitrine" / "vitrine" / "imports"
REFUSED = re.compile(r'(?:\brefuse|ImportRefused|Failure)\(\s*"([a-z_0-9]+)"')
REJECTED = re.compile(r'Rejection\(\s*[\w.]+,\s*"([a-z_0-9]+)"(?: if [\w.]+ else "([a-z_0-9]+)")?')
# What the review room refuses; a snapshot that is known already is no rejection.
REFUSED_SNAPSHOTS = re.compile(r'Refusal\("(?!known")([a-z_]+)"')
ROWS: list[type[BaseModel]] = [ImageRow, StoreRow, SnapshotRow, ProductRow, InteractionRow]
BAD_VALUES = [
    *("", "x" * 100_000, "a b", "ä", "9" * 5000, "1.5", "nan", "[1]", "2024-13-01T00:00:00Z", ",".join("ab" * 500)),
    *(True, 1.5, -1, 10**30, 1e308, float("inf"), float("nan"), [], [1], ["x" * 10_000], ["a"] * 1000, {}, {"a": 1}),
]


def test_each_type_of_problem_is_explained() -> None:
    assert PROBLEMS.keys() == {kind.slug for kind in [*KINDS.values(), UNEXPECTED]}


def test_each_code_of_a_failed_import_is_explained_and_each_explained_one_exists() -> None:
    assert FAILED_IMPORTS.keys() == _codes(REFUSED)


def test_each_code_of_a_rejected_row_is_explained_and_each_explained_one_exists() -> None:
    snapshots = set(REFUSED_SNAPSHOTS.findall((ROOT / "layers/vitrine/vitrine/review/add_snapshots.py").read_text()))
    assert REJECTED_ROWS.keys() == _codes(REJECTED) | _validation_codes() | snapshots


def test_the_page_is_up_to_date() -> None:
    assert errors.PAGE.read_text() == errors.rendered()


def _codes(pattern: re.Pattern[str]) -> set[str]:
    found = (match for path in IMPORTS.glob("*.py") for match in pattern.finditer(path.read_text()))
    return {code for match in found for code in match.groups() if code}


def _validation_codes() -> set[str]:
    """The codes that values of every kind get in every column."""
    codes = set()
    for row in ROWS:
        for field, value in product([*row.model_fields, "no_such_column"], BAD_VALUES):
            try:
                row.model_validate({field: value})
            except ValidationError as error:
                codes |= {fault["type"] for fault in error.errors(include_url=False)}
    return codes
