"""Reviewers claim, decide and change their minds; counts, audit trail and galleries follow."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.memory.review import ReviewInMemory
from vitrine.platform.problems import Conflict, NotFound
from vitrine.review.add_snapshots import add_snapshots
from vitrine.review.claim_snapshots import claim_snapshots, first_release, renew_leases
from vitrine.review.follow_snapshots import SnapshotChange, follow_snapshots
from vitrine.review.judge_snapshot import decide, reopen, undo
from vitrine.review.model import Lease, Snapshot, Verdict, tally
from vitrine.review.ports import ComparedProduct

if TYPE_CHECKING:
    import random
    from collections.abc import Iterable, Mapping

    from vitrine.review.ports import Added

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
MINUTE, MOMENT = timedelta(minutes=1), timedelta(microseconds=1)
FRUIT = ("apple", "pear")


class Galleries:
    """What galleries show. `fails` makes the next call fail."""

    def __init__(self, *gallery_ids: str) -> None:
        self.shown = {gallery_id: set[str]() for gallery_id in gallery_ids}
        self.fails = False

    def exists(self, merchant_id: str, gallery_id: str) -> bool:
        return gallery_id in self.shown

    def show(self, snapshot: Snapshot) -> None:
        self._of(snapshot).add(snapshot.snapshot_id)

    def hide(self, snapshot: Snapshot) -> None:
        self._of(snapshot).discard(snapshot.snapshot_id)

    def _of(self, snapshot: Snapshot) -> set[str]:
        if self.fails:
            self.fails = False
            raise OSError
        assert snapshot.gallery_id
        return self.shown[snapshot.gallery_id]


class Catalogue:
    def __init__(self, product_ids: Iterable[str]) -> None:
        self.product_ids = set(product_ids)

    def find_products(self, merchant_id: str, product_ids: Iterable[str]) -> Mapping[str, ComparedProduct]:
        return {name: ComparedProduct(name, ()) for name in product_ids if name in self.product_ids}


class Watched(ReviewInMemory):
    """Notes each change of a snapshot, as the stream does."""

    def __init__(self) -> None:
        super().__init__()
        self.changes: dict[str, SnapshotChange] = {}

    def add(self, snapshot: Snapshot) -> Added:
        added = super().add(snapshot)
        if added == "created":
            self._note(snapshot, None)
        return added

    def save(self, snapshot: Snapshot) -> bool:
        before = self.find(snapshot.merchant_id, [snapshot.snapshot_id]).get(snapshot.snapshot_id)
        return super().save(snapshot) and self._note(snapshot, before)

    def _note(self, snapshot: Snapshot, before: Snapshot | None) -> bool:
        after = self.find(snapshot.merchant_id, [snapshot.snapshot_id])[snapshot.snapshot_id]
        self.changes[str(len(self.changes))] = SnapshotChange(before, after, NOON)
        return True


VERDICTS = st.sampled_from(get_args(Verdict))


class Desk:
    """Reviewers of one merchant, and what follows from their decisions."""

    def __init__(self, second_opinion_percent: int = 0) -> None:
        self.repository = Watched()
        self.galleries = Galleries("shelf")
        self.catalogue = Catalogue(FRUIT)
        self.second_opinion_percent = second_opinion_percent
        self.now = NOON

    def add(self, *snapshots: Snapshot) -> list[str | None]:
        """The code of each refusal, None for the snapshots that were stored."""
        results = add_snapshots(self.repository, self.galleries, self.catalogue, snapshots, self.second_opinion_percent)
        self.follow()
        return [result.refusal.code if result.refusal else None for result in results]

    def claim(self, reviewer: str, limit: int = 10, product_id: str | None = None) -> list[str]:
        self.now += MOMENT
        claimed = claim_snapshots(self.repository, "shop", self.lease(reviewer), limit, product_id)
        return [snapshot.snapshot_id for snapshot in claimed]

    def lease(self, reviewer: str) -> Lease:
        return Lease(reviewer, self.now, self.now + MINUTE)

    def decide(self, reviewer: str, name: str, decision: Verdict = "approved") -> str:
        return decide(
            self.repository, "shop", name, reviewer, decision, reason=None, viewed_ms=None, now=self.now
        ).status

    def follow(self, *names: str) -> set[str]:
        """Follow the named changes, or all; return those that failed."""
        changes = {name: self.repository.changes[name] for name in names or self.repository.changes}
        return follow_snapshots(self.repository, self.galleries, changes, self.now, on_failure=lambda _: None)

    @property
    def shown(self) -> set[str]:
        self.follow()
        return self.galleries.shown["shelf"]


def photo(name: str, product: str = "apple", gallery_id: str | None = None, **more: str) -> Snapshot:
    filename = more.get("filename", f"{name}.jpg")
    return Snapshot("shop", name, product, filename, NOON - MINUTE, url="https://a.example/1", gallery_id=gallery_id)


class TestClaiming:
    def test_gives_the_oldest_of_one_product_and_nobody_else_gets_them(self) -> None:
        desk = Desk()
        desk.add(*[photo(f"apple{at}") for at in range(3)])
        desk.now += MINUTE
        desk.add(*[photo(f"pear{at}", "pear") for at in range(2)])
        assert desk.claim("ann", limit=2) == ["apple0", "apple1"]
        assert desk.claim("bob", limit=5) == ["pear0", "pear1"]
        assert desk.claim("ann", limit=5) == ["apple2"]
        assert desk.claim("ann", limit=5) == desk.claim("bob", limit=5) == []

    def test_can_name_its_product(self) -> None:
        desk = Desk()
        desk.add(photo("apple1"), photo("pear1", "pear"))
        assert desk.claim("ann", product_id="pear") == ["pear1"]
        assert desk.claim("ann", product_id="fig") == []

    def test_goes_on_to_the_next_product_and_returns_when_a_lease_ends(self) -> None:
        desk = Desk()
        desk.add(photo("apple1"), photo("pear1", "pear"))
        assert {*desk.claim("ann"), *desk.claim("bob")} == {"apple1", "pear1"}
        assert desk.claim("cid") == []
        desk.now += MINUTE
        assert len({*desk.claim("cid"), *desk.claim("dan")}) == 2

    def test_says_when_the_first_lease_ends_if_others_hold_everything(self) -> None:
        desk = Desk()
        desk.add(photo("apple1"), photo("apple2"), photo("pear1", "pear"))

        def release(product_id: str | None = None) -> datetime | None:
            return first_release(desk.repository, "shop", desk.lease("dan"), product_id)

        assert release() is None
        ends = {}
        for reviewer in ("ann", "bob", "cid"):
            desk.now += MINUTE / 4
            (name,) = desk.claim(reviewer, limit=1)
            ends[name] = desk.now + MINUTE
        assert desk.claim("dan") == []
        assert release() == min(ends.values())
        assert (release("pear"), release("fig")) == (ends["pear1"], None)
        desk.now = min(ends.values()) + MOMENT
        assert release() == sorted(ends.values())[1]

    def test_an_expired_lease_decides_nothing_and_another_gets_the_snapshot(self) -> None:
        desk = Desk()
        desk.add(photo("apple1"))
        desk.claim("ann")
        desk.now += MINUTE
        with pytest.raises(Conflict, match="lease"):
            desk.decide("ann", "apple1")
        assert desk.claim("bob") == ["apple1"]
        assert desk.decide("bob", "apple1") == "approved"

    def test_renews_the_leases_that_the_reviewer_still_has(self) -> None:
        desk = Desk()
        desk.add(photo("apple1"), photo("apple2"))
        desk.claim("ann", limit=1)
        desk.now += MINUTE / 2
        for reviewer, held in (("ann", ["apple1"]), ("bob", [])):
            renewed = renew_leases(desk.repository, "shop", desk.lease(reviewer), ["apple1", "apple2", "nothing"])
            assert [snapshot.snapshot_id for snapshot in renewed] == held
        desk.now += MINUTE / 2
        assert desk.decide("ann", "apple1") == "approved"


class TestDeciding:
    def test_shows_what_is_approved_until_that_changes(self) -> None:
        desk = Desk()
        desk.add(photo("apple1", gallery_id="shelf"))
        desk.claim("ann")
        assert desk.shown == set()
        desk.decide("ann", "apple1")
        assert desk.shown == {"apple1"}
        undo(desk.repository, "shop", "apple1", desk.lease("ann"))
        assert desk.shown == set()
        desk.decide("ann", "apple1")
        assert desk.shown == {"apple1"}
        assert desk.decide("ann", "apple1", "disapproved") == "disapproved"
        assert desk.shown == set()

    def test_needs_the_lease_and_happens_once(self) -> None:
        desk = Desk()
        desk.add(photo("apple1"))
        with pytest.raises(Conflict):
            desk.decide("ann", "apple1")
        desk.claim("ann")
        with pytest.raises(Conflict, match="ann is reviewing"):
            desk.decide("bob", "apple1")
        assert desk.decide("ann", "apple1") == desk.decide("ann", "apple1") == "approved"
        with pytest.raises(Conflict, match="ann decided it: approved"):
            desk.decide("bob", "apple1", "disapproved")
        desk.follow()
        [ann] = desk.repository.reviewers("shop")
        assert (ann.reviewer, ann.counts["approved"]) == ("ann", 1)
        with pytest.raises(NotFound):
            desk.decide("ann", "nothing")

    def test_can_begin_again_when_anyone_reopens_it(self) -> None:
        desk = Desk()
        desk.add(photo("apple1", gallery_id="shelf"))
        desk.claim("ann")
        desk.decide("ann", "apple1")
        desk.now += timedelta(days=1)
        assert reopen(desk.repository, "shop", "apple1", desk.lease("bob")).status == "waiting"
        assert desk.decide("bob", "apple1", "disapproved") == "disapproved"
        assert desk.shown == set()

    def test_takes_two_for_a_share_and_a_third_when_they_disagree(self) -> None:
        desk = Desk(second_opinion_percent=100)
        desk.add(photo("apple1"))
        assert desk.claim("ann") == ["apple1"]
        assert desk.decide("ann", "apple1") == "waiting"
        assert desk.claim("ann", product_id="apple") == []
        assert desk.claim("bob", product_id="apple") == ["apple1"]
        assert desk.decide("bob", "apple1", "disapproved") == "waiting"
        assert desk.claim("ann", product_id="apple") == desk.claim("bob", product_id="apple") == []
        assert desk.claim("cid", product_id="apple") == ["apple1"]
        assert desk.decide("cid", "apple1") == "approved"

    def test_goes_to_another_reviewer_when_one_is_unsure(self) -> None:
        desk = Desk()
        desk.add(photo("apple1", gallery_id="shelf"))
        assert desk.claim("ann") == ["apple1"]
        assert desk.decide("ann", "apple1", "unsure") == "waiting"
        assert desk.claim("ann", product_id="apple") == []
        assert desk.claim("bob", product_id="apple") == ["apple1"]
        assert desk.decide("bob", "apple1", "unsure") == "waiting"
        assert desk.claim("ann", product_id="apple") == desk.claim("bob", product_id="apple") == []
        assert desk.claim("cid", product_id="apple") == ["apple1"]
        assert desk.decide("cid", "apple1") == "approved"
        assert desk.decide("ann", "apple1", "unsure") == "approved"  # sent again
        desk.follow()
        assert desk.galleries.shown["shelf"] == {"apple1"}

    def test_passes_a_snapshot_on_at_once_though_its_product_was_put_off_until_the_lease_ends(self) -> None:
        desk = Desk()
        desk.add(photo("apple1"))
        desk.follow()
        assert desk.claim("ann") == ["apple1"]
        assert desk.claim("ann") == []  # nothing is left, so the product is put off
        assert desk.decide("ann", "apple1", "unsure") == "waiting"
        desk.follow()
        assert desk.claim("bob") == ["apple1"]

    def test_passes_a_snapshot_on_at_once_though_a_claim_reads_the_queue_meanwhile(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        desk = Desk()
        desk.add(photo("apple1"))
        desk.follow()
        assert desk.claim("ann") == ["apple1"]
        read = desk.repository.first_expiry

        def outdated(merchant_id: str, product_id: str, now: datetime) -> datetime | None:
            expiry = read(merchant_id, product_id, now)
            desk.decide("ann", "apple1", "unsure")
            desk.follow()
            return expiry

        with monkeypatch.context() as meanwhile:
            meanwhile.setattr(desk.repository, "first_expiry", outdated)
            assert desk.claim("ann") == []
        assert desk.claim("bob") == ["apple1"]

    def test_stays_in_the_queue_though_those_who_judged_it_keep_asking(self) -> None:
        desk = Desk(second_opinion_percent=100)
        desk.add(photo("apple1"))
        verdicts: list[tuple[str, Verdict]] = [("ann", "approved"), ("bob", "disapproved"), ("cid", "approved")]
        for at, (reviewer, verdict) in enumerate(verdicts):
            assert [desk.claim(judge) for judge, _ in verdicts[:at]] == [[]] * at
            assert desk.claim(reviewer) == ["apple1"]
            desk.decide(reviewer, "apple1", verdict)
            desk.follow()

    def test_settles_a_disagreement_by_those_who_are_sure(self) -> None:
        desk = Desk(second_opinion_percent=100)
        desk.add(photo("apple1"))
        verdicts: list[tuple[str, Verdict, str]] = [
            ("ann", "approved", "waiting"),
            ("bob", "unsure", "waiting"),
            ("cid", "disapproved", "waiting"),
            ("dee", "unsure", "waiting"),
            ("eve", "approved", "approved"),
        ]
        for reviewer, verdict, status in verdicts:
            assert desk.claim(reviewer, product_id="apple") == ["apple1"]
            assert desk.decide(reviewer, "apple1", verdict) == status


class TestAdding:
    def test_refuses_unknown_products_and_galleries_and_names_that_are_taken(self) -> None:
        desk = Desk()
        assert desk.add(
            photo("apple1", gallery_id="shelf"),
            photo("fig1", "fig"),
            photo("apple2", gallery_id="nowhere"),
            photo("apple3", filename="apple1.jpg"),
            photo("pear1", "pear", filename="apple1.jpg"),
            photo("apple1", "pear"),
            photo("apple1", gallery_id="shelf"),
        ) == [None, "unknown_product", "unknown_gallery", "conflict", None, "conflict", "known"]

    def test_knows_a_snapshot_sent_again_though_its_product_and_gallery_are_gone(self) -> None:
        desk = Desk()
        desk.add(photo("apple1", gallery_id="shelf"))
        desk.catalogue.product_ids.clear()
        del desk.galleries.shown["shelf"]
        assert desk.add(photo("apple1", gallery_id="shelf"), photo("apple2")) == ["known", "unknown_product"]


class TestFollowing:
    def test_reports_the_changes_that_failed_and_does_the_others(self) -> None:
        desk = Desk()
        desk.add(photo("a", gallery_id="shelf"), photo("b", gallery_id="shelf"))
        desk.claim("ann")
        for name in "ab":
            desk.decide("ann", name)
        desk.galleries.fails = True
        failed = desk.follow()
        assert len(failed) == 1
        assert len(desk.galleries.shown["shelf"]) == 1
        assert desk.follow(*failed) == set()
        assert desk.galleries.shown["shelf"] == {"a", "b"}

    def test_writes_every_step_into_the_trail_once(self) -> None:
        desk = Desk()
        desk.add(photo("apple1"))
        desk.claim("ann")
        desk.decide("ann", "apple1")
        undo(desk.repository, "shop", "apple1", desk.lease("ann"))
        desk.decide("ann", "apple1", "disapproved")
        for _ in range(2):
            desk.follow()
        steps = desk.repository.read("shop", "apple1")
        assert [(step.action, step.reviewer) for step in steps] == [
            ("added", None),
            ("approved", "ann"),
            ("taken back", "ann"),
            ("disapproved", "ann"),
        ]

    @settings(max_examples=50)
    @given(
        st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 5), st.sampled_from(get_args(Verdict))), max_size=12),
        st.randoms(),
    )
    def test_gives_exact_counts_and_galleries_in_whatever_order_changes_arrive(
        self, decisions: list[tuple[str, int, Verdict]], chance: random.Random
    ) -> None:
        desk = Desk()
        desk.add(*[photo(str(at), FRUIT[at % 2], "shelf") for at in range(6)])
        for reviewer, at, verdict in decisions:
            try:
                desk.claim(reviewer, limit=2)
                desk.decide(reviewer, str(at), verdict)
            except Conflict:
                desk.now += MINUTE / 4
        names = [*desk.repository.changes] * 2
        chance.shuffle(names)
        while names:
            some, names = names[:5], names[5:]
            assert desk.follow(*some) == set()
        expected: dict[str, Counter[str]] = {}
        snapshots = desk.repository.find("shop", [str(at) for at in range(6)]).values()
        for snapshot in snapshots:
            for name, counts in tally(snapshot).items():
                expected.setdefault(name, Counter()).update(counts)
        counted = desk.repository.find_counts("shop", expected)
        assert {name: Counter(stored.counts) for name, stored in counted.items()} == expected
        assert desk.galleries.shown["shelf"] == {each.snapshot_id for each in snapshots if each.status == "approved"}
        waiting = {f"product#{snapshot.product_id}" for snapshot in snapshots if snapshot.status == "waiting"}
        assert {name for name, stored in counted.items() if stored.queue_key} == waiting
