"""States of shards by the hour: the newest one counts, in whatever order they are stored and read."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import permutations
from typing import TYPE_CHECKING

import pytest

from vitrine.engagement.ports import CounterKey, ShardKey, ShardState
from vitrine.engagement.record_history import counts_before, record_history
from vitrine.galleries.model import GalleryKey, Totals

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

SUMMER = GalleryKey("shop", "summer")
HAT = CounterKey(SUMMER, "hat", "1")
HOUR = 3600


def state(at: int, views: int, path: str = "", *, is_closed: bool = False) -> ShardState:
    return ShardState(ShardKey(HAT, path), at, is_closed, {"views": views})


class Files:
    """History in memory; read in the order of the list."""

    def __init__(self) -> None:
        self.states: list[tuple[int, ShardState]] = []

    def store(self, gallery: GalleryKey, hour: int, batch: str, states: Sequence[ShardState]) -> None:
        self.states += [(hour, each) for each in states]

    def read(self, gallery: GalleryKey, until: int) -> Iterator[ShardState]:
        return (each for hour, each in self.states if hour < until)


def views_at(files: Files, hour: int) -> int:
    counts = counts_before(files, SUMMER, datetime.fromtimestamp(hour * HOUR, UTC))
    return counts[HAT].totals.views if HAT in counts else 0


@pytest.mark.parametrize("order", list(permutations([state(10, 1), state(20, 3), state(20, 2), state(HOUR + 5, 7)])))
def test_the_newest_state_of_a_shard_counts(order: Sequence[ShardState]) -> None:
    files = Files()
    for number, each in enumerate(order):
        record_history(files, [each], str(number))
    assert [views_at(files, hour) for hour in (0, 1, 2)] == [0, 3, 7]


def test_of_changes_that_come_together_the_last_of_each_hour_is_stored() -> None:
    files = Files()
    changes = [state(10, 1), state(20, 2), state(HOUR, 3), state(HOUR + 1, 4)]
    assert record_history(files, changes, "1") == 2
    assert [(hour, each.amounts["views"]) for hour, each in files.states] == [(0, 2), (HOUR, 4)]


def test_shards_add_up_until_one_of_them_is_closed() -> None:
    files = Files()
    record_history(files, [state(10, 40), state(20, 2, "3"), state(30, 1, "f")], "1")
    record_history(files, [state(HOUR, 40, is_closed=True)], "2")
    counts = counts_before(files, SUMMER, datetime.fromtimestamp(HOUR, UTC))
    assert counts[HAT].totals == Totals(43, 0)
    assert views_at(files, 2) == 0


def test_a_folded_tree_counts_until_its_root_has_taken_its_totals() -> None:
    files = Files()
    leaf, later = ShardKey(HAT, "3"), ShardKey(HAT, "3", 1)
    record_history(files, [state(10, 40), ShardState(leaf, 20, is_closed=False, amounts={"views": 2})], "1")
    root = ShardState(ShardKey(HAT, ""), HOUR, is_closed=False, amounts={"views": 42}, tree=1)
    record_history(files, [root], "2")
    record_history(files, [ShardState(later, 2 * HOUR, is_closed=False, amounts={"views": 5}, tree=1)], "3")
    assert [views_at(files, hour) for hour in (1, 2, 3)] == [42, 42, 47]
