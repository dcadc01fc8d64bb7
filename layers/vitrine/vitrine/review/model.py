"""Snapshots, leases and decisions. Pure.

An undecided snapshot has a *queue key* in its product's queue. All snapshots that can be claimed at a given time are
in three ranges of keys, so nothing has to sweep expired leases:

| queue key | meaning |
|---|---|
| `0{expiry}` | leased; available again after the expiry |
| `1{first reviewer}{time}` | waits for another opinion, from `time` on |
| `2{creation}` | waits for its first reviewer |
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Literal, NamedTuple, cast

from vitrine.platform.problems import Conflict
from vitrine.platform.times import to_rfc3339

if TYPE_CHECKING:
    from collections.abc import Sequence

Decision = Literal["approved", "disapproved"]
Verdict = Literal["approved", "disapproved", "unsure"]
Status = Literal["uploading", "waiting", "approved", "disapproved"]
STATUSES: tuple[Status, ...] = ("uploading", "waiting", "approved", "disapproved")
Listing = Literal["uploading", "waiting", "approved", "disapproved", "disputed"]
LISTINGS: tuple[Listing, ...] = (*STATUSES, "disputed")

PRODUCT = "product#"
UNDO_WINDOW = timedelta(minutes=10)
LARGEST_PICTURE_BYTES = 50 << 20
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_REVIEWER_DIGITS = 16


class Lease(NamedTuple):
    """The right of one reviewer to decide, from `since` until `until`."""

    reviewer: str
    since: datetime
    until: datetime


class Opinion(NamedTuple):
    """One reviewer's decision, or that they are unsure, and how long they looked at the picture."""

    reviewer: str
    decision: Verdict
    at: datetime
    viewed_ms: int
    reason: str | None = None


@dataclass(frozen=True)
class Snapshot:
    """A photo of a product that waits for a decision.

    The fields before `opinions_wanted` are immutable. If `url` is None, the picture is in our bucket once `uploaded`.
    A snapshot with a `known_answer` is planted to measure reviewers and is never published.
    """

    merchant_id: str
    snapshot_id: str
    product_id: str
    filename: str
    created_at: datetime
    url: str | None = None
    gallery_id: str | None = None
    known_answer: Decision | None = None
    opinions_wanted: int = 1
    uploaded: bool = True
    opinions: tuple[Opinion, ...] = ()
    lease: Lease | None = None
    revision: int = 0

    @property
    def status(self) -> Status:
        """Return the status: one decision decides, or two that agree if a second one was wanted.

        Who is unsure does not decide: the snapshot waits for a reviewer who has not seen it.
        """
        if not self.uploaded:
            return "uploading"
        needed = 1 if self.opinions_wanted == 1 else 2
        decisions = [opinion.decision for opinion in decisive(self.opinions)]
        return cast("Status", next((each for each in decisions if decisions.count(each) >= needed), "waiting"))

    @property
    def queue_key(self) -> str | None:
        """Return the key in its product's queue; None if it is not in the queue."""
        if self.status != "waiting":
            return None
        if self.opinions:
            since = self.lease.until if self.lease else self.opinions[-1].at
            return f"1{reviewer_digest(self.opinions[0].reviewer)}{instant(since)}"
        return f"0{instant(self.lease.until)}" if self.lease else f"2{instant(self.created_at)}"

    @property
    def listing(self) -> Listing:
        """Return the list that it is in: its status, or `disputed` while it waits after two reviewers disagreed."""
        return "disputed" if disagree(self.opinions) and self.status == "waiting" else self.status

    def same_facts(self, other: Snapshot) -> bool:
        """Return whether both were submitted with the same facts."""
        facts = ("product_id", "filename", "url", "gallery_id", "known_answer")
        return all(getattr(self, name) == getattr(other, name) for name in facts)

    def is_leased_to(self, reviewer: str, now: datetime) -> bool:
        """Return whether this reviewer may decide now."""
        return self.lease is not None and self.lease.reviewer == reviewer and self.lease.until > now

    def judged(self, opinion: Opinion) -> Snapshot:
        """Return the snapshot with a reviewer's opinion.

        The same decision again changes nothing; the reviewer may change it within the undo window. Raises Conflict
        if the reviewer has no lease, or if another reviewer decided.
        """
        latest = self.opinions[-1] if self.opinions else None
        if latest and latest.reviewer == opinion.reviewer and not self.is_leased_to(opinion.reviewer, opinion.at):
            if latest.decision == opinion.decision:
                return self
            return self._without_latest(opinion.reviewer, opinion.at).with_opinion(opinion)
        if any((given.reviewer, given.decision) == (opinion.reviewer, opinion.decision) for given in self.opinions):
            return self  # sent again after another reviewer's opinion
        if self.status in {"approved", "disapproved"}:
            raise Conflict(self._decided_by())
        if not self.is_leased_to(opinion.reviewer, opinion.at):
            holder = self.lease.reviewer if self.lease and self.lease.until > opinion.at else None
            cause = f"{holder} is reviewing it now." if holder else "You have no lease on it, or the lease has expired."
            raise Conflict(f"{cause} Claim the snapshot before deciding.")
        return self.with_opinion(opinion)

    def undone(self, lease: Lease) -> Snapshot:
        """Return the snapshot without the latest opinion, leased again to the reviewer who gave it.

        Undoing again changes nothing. Raises Conflict for another reviewer's decision, or after the undo window.
        """
        if self.is_leased_to(lease.reviewer, lease.since):
            return self
        return replace(self._without_latest(lease.reviewer, lease.since), lease=lease)

    def reopened(self, lease: Lease) -> Snapshot:
        """Return a decided snapshot without opinions, leased to a reviewer. Raises Conflict if it is undecided."""
        if self.is_leased_to(lease.reviewer, lease.since):
            return self
        if self.status not in {"approved", "disapproved"}:
            raise Conflict("Only a decided snapshot can be reopened. Claim this one from the queue.")
        return replace(self, opinions=(), opinions_wanted=1, lease=lease)

    def claimed(self, lease: Lease) -> Snapshot:
        """Return the snapshot leased to a reviewer; the same lease again is longer.

        Raises Conflict if it does not wait, if another reviewer has it, or if this one has judged it.
        """
        if self.status != "waiting":
            raise Conflict("Only a waiting snapshot can be claimed.")
        if self.lease and self.lease.until > lease.since and self.lease.reviewer != lease.reviewer:
            raise Conflict(f"{self.lease.reviewer} is reviewing it now. Try again later.")
        if lease.reviewer in {opinion.reviewer for opinion in self.opinions}:
            raise Conflict("You have judged it already. Another reviewer must decide.")
        return self.renewed(lease) or replace(self, lease=lease)

    def renewed(self, lease: Lease) -> Snapshot | None:
        """Return the snapshot with a longer lease for its holder; None if the lease has ended or is another's."""
        if self.lease is None or not self.is_leased_to(lease.reviewer, lease.since):
            return None
        return replace(self, lease=self.lease._replace(until=lease.until))

    def with_opinion(self, opinion: Opinion) -> Snapshot:
        """Return the snapshot with one more opinion; if two disagree, a third is wanted. Does not check the lease."""
        opinions = (*self.opinions, opinion)
        wanted = 3 if self.opinions_wanted > 1 and disagree(opinions) else self.opinions_wanted
        return replace(self, opinions=opinions, opinions_wanted=wanted, lease=None)

    def _without_latest(self, reviewer: str, now: datetime) -> Snapshot:
        if not self.opinions:
            raise Conflict("Nobody has decided this snapshot, so there is nothing to undo.")
        latest = self.opinions[-1]
        if latest.reviewer != reviewer:
            raise Conflict(self._decided_by())
        if now - latest.at > UNDO_WINDOW:
            raise Conflict("A decision can be changed for 10 minutes, and they are over. Reopen the snapshot instead.")
        if self.lease and self.lease.until > now:
            raise Conflict("Another reviewer is giving a second opinion on it now. Try again later.")
        return replace(self, opinions=self.opinions[:-1], lease=None)

    def _decided_by(self) -> str:
        latest = self.opinions[-1]
        return f"{latest.reviewer} decided it: {latest.decision} at {to_rfc3339(latest.at)}."


class Action(NamedTuple):
    """What was done in a step, by whom, and the reason they gave."""

    action: Literal["added", "uploaded", "claimed", "renewed", "approved", "disapproved", "unsure", "taken back"]
    reviewer: str | None = None
    reason: str | None = None


def decisive(opinions: Sequence[Opinion]) -> list[Opinion]:
    """Return the opinions of those who decided."""
    return [opinion for opinion in opinions if opinion.decision != "unsure"]


def disagree(opinions: Sequence[Opinion]) -> bool:
    """Return whether those who decided are of different minds."""
    return len({opinion.decision for opinion in decisive(opinions)}) > 1


def action_between(before: Snapshot | None, after: Snapshot) -> Action:
    """Return the action that changed a snapshot from one state to the next."""
    if before is None:
        return Action("added")
    if after.opinions and after.opinions[-1] not in before.opinions:
        latest = after.opinions[-1]
        return Action(latest.decision, latest.reviewer, latest.reason)
    holder = after.lease.reviewer if after.lease else None
    if len(after.opinions) < len(before.opinions):
        return Action("taken back", holder)
    if before.uploaded != after.uploaded:
        return Action("uploaded")
    renewed = before.lease and after.lease and before.lease.since == after.lease.since
    return Action("renewed" if renewed else "claimed", holder)


def instant(moment: datetime) -> str:
    """Return a time as 17 digits that sort, in microseconds."""
    return f"{max(0, (moment - _EPOCH) // _MICROSECOND):017d}"


def from_instant(text: str) -> datetime:
    """Return the time of such digits; the inverse of `instant`."""
    return _EPOCH + int(text) * _MICROSECOND


def reviewer_digest(reviewer: str) -> str:
    """Return the digest that stands for a reviewer in a queue key; all have the same length."""
    return hashlib.sha256(reviewer.encode()).hexdigest()[:_REVIEWER_DIGITS]


def leased_key(queue_key: str, until: datetime) -> str:
    """Return the queue key that a snapshot with `queue_key` gets when it is leased."""
    return (queue_key[: 1 + _REVIEWER_DIGITS] if queue_key[0] == "1" else "0") + instant(until)


def is_available(queue_key: str, now: datetime) -> bool:
    """Return whether a snapshot with this queue key can be claimed."""
    return queue_key[0] == "2" or queue_key[-len(instant(now)) :] <= instant(now)


def wants_second_opinion(snapshot: Snapshot, percent: int) -> bool:
    """Return whether a snapshot belongs to the share that two reviewers see; depends on its id alone."""
    return int.from_bytes(hashlib.sha256(snapshot.snapshot_id.encode()).digest()[:4]) % 100 < percent


def tally(snapshot: Snapshot) -> dict[str, dict[str, int]]:
    """Return what a snapshot adds to the counts of its merchant, its product and its reviewers.

    The counts are the sums over all snapshots, so a change of a snapshot changes them by the difference.
    """
    counts: dict[str, dict[str, int]] = {
        "all": {snapshot.status: 1},
        f"{PRODUCT}{snapshot.product_id}": {snapshot.status: 1},
    }
    decided = decisive(snapshot.opinions)
    for opinion in snapshot.opinions:
        by_reviewer = {opinion.decision: 1, "viewed_ms": opinion.viewed_ms}
        if snapshot.known_answer and opinion in decided:
            by_reviewer |= {"planted": 1, "planted_right": int(opinion.decision == snapshot.known_answer)}
        if len(decided) > 1 and opinion in decided[:2]:
            first, second = decided[:2]
            by_reviewer |= {"shared": 1, "agreed": int(first.decision == second.decision)}
        counts[f"reviewer#{opinion.reviewer}"] = by_reviewer
    return counts
