"""The repository of snapshots, queues, counts and audit trails keeps its contract on DynamoDB and in memory."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from tests.memory.review import ReviewInMemory
from vitrine.review.dynamodb import DynamoDBReview
from vitrine.review.model import Lease, Opinion, Snapshot, instant
from vitrine.review.ports import ProductCounts, QueueEntry, ReviewerCounts, Step, StoredCounts

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.contract.conftest import Tables
    from vitrine.review.model import Listing, Verdict

    Repository = DynamoDBReview | ReviewInMemory

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
SECOND, MINUTE = timedelta(seconds=1), timedelta(minutes=1)


@pytest.fixture(params=["moto", "memory"])
def repository(request: pytest.FixtureRequest, tables_on_moto: Tables) -> Iterator[Repository]:
    if request.param == "memory":
        yield ReviewInMemory()
        return
    with tables_on_moto("ReviewTable") as dynamodb:
        yield DynamoDBReview(dynamodb, "ReviewTable")


def photo(name: str, product: str = "apple", minutes: int = 0, merchant: str = "shop") -> Snapshot:
    return Snapshot(merchant, name, product, f"{name}.jpg", NOON + minutes * MINUTE, url="https://photos.example/1")


def stored(repository: Repository, name: str) -> Snapshot:
    return repository.find("shop", [name])[name]


def lease_of(reviewer: str, since: datetime = NOON) -> Lease:
    return Lease(reviewer, since, since + MINUTE)


def claim(repository: Repository, reviewer: str, now: datetime = NOON, limit: int = 10) -> list[str]:
    available = repository.available("shop", "apple", reviewer, now, limit)
    leased = [repository.lease("shop", entry, lease_of(reviewer, now)) for entry in available]
    assert all(leased)
    return [entry.name for entry in available]


class TestSnapshots:
    def test_are_added_once_under_an_id_and_a_filename_of_their_product(self, repository: Repository) -> None:
        apple = photo("a")
        assert [repository.add(apple), repository.add(apple)] == ["created", "same"]
        assert repository.add(replace(apple, url="https://photos.example/2")) == "id_taken"
        assert repository.add(replace(apple, snapshot_id="b")) == "filename_taken"
        assert repository.add(replace(apple, snapshot_id="b", product_id="pear")) == "created"
        assert repository.add(replace(apple, merchant_id="other")) == "created"
        assert repository.find("shop", ["a", "c", "a"]) == {"a": replace(apple, revision=1)}

    def test_keep_every_fact(self, repository: Repository) -> None:
        full = replace(
            photo("a"),
            gallery_id="shelf",
            known_answer="approved",
            opinions_wanted=2,
            opinions=(Opinion("ann", "approved", NOON, 900, "sharp"),),
            lease=lease_of("bob"),
        )
        bare = replace(photo("b"), url=None, uploaded=False)
        for snapshot in (full, bare):
            repository.add(snapshot)
            assert stored(repository, snapshot.snapshot_id) == replace(snapshot, revision=1)

    def test_are_saved_only_at_the_revision_they_were_read(self, repository: Repository) -> None:
        repository.add(photo("a"))
        read = stored(repository, "a")
        assert repository.save(replace(read, lease=lease_of("ann")))
        assert not repository.save(replace(read, lease=lease_of("bob")))
        assert not repository.save(replace(photo("nothing"), revision=1))
        assert stored(repository, "a") == replace(read, lease=lease_of("ann"), revision=2)
        assert repository.save(replace(stored(repository, "a"), lease=None))
        assert stored(repository, "a").lease is None

    def test_are_listed_by_status_product_and_age(self, repository: Repository) -> None:
        photos = [photo("a2", minutes=2), photo("a1", minutes=1), photo("p1", "pear"), photo("x", merchant="other")]
        photos.append(replace(photo("hidden"), uploaded=False))
        for snapshot in photos:
            repository.add(snapshot)
        first, after = repository.list_snapshots("shop", "waiting", None, 2, None)
        rest, end = repository.list_snapshots("shop", "waiting", None, 2, after)
        assert [[snapshot.snapshot_id for snapshot in page] for page in (first, rest)] == [["a1", "a2"], ["p1"]]
        assert end is None
        pears, _ = repository.list_snapshots("shop", "waiting", "pear", 2, None)
        assert [snapshot.snapshot_id for snapshot in pears] == ["p1"]

    def test_on_which_two_disagree_are_listed_by_themselves_until_a_third_decides(self, repository: Repository) -> None:
        repository.add(replace(photo("a"), opinions_wanted=2))
        repository.add(replace(photo("p", "pear"), opinions_wanted=2))

        def listed(listing: Listing, product: str | None = None) -> list[str]:
            page, _ = repository.list_snapshots("shop", listing, product, 10, None)
            return [snapshot.snapshot_id for snapshot in page]

        opinions: list[tuple[str, Verdict]] = [("ann", "approved"), ("bob", "unsure"), ("cid", "disapproved")]
        for reviewer, verdict in opinions:
            assert (listed("disputed"), listed("waiting")) == ([], ["a", "p"])
            judged = stored(repository, "a").with_opinion(Opinion(reviewer, verdict, NOON, 1))
            assert repository.save(judged)
        assert (listed("disputed"), listed("disputed", "pear"), listed("waiting")) == (["a"], [], ["p"])
        assert repository.save(stored(repository, "a").claimed(lease_of("dee")))
        assert listed("disputed") == ["a"]
        assert repository.save(stored(repository, "a").with_opinion(Opinion("dee", "approved", NOON, 1)))
        assert (listed("disputed"), listed("approved")) == ([], ["a"])


class TestQueue:
    def test_has_the_oldest_first_and_a_lease_takes_a_snapshot_out_until_it_ends(self, repository: Repository) -> None:
        for snapshot in (photo("b", minutes=-1), photo("a", minutes=-2), photo("pear", "pear")):
            repository.add(snapshot)
        [first, second] = repository.available("shop", "apple", "ann", NOON, 10)
        assert (first.name, second.name) == ("a", "b")
        leased = repository.lease("shop", first, lease_of("ann"))
        assert leased == stored(repository, "a")
        assert (leased.lease, leased.revision) == (lease_of("ann"), 2)
        assert repository.lease("shop", first, lease_of("bob")) is None
        assert repository.available("shop", "apple", "bob", NOON, 10) == [second]
        assert repository.first_expiry("shop", "apple", NOON) == NOON + MINUTE
        assert repository.first_expiry("shop", "pear", NOON) is None
        assert repository.first_expiry("shop", "apple", NOON + MINUTE + SECOND) is None
        expired = repository.available("shop", "apple", "bob", NOON + MINUTE, 10)
        assert [entry.name for entry in expired] == ["a", "b"]
        assert claim(repository, "bob", NOON + MINUTE, 1) == ["a"]

    def test_offers_a_second_opinion_before_the_rest_and_never_to_the_first_reviewer(
        self, repository: Repository
    ) -> None:
        repository.add(replace(photo("a"), opinions_wanted=2))
        repository.add(photo("b", minutes=-5))
        [_, a] = repository.available("shop", "apple", "ann", NOON, 10)
        assert repository.lease("shop", a, lease_of("ann"))
        judged = stored(repository, "a").judged(Opinion("ann", "approved", NOON, 1))
        assert repository.save(judged)
        ann, bob = (repository.available("shop", "apple", name, NOON, 10) for name in ("ann", "bob"))
        assert ([entry.name for entry in ann], [entry.name for entry in bob]) == (["b"], ["a", "b"])
        assert [entry.name for entry in repository.available("shop", "apple", None, NOON, 10)] == ["a", "b"]
        assert repository.lease("shop", bob[0], lease_of("ann")) is None
        assert claim(repository, "bob") == ["a", "b"]
        assert repository.available("shop", "apple", "cid", NOON, 10) == []
        assert claim(repository, "cid", NOON + MINUTE) == ["b", "a"]

    def test_of_products_is_ordered_by_keys_that_move_only_as_they_were_read(self, repository: Repository) -> None:
        later = NOON + MINUTE
        counts = {
            "product#apple": StoredCounts({"waiting": 1}, 0, instant(NOON)),
            "product#fig": StoredCounts({"waiting": 1}, 0, instant(later)),
            "product#pear": StoredCounts({"waiting": 1}, 0, instant(NOON - MINUTE)),
            "product#done": StoredCounts({"approved": 1}, 0),
        }
        assert repository.commit("shop", {}, counts)
        pear, apple = repository.open_products("shop", NOON, 10)
        assert (pear.name, apple.name) == ("pear", "apple")
        assert repository.open_products("shop", NOON, 1) == [pear]
        moved = QueueEntry("pear", instant(later), 1)
        assert repository.move_product("shop", pear, later) == moved
        assert repository.move_product("shop", pear, later) is None
        assert repository.move_product("shop", moved._replace(revision=2), NOON) is None
        assert repository.move_product("shop", moved, later) == moved
        assert repository.open_products("shop", NOON, 10) == [apple]
        assert repository.find_counts("shop", ["product#pear"]) == {
            "product#pear": StoredCounts({"waiting": 1}, 1, instant(later))
        }

    def test_knows_the_product_that_a_reviewer_works_on(self, repository: Repository) -> None:
        assert repository.current_product("shop", "ann") is None
        repository.set_current_product("shop", "ann", "apple")
        repository.set_current_product("shop", "ann", "pear")
        assert repository.current_product("shop", "ann") == "pear"
        assert repository.current_product("other", "ann") is None


class TestTallies:
    def test_are_committed_only_if_nothing_changed_since_they_were_read(self, repository: Repository) -> None:
        repository.add(photo("a"))
        assert repository.added_by("shop", ["a", "b"]) == {"a": (replace(photo("a"), revision=1), None)}
        first = {"all": StoredCounts({"waiting": 1}, 0)}
        assert repository.commit("shop", {"a": (None, "one")}, first)
        assert not repository.commit("shop", {"a": (None, "two")}, {"other": StoredCounts({"waiting": 9}, 0)})
        assert not repository.commit("shop", {"a": ("one", "two")}, first)
        assert repository.added_by("shop", ["a"])["a"][1] == "one"
        assert repository.find_counts("shop", ["all", "other"]) == {"all": StoredCounts({"waiting": 1}, 1)}
        assert repository.commit("shop", {"a": ("one", "two")}, {"all": StoredCounts({"approved": 1}, 1)})
        assert repository.totals("shop") == {"approved": 1}
        assert repository.totals("other") == {}
        assert stored(repository, "a").revision == 1

    def test_of_products_and_reviewers_are_listed_by_name(self, repository: Repository) -> None:
        names = ("all", "product#apple", "product#pear", "reviewer#ann", "reviewer#bob")
        assert repository.commit("shop", {}, {name: StoredCounts({"approved": 1}, 0) for name in names})
        apple, pear = (ProductCounts(name, {"approved": 1}) for name in ("apple", "pear"))
        assert repository.products("shop", 10, None) == [apple, pear]
        assert repository.products("shop", 1, None) == [apple]
        assert repository.products("shop", 10, "apple") == [pear]
        assert repository.products("shop", 10, None, "pe") == [pear]
        assert repository.products("shop", 10, "pear", "pe") == []
        assert repository.products("shop", 10, None, "pears") == []
        assert repository.reviewers("shop") == [ReviewerCounts(name, {"approved": 1}) for name in ("ann", "bob")]


def test_a_trail_has_each_step_once_in_order(repository: Repository) -> None:
    claimed = Step(2, NOON, "waiting", "claimed", "ann", None)
    decided = Step(10, NOON + MINUTE, "disapproved", "disapproved", "ann", "blurred")
    for step in (decided, claimed, decided):
        repository.record("shop", "a", step)
    assert repository.read("shop", "a") == [claimed, decided]
    assert repository.read("shop", "b") == []
