"""After a change of snapshots: the step is recorded, the counts and the galleries follow."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, NamedTuple, Protocol

from vitrine.review.count_snapshots import AT_ONCE, count_snapshots
from vitrine.review.model import tally, what_happened
from vitrine.review.ports import Snapshots, Step, Tallies, Trail
from vitrine.review.publish_snapshot import publish_snapshot

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from datetime import datetime

    from vitrine.review.model import Snapshot
    from vitrine.review.ports import Galleries


class FollowedSnapshots(Snapshots, Tallies, Trail, Protocol):
    """All that following reads and writes."""


class SnapshotChange(NamedTuple):
    """A snapshot before (None when it is new) and after a write."""

    before: Snapshot | None
    after: Snapshot
    at: datetime

    @property
    def is_step(self) -> bool:
        """Whether the snapshot changed, and not only what it has added to the counts."""
        return self.before is None or self.before.revision != self.after.revision

    @property
    def moves_counts(self) -> bool:
        """Whether it counts otherwise now."""
        return self.before is None or tally(self.before) != tally(self.after)

    @property
    def moves_gallery(self) -> bool:
        """Whether it comes into a gallery or leaves it."""
        was = self.before.status if self.before else "waiting"
        return self.after.status != was and "approved" in {self.after.status, was}


def follow_snapshots(
    repository: FollowedSnapshots,
    galleries: Galleries,
    changes: Mapping[str, SnapshotChange],
    now: datetime,
    *,
    on_failure: Callable[[Exception], None],
) -> set[str]:
    """Do what follows from each change; answers the names of those where something failed.

    The present state is what counts and galleries are brought to, so a change may come again, late or out of order.
    """
    failed: set[str] = set()
    for names, act in _what_follows(repository, galleries, changes, now):
        try:
            act()
        except Exception as error:  # noqa: BLE001 - what fails is set aside, whatever it is
            on_failure(error)
            failed.update(names)
    return failed


def _what_follows(
    repository: FollowedSnapshots, galleries: Galleries, changes: Mapping[str, SnapshotChange], now: datetime
) -> Iterator[tuple[Sequence[str], Callable[[], None]]]:
    """What to do, with the names of the changes that it is done for."""
    for name, change in changes.items():
        if change.is_step:
            yield [name], partial(_record, repository, change)
    for merchant_id, names in _by_merchant(changes).items():
        for start in range(0, len(names), AT_ONCE):
            some = names[start : start + AT_ONCE]
            ids = [changes[name].after.snapshot_id for name in some]
            yield some, partial(count_snapshots, repository, merchant_id, ids, now)
    for name, change in changes.items():
        if change.moves_gallery:
            merchant_id, snapshot_id = change.after.merchant_id, change.after.snapshot_id
            yield [name], partial(publish_snapshot, repository, galleries, merchant_id, snapshot_id)


def _by_merchant(changes: Mapping[str, SnapshotChange]) -> Mapping[str, list[str]]:
    """The names of the changes that move counts."""
    moving: dict[str, list[str]] = {}
    for name, change in changes.items():
        if change.moves_counts:
            moving.setdefault(change.after.merchant_id, []).append(name)
    return moving


def _record(repository: Trail, change: SnapshotChange) -> None:
    happened = what_happened(change.before, change.after)
    step = Step(change.after.revision, change.at, change.after.status, *happened)
    repository.record(change.after.merchant_id, change.after.snapshot_id, step)
