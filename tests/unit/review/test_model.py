"""Who may decide a snapshot, when a verdict may be changed, and what is counted of it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import get_args

import pytest

from vitrine.platform.problems import Conflict
from vitrine.review.model import (
    STATUSES,
    Happening,
    Lease,
    Opinion,
    Snapshot,
    Status,
    is_free,
    leased_place,
    tally,
    wants_second_opinion,
    what_happened,
)

NOON = datetime(2024, 5, 1, 12, tzinfo=UTC)
END = NOON + timedelta(minutes=2)
UNDO_WINDOW = timedelta(minutes=10)
A_MOMENT = timedelta(microseconds=1)

WAITING = Snapshot("shop", "apple1", "apple", "apple1.jpg", NOON - timedelta(days=1))
LEASED = replace(WAITING, lease=Lease("ann", NOON, END))


def opinion(reviewer: str, verdict: str = "approved", at: datetime = NOON) -> Opinion:
    return Opinion(reviewer, verdict, at, viewed_ms=900)  # type: ignore[arg-type]


def lease_of(reviewer: str, since: datetime = NOON) -> Lease:
    return Lease(reviewer, since, since + timedelta(minutes=2))


APPROVED = replace(WAITING, opinions=(opinion("ann"),))


def test_every_status_can_be_listed_once() -> None:
    assert sorted(STATUSES) == sorted(get_args(Status))


def test_a_snapshot_that_was_never_stored_has_revision_0() -> None:
    assert WAITING.revision == 0


ANN_WAITS_FOR_ANOTHER = replace(APPROVED, opinions_wanted=2)


def test_a_lease_is_its_holders_until_it_ends() -> None:
    assert LEASED.is_leased_to("ann", END - A_MOMENT)
    assert not LEASED.is_leased_to("ann", END)
    assert not LEASED.is_leased_to("bob", NOON)
    assert not WAITING.is_leased_to("ann", NOON)


@pytest.mark.parametrize("found", [WAITING, ANN_WAITS_FOR_ANOTHER])
@pytest.mark.parametrize("now", [NOON, END - A_MOMENT, END, END + A_MOMENT])
def test_a_snapshot_can_be_claimed_when_nobody_holds_it(found: Snapshot, now: datetime) -> None:
    leased = replace(found, lease=Lease("bob", NOON, END))
    assert found.place
    assert is_free(found.place, now)
    assert leased.place == leased_place(found.place, END)
    assert is_free(leased.place, now) is not leased.is_leased_to("bob", now)


def test_places_keep_the_form_in_which_they_are_stored() -> None:
    """Places written by an earlier version must sort with those of this one."""
    noon, end = "01714564800000000", "01714564920000000"
    assert replace(WAITING, created_at=NOON).place == f"2{noon}"
    assert LEASED.place == f"0{end}"
    assert ANN_WAITS_FOR_ANOTHER.place == f"149915e0d7d4b402e{noon}"


def test_a_verdict_is_taken_until_the_lease_ends() -> None:
    assert LEASED.judged(opinion("ann", at=END - A_MOMENT)).status == "approved"
    with pytest.raises(Conflict, match="run out"):
        LEASED.judged(opinion("ann", at=END))
    with pytest.raises(Conflict, match="never given"):
        WAITING.judged(opinion("ann"))


def test_who_comes_without_the_lease_hears_who_has_it() -> None:
    with pytest.raises(Conflict, match="It is with ann now"):
        LEASED.judged(opinion("bob", at=END - A_MOMENT))
    with pytest.raises(Conflict, match="run out"):
        LEASED.judged(opinion("bob", at=END))


@pytest.mark.parametrize("verdict", ["approved", "disapproved"])
@pytest.mark.parametrize("found", [APPROVED, replace(APPROVED, lease=lease_of("bob"))])
def test_a_decided_snapshot_takes_nobody_elses_verdict(found: Snapshot, verdict: str) -> None:
    with pytest.raises(Conflict, match="ann decided it: approved"):
        found.judged(opinion("bob", verdict))


def test_a_verdict_can_be_taken_back_until_the_undo_window_ends() -> None:
    last = NOON + UNDO_WINDOW
    assert APPROVED.undone(lease_of("ann", last)).opinions == ()
    with pytest.raises(Conflict, match="10 minutes"):
        APPROVED.undone(lease_of("ann", last + A_MOMENT))


def test_a_verdict_can_be_changed_until_the_undo_window_ends() -> None:
    last = NOON + UNDO_WINDOW
    assert APPROVED.judged(opinion("ann", "disapproved", last)).status == "disapproved"
    with pytest.raises(Conflict, match="10 minutes"):
        APPROVED.judged(opinion("ann", "disapproved", last + A_MOMENT))


def test_only_ones_own_verdict_can_be_taken_back() -> None:
    with pytest.raises(Conflict, match="ann decided it"):
        APPROVED.undone(lease_of("bob"))
    with pytest.raises(Conflict, match="Nobody has decided"):
        WAITING.undone(lease_of("ann"))


def test_undoing_again_changes_nothing() -> None:
    undone = APPROVED.undone(lease_of("ann"))
    assert undone.lease == lease_of("ann")
    assert undone.undone(lease_of("ann")) == undone


def test_a_verdict_stays_while_another_gives_a_second_opinion_on_it() -> None:
    shared = replace(ANN_WAITS_FOR_ANOTHER, lease=Lease("bob", NOON, END))
    with pytest.raises(Conflict, match="second opinion"):
        shared.undone(lease_of("ann", END - A_MOMENT))
    with pytest.raises(Conflict, match="second opinion"):
        shared.judged(opinion("ann", "disapproved", END - A_MOMENT))
    assert shared.undone(lease_of("ann", END)).opinions == ()


def test_two_who_disagree_want_a_third() -> None:
    agreed = ANN_WAITS_FOR_ANOTHER.with_opinion(opinion("bob"))
    assert (ANN_WAITS_FOR_ANOTHER.status, agreed.status, agreed.opinions_wanted) == ("waiting", "approved", 2)
    disagreed = ANN_WAITS_FOR_ANOTHER.with_opinion(opinion("bob", "disapproved"))
    assert (disagreed.status, disagreed.opinions_wanted) == ("waiting", 3)
    assert disagreed.with_opinion(opinion("cid", "disapproved")).status == "disapproved"
    assert WAITING.with_opinion(opinion("ann")).opinions_wanted == 1


def test_only_a_decided_snapshot_can_be_reopened() -> None:
    reopened = APPROVED.reopened(lease_of("bob"))
    assert (reopened.status, reopened.opinions, reopened.lease) == ("waiting", (), lease_of("bob"))
    assert reopened.reopened(lease_of("bob")) == reopened
    with pytest.raises(Conflict, match="Only a decided"):
        reopened.reopened(lease_of("ann"))


def test_a_lease_is_renewed_for_its_holder_until_it_ends() -> None:
    renewed = LEASED.renewed(lease_of("ann", END - A_MOMENT))
    assert renewed
    assert renewed.lease == Lease("ann", NOON, END - A_MOMENT + timedelta(minutes=2))
    assert LEASED.renewed(lease_of("ann", END)) is None
    assert LEASED.renewed(lease_of("bob")) is None
    assert WAITING.renewed(lease_of("ann")) is None


def test_each_step_is_told_as_what_it_was() -> None:
    uploading = replace(WAITING, uploaded=False)
    longer = replace(LEASED, lease=Lease("ann", NOON, END + A_MOMENT))
    again = replace(LEASED, lease=lease_of("ann", END))
    assert what_happened(None, WAITING) == Happening("added")
    assert what_happened(uploading, WAITING) == Happening("uploaded")
    assert what_happened(WAITING, LEASED) == Happening("claimed", "ann")
    assert what_happened(LEASED, longer) == Happening("renewed", "ann")
    assert what_happened(LEASED, again) == Happening("claimed", "ann")
    assert what_happened(LEASED, APPROVED) == Happening("approved", "ann")
    assert what_happened(APPROVED, LEASED) == Happening("taken back", "ann")
    assert what_happened(ANN_WAITS_FOR_ANOTHER, replace(ANN_WAITS_FOR_ANOTHER, lease=lease_of("bob"))) == Happening(
        "claimed", "bob"
    )
    assert what_happened(LEASED, WAITING) == Happening("claimed", None)


def test_a_planted_snapshot_measures_its_reviewer() -> None:
    for verdict, right in (("approved", 1), ("disapproved", 0)):
        planted = replace(WAITING, known_answer="approved", opinions=(opinion("ann", verdict),))
        assert tally(planted)["reviewer#ann"] == {verdict: 1, "viewed_ms": 900, "planted": 1, "planted_right": right}


def test_the_first_two_opinions_are_compared_and_the_third_is_not() -> None:
    three = replace(
        WAITING, opinions_wanted=3, opinions=(opinion("ann"), opinion("bob", "disapproved"), opinion("cid"))
    )
    counts = tally(three)
    assert counts["all"] == counts["product#apple"] == {"approved": 1}
    assert counts["reviewer#ann"] == {"approved": 1, "viewed_ms": 900, "shared": 1, "agreed": 0}
    assert counts["reviewer#bob"] == {"disapproved": 1, "viewed_ms": 900, "shared": 1, "agreed": 0}
    assert counts["reviewer#cid"] == {"approved": 1, "viewed_ms": 900}
    alone, both = tally(APPROVED), tally(ANN_WAITS_FOR_ANOTHER.with_opinion(opinion("bob")))
    assert alone["reviewer#ann"] == {"approved": 1, "viewed_ms": 900}
    assert both["reviewer#ann"]["agreed"] == 1


def test_a_share_of_all_snapshots_wants_a_second_opinion() -> None:
    snapshots = [replace(WAITING, snapshot_id=str(number)) for number in range(1000)]
    shares = [sum(wants_second_opinion(it, percent) for it in snapshots) for percent in (0, 30, 100)]
    assert (shares[0], shares[2]) == (0, 1000)
    assert 250 < shares[1] < 350


@pytest.mark.parametrize("fact", ["product_id", "filename", "url", "gallery_id", "known_answer"])
def test_a_snapshot_with_another_fact_is_another(fact: str) -> None:
    assert WAITING.same_facts(replace(WAITING, created_at=NOON, opinions_wanted=2))
    assert not WAITING.same_facts(replace(WAITING, **{fact: "other"}))
