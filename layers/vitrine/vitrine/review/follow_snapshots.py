"""After a change of snapshots, record the step and update the counts and the galleries."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, NamedTuple, Protocol

from vitrine.review.count_snapshots import AT_ONCE, count_snapshots
from vitrine.review.model import action_between, tally
from vitrine.review.ports import Snapshots, Step, Tallies, Trail
from vitrine.review.publish_snapshot import publish_snapshot

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from datetime import datetime

    from vitrine.review.model import Snapshot
    from vitrine.review.ports import Galleries


class FollowedSnapshots(Snapshots, Tallies, Trail, Protocol):
    """The ports that following needs."""


class SnapshotChange(NamedTuple):
    """A snapshot before a write (None if it is new) and after it."""

    before: Snapshot | None
    after: Snapshot
    at: datetime

    @property
    def is_step(self) -> bool:
        """Return whether the snapshot itself changed, and not only what it has added to the counts."""
        return self.before is None or self.before.revision != self.after.revision

    @property
    def moves_counts(self) -> bool:
        """Return whether the snapshot counts differently now."""
        return self.before is None or tally(self.before) != tally(self.after)

    @property
    def moves_gallery(self) -> bool:
        """Return whether the snapshot enters or leaves its gallery."""
        before = self.before.status if self.before else "waiting"
        return self.after.status != before and "approved" in {self.after.status, before}


def follow_snapshots(
    repository: FollowedSnapshots,
    galleries: Galleries,
    changes: Mapping[str, SnapshotChange],
    now: datetime,
    *,
    on_failure: Callable[[Exception], None],
) -> set[str]:
    """Do what follows from each change; return the keys of the changes for which something failed.

    Counts and galleries are brought to the current state of the snapshot, so a change may come twice, late or out of
    order.
    """
    failed: set[str] = set()
    for names, act in _follow_ups(repository, galleries, changes, now):
        try:
            act()
        except Exception as error:  # noqa: BLE001 - one failure must not stop the others
            on_failure(error)
            failed.update(names)
    return failed


def _follow_ups(
    repository: FollowedSnapshots, galleries: Galleries, changes: Mapping[str, SnapshotChange], now: datetime
) -> Iterator[tuple[Sequence[str], Callable[[], None]]]:
    """Iterate over the follow-ups, each with the keys of the changes that it is for."""
    for name, change in changes.items():
        if change.is_step:
            yield [name], partial(_record, repository, change)
    for merchant_id, names in _by_merchant(changes).items():
        for start in range(0, len(names), AT_ONCE):
            chunk = names[start : start + AT_ONCE]
            snapshot_ids = [changes[name].after.snapshot_id for name in chunk]
            yield chunk, partial(count_snapshots, repository, merchant_id, snapshot_ids, now)
    for name, change in changes.items():
        if change.moves_gallery:
            merchant_id, snapshot_id = change.after.merchant_id, change.after.snapshot_id
            yield [name], partial(publish_snapshot, repository, galleries, merchant_id, snapshot_id)


def _by_merchant(changes: Mapping[str, SnapshotChange]) -> Mapping[str, list[str]]:
    """Return the keys of the changes that move counts, by merchant."""
    moving: dict[str, list[str]] = {}
    for name, change in changes.items():
        if change.moves_counts:
            moving.setdefault(change.after.merchant_id, []).append(name)
    return moving


def _record(repository: Trail, change: SnapshotChange) -> None:
    step = Step(change.after.revision, change.at, change.after.status, *action_between(change.before, change.after))
    repository.record(change.after.merchant_id, change.after.snapshot_id, step)
