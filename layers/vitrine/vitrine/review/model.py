"""Snapshots, leases and verdicts. Pure: the clock comes in.

A snapshot waits at a *place* in its product's queue. Places sort ascending, and all that can be claimed at a
moment lies in three ranges of them, so nothing has to sweep expired leases:

| place | what |
|---|---|
| `0{expiry}` | leased; free again once the expiry has passed |
| `1{first judge}{time}` | waits for another opinion, from `time` on |
| `2{creation}` | waits for its first reviewer |
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Literal, NamedTuple

from vitrine.platform.problems import Conflict
from vitrine.platform.times import to_rfc3339

Verdict = Literal["approved", "disapproved"]
Status = Literal["uploading", "waiting", "approved", "disapproved"]
STATUSES: tuple[Status, ...] = ("uploading", "waiting", "approved", "disapproved")

UNDO_WINDOW = timedelta(minutes=10)
LARGEST_PICTURE_BYTES = 50 << 20
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_JUDGE_DIGITS = 16


class Lease(NamedTuple):
    """Who may decide, from when until when."""

    reviewer: str
    since: datetime
    until: datetime


class Opinion(NamedTuple):
    """What one reviewer said, and how long they looked at the picture."""

    reviewer: str
    verdict: Verdict
    at: datetime
    viewed_ms: int
    reason: str | None = None


@dataclass(frozen=True)
class Snapshot:
    """A photo of a product that somebody has to judge.

    Everything up to `opinions_wanted` is immutable. `url` None: the picture is in our bucket once `uploaded`.
    A snapshot with a `known_answer` is planted to measure reviewers and is never published.
    """

    merchant_id: str
    snapshot_id: str
    product_id: str
    filename: str
    created_at: datetime
    url: str | None = None
    gallery_id: str | None = None
    known_answer: Verdict | None = None
    opinions_wanted: int = 1
    uploaded: bool = True
    opinions: tuple[Opinion, ...] = ()
    lease: Lease | None = None
    revision: int = 0

    @property
    def status(self) -> Status:
        """Decided by one opinion, or where a second was wanted by two that agree."""
        if not self.uploaded:
            return "uploading"
        needed = 1 if self.opinions_wanted == 1 else 2
        verdicts = [opinion.verdict for opinion in self.opinions]
        return next((verdict for verdict in verdicts if verdicts.count(verdict) >= needed), "waiting")

    @property
    def place(self) -> str | None:
        """Where it stands in its product's queue; None when it is not in it."""
        if self.status != "waiting":
            return None
        if self.opinions:
            since = self.lease.until if self.lease else self.opinions[-1].at
            return f"1{judge_digest(self.opinions[0].reviewer)}{instant(since)}"
        return f"0{instant(self.lease.until)}" if self.lease else f"2{instant(self.created_at)}"

    def same_facts(self, other: Snapshot) -> bool:
        """Whether both were submitted as the same thing, whenever that was."""
        facts = ("product_id", "filename", "url", "gallery_id", "known_answer")
        return all(getattr(self, name) == getattr(other, name) for name in facts)

    def is_leased_to(self, reviewer: str, now: datetime) -> bool:
        """Whether this reviewer may decide now."""
        return self.lease is not None and self.lease.reviewer == reviewer and self.lease.until > now

    def judged(self, opinion: Opinion) -> Snapshot:
        """After a reviewer's verdict.

        Saying the same again changes nothing, and one may change one's mind within the undo window. Raises Conflict
        without a lease, or when another decided.
        """
        latest = self.opinions[-1] if self.opinions else None
        if latest and latest.reviewer == opinion.reviewer and not self.is_leased_to(opinion.reviewer, opinion.at):
            if latest.verdict == opinion.verdict:
                return self
            return self._without_latest(opinion.reviewer, opinion.at).with_opinion(opinion)
        if self.status in {"approved", "disapproved"}:
            raise Conflict(self._decided_by())
        if not self.is_leased_to(opinion.reviewer, opinion.at):
            holder = self.lease.reviewer if self.lease and self.lease.until > opinion.at else None
            found = f"It is with {holder} now." if holder else "The lease has run out or was never given."
            raise Conflict(f"{found} Claim the snapshot before deciding.")
        return self.with_opinion(opinion)

    def undone(self, lease: Lease) -> Snapshot:
        """After the lease's reviewer took back their own latest opinion; the snapshot is leased to them again.

        Undoing again changes nothing. Raises Conflict for another's verdict, or after the undo window.
        """
        if self.is_leased_to(lease.reviewer, lease.since):
            return self
        return replace(self._without_latest(lease.reviewer, lease.since), lease=lease)

    def reopened(self, lease: Lease) -> Snapshot:
        """After somebody asks to judge a decided snapshot anew. Raises Conflict while another holds it."""
        if self.is_leased_to(lease.reviewer, lease.since):
            return self
        if self.status not in {"approved", "disapproved"}:
            raise Conflict("Only a decided snapshot can be reopened; claim it from the queue.")
        return replace(self, opinions=(), opinions_wanted=1, lease=lease)

    def renewed(self, lease: Lease) -> Snapshot | None:
        """With a longer lease for its holder; None when it is not theirs any more."""
        if self.lease is None or not self.is_leased_to(lease.reviewer, lease.since):
            return None
        return replace(self, lease=self.lease._replace(until=lease.until))

    def with_opinion(self, opinion: Opinion) -> Snapshot:
        """After one more opinion, whoever may give it; a third is wanted where two disagree."""
        opinions = (*self.opinions, opinion)
        disagree = self.opinions_wanted > 1 and len({it.verdict for it in opinions}) > 1
        return replace(self, opinions=opinions, opinions_wanted=3 if disagree else self.opinions_wanted, lease=None)

    def _without_latest(self, reviewer: str, now: datetime) -> Snapshot:
        if not self.opinions:
            raise Conflict("Nobody has decided this snapshot, so there is nothing to undo.")
        latest = self.opinions[-1]
        if latest.reviewer != reviewer:
            raise Conflict(self._decided_by())
        if now - latest.at > UNDO_WINDOW:
            raise Conflict("The 10 minutes in which a verdict can be changed are over. Reopen the snapshot instead.")
        if self.lease and self.lease.until > now:
            raise Conflict("Another reviewer is giving a second opinion on it now.")
        return replace(self, opinions=self.opinions[:-1], lease=None)

    def _decided_by(self) -> str:
        latest = self.opinions[-1]
        return f"{latest.reviewer} decided it: {latest.verdict} at {to_rfc3339(latest.at)}."


class Happening(NamedTuple):
    """What a step was, whose, and the reason they gave."""

    action: Literal["added", "uploaded", "claimed", "renewed", "approved", "disapproved", "taken back"]
    reviewer: str | None = None
    reason: str | None = None


def what_happened(before: Snapshot | None, after: Snapshot) -> Happening:
    """The step between two states of a snapshot."""
    if before is None:
        return Happening("added")
    if after.opinions and after.opinions[-1] not in before.opinions:
        latest = after.opinions[-1]
        return Happening(latest.verdict, latest.reviewer, latest.reason)
    holder = after.lease.reviewer if after.lease else None
    if len(after.opinions) < len(before.opinions):
        return Happening("taken back", holder)
    if before.uploaded != after.uploaded:
        return Happening("uploaded")
    renewed = before.lease and after.lease and before.lease.since == after.lease.since
    return Happening("renewed" if renewed else "claimed", holder)


def instant(moment: datetime) -> str:
    """A time as digits that sort."""
    return f"{max(0, (moment - _EPOCH) // _MICROSECOND):017d}"


def from_instant(text: str) -> datetime:
    """Inverse of `instant`."""
    return _EPOCH + int(text) * _MICROSECOND


def judge_digest(reviewer: str) -> str:
    """A reviewer's name in a place: of one length, whatever it is made of."""
    return hashlib.sha256(reviewer.encode()).hexdigest()[:_JUDGE_DIGITS]


def leased_place(place: str, until: datetime) -> str:
    """Where a snapshot at `place` stands while it is leased."""
    return (place[: 1 + _JUDGE_DIGITS] if place[0] == "1" else "0") + instant(until)


def is_free(place: str, now: datetime) -> bool:
    """Whether what stands at this place can be claimed."""
    return place[0] == "2" or place[-len(instant(now)) :] <= instant(now)


def wants_second_opinion(snapshot: Snapshot, percent: int) -> bool:
    """Whether a snapshot is of the share that two reviewers see: the same answer whenever it is asked."""
    return int.from_bytes(hashlib.sha256(snapshot.snapshot_id.encode()).digest()[:4]) % 100 < percent


def tally(snapshot: Snapshot) -> dict[str, dict[str, int]]:
    """What a snapshot adds to the counts of its merchant, its product and those who judged it.

    The counts are the sums of this over all snapshots, so a change of a snapshot changes them by a difference.
    """
    counts: dict[str, dict[str, int]] = {
        "all": {snapshot.status: 1},
        f"product#{snapshot.product_id}": {snapshot.status: 1},
    }
    for opinion in snapshot.opinions:
        of_reviewer = {opinion.verdict: 1, "viewed_ms": opinion.viewed_ms}
        if snapshot.known_answer:
            of_reviewer |= {"planted": 1, "planted_right": int(opinion.verdict == snapshot.known_answer)}
        if len(snapshot.opinions) > 1 and opinion in snapshot.opinions[:2]:
            first, second = snapshot.opinions[:2]
            of_reviewer |= {"shared": 1, "agreed": int(first.verdict == second.verdict)}
        counts[f"reviewer#{opinion.reviewer}"] = of_reviewer
    return counts
