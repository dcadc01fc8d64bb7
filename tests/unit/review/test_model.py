"""Who may decide about a snapshot, when a decision may be changed, and what a snapshot counts."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, get_args

import pytest

from vitrine.platform.problems import Conflict
from vitrine.review.model import (
    LISTINGS,
    STATUSES,
    Action,
    Lease,
    Listing,
    Opinion,
    Snapshot,
    Status,
    action_between,
    is_available,
    leased_key,
    tally,
    wants_second_opinion,
)

NOON = datetime(2024, 5, 1, 12, tzinfo=UTC)
END = NOON + timedelta(minutes=2)
UNDO_WINDOW = timedelta(minutes=10)
A_MOMENT = timedelta(microseconds=1)

WAITING = Snapshot("shop", "apple1", "apple", "apple1.jpg", NOON - timedelta(days=1))
LEASED = replace(WAITING, lease=Lease("ann", NOON, END))


def opinion(reviewer: str, decision: str = "approved", at: datetime = NOON) -> Opinion:
    return Opinion(reviewer, decision, at, viewed_ms=900)  # type: ignore[arg-type]


def lease_of(reviewer: str, since: datetime = NOON) -> Lease:
    return Lease(reviewer, since, since + timedelta(minutes=2))


APPROVED = replace(WAITING, opinions=(opinion("ann"),))


def test_every_status_can_be_listed_once() -> None:
    assert sorted(STATUSES) == sorted(get_args(Status))


def test_a_snapshot_that_was_never_stored_has_revision_0() -> None:
    assert WAITING.revision == 0


ONE_OF_TWO_OPINIONS = replace(APPROVED, opinions_wanted=2)


def test_a_lease_is_its_holders_until_it_ends() -> None:
    assert LEASED.is_leased_to("ann", END - A_MOMENT)
    assert not LEASED.is_leased_to("ann", END)
    assert not LEASED.is_leased_to("bob", NOON)
    assert not WAITING.is_leased_to("ann", NOON)


@pytest.mark.parametrize("available", [WAITING, ONE_OF_TWO_OPINIONS])
@pytest.mark.parametrize("now", [NOON, END - A_MOMENT, END, END + A_MOMENT])
def test_a_snapshot_can_be_claimed_when_nobody_holds_it(available: Snapshot, now: datetime) -> None:
    leased = replace(available, lease=Lease("bob", NOON, END))
    assert available.queue_key
    assert is_available(available.queue_key, now)
    assert leased.queue_key == leased_key(available.queue_key, END)
    assert is_available(leased.queue_key, now) is not leased.is_leased_to("bob", now)


def test_queue_keys_keep_the_form_in_which_they_are_stored() -> None:
    """Keys written by an earlier version must sort with those of this one."""
    noon, end = "01714564800000000", "01714564920000000"
    assert replace(WAITING, created_at=NOON).queue_key == f"2{noon}"
    assert LEASED.queue_key == f"0{end}"
    assert ONE_OF_TWO_OPINIONS.queue_key == f"149915e0d7d4b402e{noon}"


def test_a_decision_is_accepted_until_the_lease_ends() -> None:
    assert LEASED.judged(opinion("ann", at=END - A_MOMENT)).status == "approved"
    with pytest.raises(Conflict, match="expired"):
        LEASED.judged(opinion("ann", at=END))
    with pytest.raises(Conflict, match="You have no lease"):
        WAITING.judged(opinion("ann"))


def test_a_refusal_without_the_lease_names_its_holder() -> None:
    with pytest.raises(Conflict, match="ann is reviewing it now"):
        LEASED.judged(opinion("bob", at=END - A_MOMENT))
    with pytest.raises(Conflict, match="expired"):
        LEASED.judged(opinion("bob", at=END))


@pytest.mark.parametrize("decision", ["approved", "disapproved"])
@pytest.mark.parametrize("decided", [APPROVED, replace(APPROVED, lease=lease_of("bob"))])
def test_a_decided_snapshot_refuses_another_reviewers_decision(decided: Snapshot, decision: str) -> None:
    with pytest.raises(Conflict, match="ann decided it: approved"):
        decided.judged(opinion("bob", decision))


def test_a_decision_can_be_undone_and_changed_until_the_undo_window_ends() -> None:
    last = NOON + UNDO_WINDOW
    assert APPROVED.undone(lease_of("ann", last)).opinions == ()
    assert APPROVED.judged(opinion("ann", "disapproved", last)).status == "disapproved"
    with pytest.raises(Conflict, match="10 minutes"):
        APPROVED.undone(lease_of("ann", last + A_MOMENT))
    with pytest.raises(Conflict, match="10 minutes"):
        APPROVED.judged(opinion("ann", "disapproved", last + A_MOMENT))


def test_only_your_own_decision_can_be_undone() -> None:
    with pytest.raises(Conflict, match="ann decided it"):
        APPROVED.undone(lease_of("bob"))
    with pytest.raises(Conflict, match="Nobody has decided"):
        WAITING.undone(lease_of("ann"))


def test_undoing_again_changes_nothing() -> None:
    undone = APPROVED.undone(lease_of("ann"))
    assert undone.lease == lease_of("ann")
    assert undone.undone(lease_of("ann")) == undone


def test_a_decision_stays_while_another_gives_a_second_opinion_on_it() -> None:
    shared = replace(ONE_OF_TWO_OPINIONS, lease=Lease("bob", NOON, END))
    with pytest.raises(Conflict, match="second opinion"):
        shared.undone(lease_of("ann", END - A_MOMENT))
    with pytest.raises(Conflict, match="second opinion"):
        shared.judged(opinion("ann", "disapproved", END - A_MOMENT))
    assert shared.undone(lease_of("ann", END)).opinions == ()


def test_two_who_disagree_want_a_third() -> None:
    agreed = ONE_OF_TWO_OPINIONS.with_opinion(opinion("bob"))
    assert (ONE_OF_TWO_OPINIONS.status, agreed.status, agreed.opinions_wanted) == ("waiting", "approved", 2)
    disagreed = ONE_OF_TWO_OPINIONS.with_opinion(opinion("bob", "disapproved"))
    assert (disagreed.status, disagreed.opinions_wanted) == ("waiting", 3)
    assert disagreed.with_opinion(opinion("cid", "disapproved")).status == "disapproved"
    assert WAITING.with_opinion(opinion("ann")).opinions_wanted == 1


def test_a_dispute_lasts_from_two_who_disagree_until_a_third_decides() -> None:
    disputed = ONE_OF_TWO_OPINIONS.with_opinion(opinion("bob", "disapproved"))
    unsure = disputed.with_opinion(opinion("cid", "unsure"))
    decided = unsure.with_opinion(opinion("dee"))
    listings = [each.listing for each in (ONE_OF_TWO_OPINIONS, disputed, unsure, decided)]
    assert listings == ["waiting", "disputed", "disputed", "approved"]
    taken_back = disputed.undone(lease_of("bob"))
    assert (taken_back.opinions_wanted, taken_back.listing) == (3, "waiting")
    passed_on = replace(WAITING, opinions_wanted=2).with_opinion(opinion("ann", "unsure")).with_opinion(opinion("bob"))
    assert passed_on.listing == "waiting"


def test_every_listing_is_read_once() -> None:
    assert sorted(LISTINGS) == sorted(get_args(Listing))


def test_a_waiting_snapshot_can_be_claimed_by_whom_it_is_free_for() -> None:
    bob = lease_of("bob")
    assert WAITING.claimed(bob).lease == bob
    assert replace(LEASED, lease=Lease("ann", NOON, NOON)).claimed(bob).lease == bob
    later = Lease("ann", NOON + A_MOMENT, END + A_MOMENT)
    assert LEASED.claimed(later).lease == Lease("ann", NOON, END + A_MOMENT)
    with pytest.raises(Conflict, match="ann is reviewing it now"):
        LEASED.claimed(bob)
    with pytest.raises(Conflict, match="Only a waiting snapshot"):
        APPROVED.claimed(bob)
    with pytest.raises(Conflict, match="Only a waiting snapshot"):
        replace(WAITING, uploaded=False).claimed(bob)
    with pytest.raises(Conflict, match="You have judged it already"):
        ONE_OF_TWO_OPINIONS.claimed(lease_of("ann"))


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


def test_each_step_has_its_action() -> None:
    uploading = replace(WAITING, uploaded=False)
    longer = replace(LEASED, lease=Lease("ann", NOON, END + A_MOMENT))
    again = replace(LEASED, lease=lease_of("ann", END))
    assert action_between(None, WAITING) == Action("added")
    assert action_between(uploading, WAITING) == Action("uploaded")
    assert action_between(WAITING, LEASED) == Action("claimed", "ann")
    assert action_between(LEASED, longer) == Action("renewed", "ann")
    assert action_between(LEASED, again) == Action("claimed", "ann")
    assert action_between(LEASED, APPROVED) == Action("approved", "ann")
    assert action_between(APPROVED, LEASED) == Action("taken back", "ann")
    assert action_between(ONE_OF_TWO_OPINIONS, replace(ONE_OF_TWO_OPINIONS, lease=lease_of("bob"))) == Action(
        "claimed", "bob"
    )
    assert action_between(LEASED, WAITING) == Action("claimed", None)


def test_a_planted_snapshot_measures_its_reviewer() -> None:
    for decision, right in (("approved", 1), ("disapproved", 0)):
        planted = replace(WAITING, known_answer="approved", opinions=(opinion("ann", decision),))
        assert tally(planted)["reviewer#ann"] == {decision: 1, "viewed_ms": 900, "planted": 1, "planted_right": right}


def test_the_first_two_opinions_are_compared_and_the_third_is_not() -> None:
    three = replace(
        WAITING, opinions_wanted=3, opinions=(opinion("ann"), opinion("bob", "disapproved"), opinion("cid"))
    )
    counts = tally(three)
    assert counts["all"] == counts["product#apple"] == {"approved": 1}
    assert counts["reviewer#ann"] == {"approved": 1, "viewed_ms": 900, "shared": 1, "agreed": 0}
    assert counts["reviewer#bob"] == {"disapproved": 1, "viewed_ms": 900, "shared": 1, "agreed": 0}
    assert counts["reviewer#cid"] == {"approved": 1, "viewed_ms": 900}
    alone, both = tally(APPROVED), tally(ONE_OF_TWO_OPINIONS.with_opinion(opinion("bob")))
    assert alone["reviewer#ann"] == {"approved": 1, "viewed_ms": 900}
    assert both["reviewer#ann"]["agreed"] == 1


def test_a_share_of_all_snapshots_wants_a_second_opinion() -> None:
    snapshots = [replace(WAITING, snapshot_id=str(number)) for number in range(1000)]
    shares = [sum(wants_second_opinion(snapshot, percent) for snapshot in snapshots) for percent in (0, 30, 100)]
    assert (shares[0], shares[2]) == (0, 1000)
    assert 250 < shares[1] < 350


@pytest.mark.parametrize("fact", ["product_id", "filename", "url", "gallery_id", "known_answer"])
def test_a_snapshot_with_another_fact_is_another(fact: str) -> None:
    assert WAITING.same_facts(replace(WAITING, created_at=NOON, opinions_wanted=2))
    changed: dict[str, Any] = {fact: "other"}
    assert not WAITING.same_facts(replace(WAITING, **changed))


def test_who_is_unsure_neither_agrees_nor_disagrees_nor_misjudges() -> None:
    opinions = (opinion("ann", "unsure"), opinion("bob", "approved"), opinion("cyd", "approved"))
    snapshot = replace(WAITING, opinions_wanted=2, opinions=opinions, known_answer="approved")
    counts = tally(snapshot)
    assert snapshot.status == "approved"
    assert counts["reviewer#ann"] == {"unsure": 1, "viewed_ms": 900}
    assert counts["reviewer#bob"]["agreed"] == counts["reviewer#cyd"]["agreed"] == 1
    assert counts["reviewer#bob"]["planted_right"] == 1


def test_an_unsure_verdict_is_undone_and_changed_as_any_other() -> None:
    unsure = LEASED.judged(opinion("ann", "unsure"))
    assert (unsure.status, unsure.lease) == ("waiting", None)
    assert unsure.queue_key
    assert unsure.queue_key.startswith("1")
    assert unsure.judged(opinion("ann", "unsure")) == unsure
    assert unsure.judged(opinion("ann")).status == "approved"
    assert unsure.undone(lease_of("ann")).opinions == ()
    assert action_between(LEASED, unsure) == Action("unsure", "ann")
