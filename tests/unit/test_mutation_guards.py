"""The mutation run's list of guards and tests holds what there is, and the changes are those of guards."""

from __future__ import annotations

import pytest

from tests.mutation.guards import PACKAGE, ROOMS
from tests.mutation.mutants import all_mutants

pytestmark = pytest.mark.slow


def test_every_room_with_rules_is_listed_and_every_listed_test_is_there() -> None:
    rules = {str(path.relative_to(PACKAGE)) for path in PACKAGE.glob("*/model.py")}
    assert rules <= {path for guards in ROOMS.values() for path in guards.rules}
    tests = [PACKAGE.parents[2] / test.split("::")[0] for guards in ROOMS.values() for test in guards.tests]
    assert [test for test in tests if not test.exists()] == []


def test_each_mutant_has_a_name_of_its_own_and_each_kind_of_guard_is_broken() -> None:
    mutants = all_mutants()
    assert len({mutant.name for mutant in mutants}) == len(mutants)
    for before, after in (
        ("now - latest.at > UNDO_WINDOW", "now - latest.at >= UNDO_WINDOW"),
        ("UNDO_WINDOW: 10", "11"),
        ("DENIED_IPV4: '10.0.0.0/8'", "nothing"),
        ("'attribute_not_exists(pk) OR attempt < :attempt'", "'attribute_not_exists(pk) OR attempt <= :attempt'"),
    ):
        assert any(f"{before} → {after}" in mutant.name for mutant in mutants), before
