"""Concurrent reviewers, some of whom leave, send a decision twice or lose a response."""

from __future__ import annotations

import os
import random
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from itertools import combinations
from typing import Any, NamedTuple

import pytest

from vitrine.platform.aws import client
from vitrine.platform.problems import Conflict, Unavailable
from vitrine.review.claim_snapshots import claim_snapshots
from vitrine.review.count_snapshots import AT_ONCE, count_snapshots
from vitrine.review.dynamodb import DynamoDBReview
from vitrine.review.judge_snapshot import decide
from vitrine.review.model import Lease, Snapshot

pytestmark = pytest.mark.usefixtures("cloud")

REVIEWERS = int(os.environ.get("VITRINE_REVIEWERS", "10"))
SNAPSHOTS = int(os.environ.get("VITRINE_REVIEW_SNAPSHOTS", "60"))
PRODUCTS = 5
LEASE = timedelta(seconds=60)
START = datetime(2026, 1, 1, tzinfo=UTC)


class LosesResponses(DynamoDBReview):
    """Stores every write, and loses the response of every twentieth."""

    def save(self, snapshot: Snapshot) -> bool:
        saved = super().save(snapshot)
        if random.random() < 0.05:
            raise Unavailable("The response was lost.", 1)
        return saved


class Held(NamedTuple):
    """Who had the lease of a snapshot, from when until when, as the response said it."""

    reviewer: str
    since: datetime
    until: datetime


class Floor:
    """The reviewers and their clock: every claim moves it, so leases expire while slow reviewers decide."""

    def __init__(self, repository: DynamoDBReview) -> None:
        self.store = repository
        self.now = START
        self.lock = threading.Lock()
        self.held: dict[str, list[Held]] = {}
        self.decided: dict[str, list[str]] = {}
        self.happened: Counter[str] = Counter()

    def claim(self, reviewer: str) -> list[Snapshot]:
        with self.lock:
            self.now += LEASE / (2 * REVIEWERS)
            now = self.now
        claimed = claim_snapshots(self.store, "shop", Lease(reviewer, now, now + LEASE), 10, None)
        with self.lock:
            for snapshot in claimed:
                self.held.setdefault(snapshot.snapshot_id, []).append(Held(reviewer, now, now + LEASE))
                self.happened["leases"] += 1
        return claimed

    def judge(self, reviewer: str, snapshot_id: str) -> None:
        for _ in range(5):
            try:
                decided = decide(
                    self.store, "shop", snapshot_id, reviewer, "approved", reason=None, viewed_ms=300, now=self.now
                )
            except Unavailable:
                self.happened["responses lost"] += 1
                continue
            except Conflict:
                self.happened["refused, because the lease had expired"] += 1
                return
            with self.lock:
                self.decided.setdefault(snapshot_id, []).append(decided.opinions[-1].reviewer)
            return

    def work(self, reviewer: str) -> None:
        for _ in range(SNAPSHOTS):
            claimed = self.claim(reviewer)
            if not claimed:
                return
            if random.random() < 0.1:
                self.happened["crashes with what was claimed"] += 1
                continue
            if random.random() < 0.03:
                self.happened["pauses longer than a lease"] += 1
                with self.lock:
                    self.now += LEASE
            for snapshot in claimed:
                self.judge(reviewer, snapshot.snapshot_id)
                if random.random() < 0.1:
                    self.happened["decisions sent again"] += 1
                    self.judge(reviewer, snapshot.snapshot_id)

    def served_to_two(self) -> list[str]:
        """Snapshots that two reviewers had at the same time."""
        return [
            snapshot_id
            for snapshot_id, held in self.held.items()
            for one, other in combinations(held, 2)
            if one.reviewer != other.reviewer and one.since < other.until and other.since < one.until
        ]


def fill(repository: DynamoDBReview) -> list[str]:
    snapshots = [
        Snapshot("shop", f"s{at}", f"p{at % PRODUCTS}", f"{at}.jpg", START - timedelta(seconds=SNAPSHOTS - at), url="u")
        for at in range(SNAPSHOTS)
    ]
    for snapshot in snapshots:
        assert repository.add(snapshot) == "created"
    ids = [snapshot.snapshot_id for snapshot in snapshots]
    count(repository, ids)
    return ids


def count(repository: DynamoDBReview, ids: list[str]) -> None:
    for start in range(0, len(ids), AT_ONCE):
        count_snapshots(repository, "shop", ids[start : start + AT_ONCE], START)


def work_until_empty(floor: Floor) -> None:
    for _ in range(20):
        with ThreadPoolExecutor(REVIEWERS) as pool:
            list(pool.map(floor.work, [f"reviewer-{at}" for at in range(REVIEWERS)]))
        floor.now += LEASE + timedelta(seconds=6)
        if len(floor.decided) == SNAPSHOTS:
            return


def review_all(repository: DynamoDBReview) -> Floor:
    """Review everything; check that each snapshot was decided once, by one reviewer."""
    ids = fill(repository)
    floor = Floor(repository)
    work_until_empty(floor)
    assert floor.served_to_two() == []
    assert sorted(floor.decided) == sorted(ids)
    for snapshot_id, snapshot in repository.find("shop", ids).items():
        assert len(snapshot.opinions) == 1
        assert set(floor.decided[snapshot_id]) == {snapshot.opinions[0].reviewer}
    count(repository, ids)
    count(repository, ids[::-1])
    assert repository.totals("shop")["approved"] == SNAPSHOTS
    assert sum(reviewer.counts.get("approved", 0) for reviewer in repository.reviewers("shop")) == SNAPSHOTS
    return floor


def test_each_snapshot_is_decided_once_and_leased_to_one_reviewer_at_a_time() -> None:
    review_all(LosesResponses(client("dynamodb"), "ReviewTable"))


def test_without_the_lease_condition_two_reviewers_get_the_same() -> None:
    dynamodb = client("dynamodb")

    def drop_guard(params: dict[str, Any], **_: Any) -> None:
        guard = params.get("ConditionExpression", "")
        if "judges" in guard:
            params["ConditionExpression"] = f"({guard}) OR attribute_exists(pk)"

    dynamodb.meta.events.register("provide-client-params.dynamodb.UpdateItem", drop_guard)
    store = DynamoDBReview(dynamodb, "ReviewTable")
    fill(store)
    available = store.available("shop", "p0", "ann", START, 5)
    leased = [store.lease("shop", available[0], Lease(name, START, START + LEASE)) for name in ("ann", "bob")]
    assert all(leased), "with the condition the second is refused"
