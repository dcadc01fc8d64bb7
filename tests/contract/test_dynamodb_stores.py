"""CounterRepository and GalleryRepository keep their contracts in memory, on moto and on Amazon's DynamoDB Local."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, cast

import pytest
from moto import mock_aws

from tests.aws import create_tables
from tests.dynamodb_local import running_dynamodb
from tests.memory.engagement import CountersInMemory
from tests.memory.galleries import GalleriesInMemory
from vitrine.engagement.dynamodb import DynamoDBCounters
from vitrine.engagement.model import (
    MARKS_IN_A_WRITE,
    ApartKey,
    ArmKey,
    PendingEvent,
    Shard,
    Slots,
    Sum,
    Trace,
    lasting_slots_at,
    slots_at,
)
from vitrine.engagement.ports import Archived, CountedEvents, CounterKey, Look, ShardKey
from vitrine.galleries.dynamodb import DynamoDBGalleries
from vitrine.galleries.model import (
    Counted,
    Counts,
    Description,
    Experiment,
    Gallery,
    GalleryKey,
    Image,
    Settlement,
    Suspect,
    Totals,
    new_gallery,
)
from vitrine.galleries.ports import StaleGallery, StaleImages
from vitrine.platform.aws import client, close_clients
from vitrine.platform.times import utc_now
from vitrine.ranking.decay import SumKey, amount_at, sum_at
from vitrine.ranking.experiments import Arm
from vitrine.ranking.model import Ranking

if TYPE_CHECKING:
    from collections.abc import Iterator

    from vitrine.galleries.model import GalleryChanges
    from vitrine.ranking.interleaving import Team

    Counters = CountersInMemory | DynamoDBCounters
    Galleries = GalleriesInMemory | DynamoDBGalleries

TABLES = ("CountersTable", "GalleriesTable", "ImagesTable")
NOW = datetime(2026, 1, 1, tzinfo=UTC)
SLOTS = slots_at(NOW, timedelta(hours=1))
MOST_IN_A_UNIT = 60


@pytest.fixture(scope="module")
def dynamodb_local() -> Iterator[str]:
    with running_dynamodb() as address:
        yield address


@pytest.fixture(params=["memory", "moto", "dynamodb_local"])
def engine(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    if request.param == "memory":
        yield "memory"
        return
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    close_clients()
    if request.param == "moto":
        with mock_aws():
            create_tables(*TABLES)
            yield request.param
    else:
        monkeypatch.setenv("AWS_ENDPOINT_URL", request.getfixturevalue("dynamodb_local"))
        create_tables(*TABLES)
        yield request.param
        for name in TABLES:
            client("dynamodb").delete_table(TableName=name)
    close_clients()


@pytest.fixture
def counters(engine: str) -> Counters:
    return CountersInMemory() if engine == "memory" else DynamoDBCounters(client("dynamodb"), "CountersTable")


@pytest.fixture
def galleries(engine: str) -> Galleries:
    if engine == "memory":
        return GalleriesInMemory()
    return DynamoDBGalleries(client("dynamodb"), "GalleriesTable", "ImagesTable")


GALLERY = GalleryKey("shop", "summer")
KEY = CounterKey(GALLERY, "hat", "first")
ROOT = ShardKey(KEY, "")


def pending(*numbers: int) -> list[PendingEvent]:
    return [PendingEvent(at, "views", "abc", (Trace(mark(number), None),), None) for at, number in enumerate(numbers)]


def mark(number: int) -> bytes:
    return number.to_bytes(8, "big")


class TestCounters:
    def test_absorbs_what_is_new_and_shows_what_it_holds(self, counters: Counters) -> None:
        assert counters.count(ROOT, pending(1, 2), SLOTS) == CountedEvents(full=False)
        shard = counters.count(ROOT, pending(2, 3), SLOTS)
        assert shard == Shard("open", frozenset({mark(1), mark(2)}))
        assert counters.read([KEY]) == {KEY: Counts(Totals(2, 0))}

    def test_sums_come_with_the_events_in_one_write_and_what_is_outdated_goes(self, counters: Counters) -> None:
        old, current = SumKey("views", 14, 7), SumKey("views", 14, 9)
        of_arm = SumKey("views", 14, 9, "2.1")
        sums: list[dict[Sum, int]] = [
            {old: 5},
            {current: 3},
            {current: 4},
            {ApartKey("lab", "views"): 1},
            {of_arm: 2, ArmKey("views", "2.1"): 1},
            {ApartKey("suspect", "views"): 1},
        ]
        for at, added in enumerate(sums):
            [event] = pending(at)
            assert isinstance(counters.count(ROOT, [event._replace(sums=tuple(added.items()))], SLOTS), CountedEvents)
        arms = {"2.1": Totals(1, 0)}
        expected = Counts(Totals(6, 0), Totals(1, 0), {current: 7, of_arm: 2}, arms, Totals(1, 0))
        assert counters.read([KEY]) == {KEY: expected}
        refused = pending(4)[0]._replace(sums=((ApartKey("lab", "views"), 1),))
        assert isinstance(counters.count(ROOT, [refused], SLOTS), Shard)
        assert counters.read([KEY]) == {KEY: expected}

    def test_what_scores_need_costs_no_further_write_unit(self, counters: Counters) -> None:
        aged, of_arm = sum_at("views", 14, NOW.timestamp()), ArmKey("views", "12.1")
        weight = amount_at(14, NOW.timestamp())
        sums: tuple[tuple[Sum, int], ...] = ((aged._replace(arm="12.1"), weight), (of_arm, 1))
        totals_alone = self.events_in_one_unit(counters, "a", ())
        assert self.events_in_one_unit(counters, "b", sums) >= totals_alone - 2

    def events_in_one_unit(self, counters: Counters, path: str, sums: tuple[tuple[Sum, int], ...]) -> int:
        """Count visitors' events until a write costs more than one unit; return how many did not."""
        for number in range(MOST_IN_A_UNIT):
            trace = Trace(mark(2 * number), mark(2 * number + 1))
            event = PendingEvent(0, "views", "abc", (trace,), mark(10_000 + number), sums)
            if counters.count(ShardKey(KEY, path), [event], SLOTS) == CountedEvents(full=True):
                return number
        return MOST_IN_A_UNIT

    def test_a_shard_that_is_archived_is_full_before_a_write_costs_two_units(self, engine: str) -> None:
        if engine != "dynamodb_local":
            return
        counters = DynamoDBCounters(client("dynamodb"), "CountersTable", archives=True)
        alone = self.events_in_one_unit(DynamoDBCounters(client("dynamodb"), "CountersTable"), "a", ())
        assert alone - 8 <= self.events_in_one_unit(counters, "b", ()) < alone

    @pytest.mark.parametrize("slots", [SLOTS, lasting_slots_at(NOW, timedelta(hours=1))])
    def test_a_full_write_is_taken(self, counters: Counters, slots: Slots) -> None:
        counters.count(ROOT, pending(100), slots)
        counters.archive(ROOT, NOW)
        assert isinstance(counters.count(ROOT, pending(*range(MARKS_IN_A_WRITE)), slots, 1), CountedEvents)

    def test_an_archived_shard_goes_on_counting_for_those_who_know(self, counters: Counters) -> None:
        counters.count(ROOT, pending(1, 2), SLOTS)
        assert counters.archive(ROOT, NOW) == counters.find_shard(ROOT) == Shard("open", frozenset(), 1)
        assert counters.count(ROOT, pending(3), SLOTS) == Shard("open", frozenset(), 1)
        assert counters.count(ROOT, pending(3), SLOTS, 1) == CountedEvents(full=False)
        assert counters.archive(ROOT, NOW + timedelta(hours=1)).archives == 2
        assert counters.read([KEY]) == {KEY: Counts(Totals(3, 0))}
        assert counters.read_archives(ROOT, 0, NOW) == Archived({mark(1), mark(2), mark(3)})
        assert counters.read_archives(ROOT, 1, NOW) == Archived({mark(3)})
        assert counters.read_archives(ROOT, 0, NOW + timedelta(seconds=1)) == Archived({mark(3)})
        assert counters.split(ROOT) == Shard("split", frozenset(), 2) == counters.archive(ROOT, NOW)
        assert counters.read([KEY]) == {KEY: Counts(Totals(3, 0))}

    def test_a_shard_without_marks_or_that_is_closed_is_not_archived(self, counters: Counters) -> None:
        assert counters.archive(ROOT, NOW) == Shard("open", frozenset())
        counters.count(ROOT, pending(1), SLOTS)
        counters.close(KEY)
        assert counters.archive(ROOT, NOW).state == "closed"

    def test_finds_a_shard_as_it_stands_without_counting(self, counters: Counters) -> None:
        assert counters.find_shard(ROOT) == Shard("open", frozenset())
        counters.count(ROOT, pending(1), SLOTS)
        assert counters.find_shard(ROOT) == Shard("open", frozenset({mark(1)}))
        assert counters.find_shard(ROOT)._replace(state="split") == counters.split(ROOT) == counters.find_shard(ROOT)
        assert counters.read([KEY])[KEY].totals == Totals(1, 0)

    def test_a_split_shard_sends_to_its_children_and_all_are_summed(self, counters: Counters) -> None:
        counters.count(ROOT, pending(1), SLOTS)
        frozen = counters.split(ROOT)
        assert frozen.state == "split"
        assert counters.split(ROOT) == counters.count(ROOT, pending(2), SLOTS) == frozen
        assert isinstance(counters.count(ShardKey(KEY, "a"), pending(2), SLOTS), CountedEvents)
        assert counters.read([KEY]) == {KEY: Counts(Totals(2, 0))}

    def test_a_tree_folds_into_its_root_once_and_may_split_again(self, counters: Counters) -> None:
        counters.count(ROOT, pending(1), SLOTS)
        counters.split(ROOT)
        counters.count(ShardKey(KEY, "a"), pending(2), SLOTS)
        counters.split(ShardKey(KEY, "a"))
        counters.count(ShardKey(KEY, "ab"), pending(3, 4), SLOTS)
        folded = Shard("open", frozenset(), 1, 1)
        for _ in range(2):
            assert counters.fold(KEY, 0, NOW) == folded == counters.find_shard(ROOT)
            assert counters.read([KEY]) == {KEY: Counts(Totals(4, 0))}
        for path in ("b", "ab", "ac"):
            shard = counters.count(ShardKey(KEY, path), pending(9), SLOTS)
            assert isinstance(shard, Shard)
            assert shard.state == counters.find_shard(ShardKey(KEY, path)).state == "folded"
        assert counters.count(ROOT, pending(5), SLOTS) == folded
        assert counters.count(ROOT, pending(5), SLOTS, 1) == CountedEvents(full=False)
        assert counters.read_archives(ROOT, 0, NOW) == Archived({mark(1)}, {0})
        assert counters.read_folded(KEY, 0, ["ab0", "b00"], NOW) == {mark(2), mark(3), mark(4)}
        assert counters.read_folded(KEY, 0, ["ac0"], NOW) == {mark(2)}

        assert counters.split(ROOT) == Shard("split", frozenset({mark(5)}), 1, 1)
        assert counters.count(ShardKey(KEY, "a", 1), pending(6), SLOTS) == CountedEvents(full=False)
        assert counters.read([KEY]) == {KEY: Counts(Totals(6, 0))}
        assert counters.fold(KEY, 0, NOW).state == "split"
        assert counters.fold(KEY, 1, NOW) == Shard("open", frozenset(), 2, 2)
        assert counters.read([KEY]) == {KEY: Counts(Totals(6, 0))}
        assert counters.read_archives(ROOT, 0, NOW) == Archived({mark(1), mark(5)}, {0, 1})

    def test_archives_in_a_folded_tree_are_read_with_its_shards(self, counters: Counters) -> None:
        counters.split(ROOT)
        leaf = ShardKey(KEY, "a")
        counters.count(leaf, pending(1), SLOTS)
        counters.archive(leaf, NOW)
        counters.count(leaf, pending(2), SLOTS, 1)
        counters.fold(KEY, 0, NOW)
        assert counters.read_folded(KEY, 0, ["abc"], NOW) == {mark(1), mark(2)}
        assert counters.read_folded(KEY, 0, ["abc"], NOW + timedelta(seconds=1)) == {mark(2)}
        counters.split(ROOT)
        again = ShardKey(KEY, "a", 1)
        counters.count(again, pending(3), SLOTS)
        counters.archive(again, NOW)
        assert counters.read_archives(again, 0, NOW) == Archived({mark(3)})

    def test_counters_that_close_do_not_fold_and_folded_ones_close(self, counters: Counters) -> None:
        counters.split(ROOT)
        counters.count(ShardKey(KEY, "a"), pending(1), SLOTS)
        counters.close(KEY)
        assert counters.fold(KEY, 0, NOW).state == "closed"
        assert counters.find_shard(ROOT).state == "split"
        again = CounterKey(KEY.gallery, KEY.image_id, "2")
        counters.split(ShardKey(again, ""))
        counters.fold(again, 0, NOW)
        counters.close(again)
        assert isinstance(counters.count(ShardKey(again, ""), pending(1), SLOTS, 1), Shard)

    def test_closing_and_folding_at_once_leave_nothing_open(self, engine: str) -> None:
        if engine == "memory":
            return

        class ClosedMeanwhile(DynamoDBCounters):
            def _archive_tree(self, key: ShardKey, root: Shard, now: datetime) -> None:
                super()._archive_tree(key, root, now)
                self.close(key.counters)

        class FoldedMeanwhile(DynamoDBCounters):
            def _begin_closing(self, key: CounterKey) -> int | None:
                self.fold(key, 0, NOW)
                return super()._begin_closing(key)

        for meanwhile, stays in ((ClosedMeanwhile, "split"), (FoldedMeanwhile, "closed")):
            key = CounterKey(KEY.gallery, KEY.image_id, meanwhile.__name__)
            counters = meanwhile(client("dynamodb"), "CountersTable")
            counters.count(ShardKey(key, ""), pending(1), SLOTS)
            counters.split(ShardKey(key, ""))
            counters.count(ShardKey(key, "a"), pending(2), SLOTS)
            if stays == "split":
                assert counters.fold(key, 0, NOW).state == "closed"
            else:
                counters.close(key)
            assert counters.find_shard(ShardKey(key, "")).state == stays
            assert counters.read([key]) == {key: Counts(Totals(2, 0))}

    def test_a_tree_of_many_pages_is_summed_whole(self, engine: str) -> None:
        if engine == "memory":
            return
        counters = DynamoDBCounters(client("dynamodb"), "CountersTable")
        counters.count(ROOT, pending(1), SLOTS)
        counters.split(ROOT)
        for at, path in enumerate([*"0123456789abcdef", *(f"{one}{two}" for one in "29ef" for two in "0a")]):
            item: dict[str, Any] = {
                "pk": {"S": "shop/summer/hat"},
                "sk": {"S": f"first/{path}"},
                "views": {"N": str(2**at)},
            }
            item |= {"a": {"BS": [bytes([at, part]) + bytes(60_000) for part in range(3)]}}
            client("dynamodb").put_item(TableName="CountersTable", Item=item)
        assert counters.read([KEY])[KEY].totals == Totals(2**24, 0)

    def test_looks_are_of_the_tree_that_stands(self, counters: Counters) -> None:
        counters.count(ROOT, pending(1), SLOTS)
        counters.split(ROOT)
        counters.count(ShardKey(KEY, "a"), pending(2), SLOTS)
        assert counters.look(KEY, NOW) == (counters.find_shard(ROOT), None, Look(NOW, 2))
        counters.note_look(KEY, 0, Look(NOW, 2))
        assert counters.look(KEY, NOW)[1] == Look(NOW, 2)
        assert counters.read([KEY]) == {KEY: Counts(Totals(2, 0))}
        counters.fold(KEY, 0, NOW)
        counters.expire(KEY, 0, NOW)
        assert counters.read([KEY]) == {KEY: Counts(Totals(2, 0))}
        counters.split(ROOT)
        assert counters.look(KEY, NOW) == (counters.find_shard(ROOT), None, Look(NOW, 2))

    def test_closed_counters_take_nothing_anywhere_and_keep_their_totals(self, counters: Counters) -> None:
        counters.count(ROOT, pending(1), SLOTS)
        counters.split(ROOT)
        counters.close(KEY)
        counters.close(KEY)
        for path in "0f":
            assert counters.count(ShardKey(KEY, path), pending(2), SLOTS) == Shard("closed", frozenset())
        assert counters.read([KEY]) == {KEY: Counts(Totals(1, 0))}
        again = KEY._replace(incarnation="second")
        assert isinstance(counters.count(ShardKey(again, ""), pending(1), SLOTS), CountedEvents)
        assert counters.read([KEY, again]) == {KEY: Counts(Totals(1, 0)), again: Counts(Totals(1, 0))}

    def test_counters_close_before_their_first_event(self, counters: Counters) -> None:
        counters.close(KEY)
        assert counters.count(ROOT, pending(1), SLOTS) == Shard("closed", frozenset())


EMPTY = new_gallery(GALLERY, NOW)


def image(image_id: str) -> Image:
    described = Description(image_id, "https://pictures.example/x", NOW)
    return Image(GALLERY, image_id, described, "first").scored(EMPTY.live, Counts(), 0)


def shown(image: Image, totals: Totals) -> Image:
    return image.shown(Counted(image.image_id, image.incarnation, totals), [EMPTY.live])


class TestGalleries:
    @pytest.fixture(autouse=True)
    def _gallery(self, galleries: Galleries) -> None:
        assert galleries.put_gallery(EMPTY)

    def found(self, galleries: Galleries) -> Gallery:
        gallery = galleries.find_gallery(GALLERY)
        assert gallery
        return gallery

    def test_a_suspect_is_stored_once_and_stays_trusted(self, galleries: Galleries) -> None:
        suspect = Suspect("visitor", "clicked", NOW)
        assert not galleries.trust_suspect(GALLERY, "visitor")
        assert not self.found(galleries).has_suspects
        galleries.add_suspect(GALLERY, suspect)
        assert self.found(galleries).has_suspects
        galleries.add_suspect(GALLERY, suspect._replace(reason="clicked more"))
        assert list(galleries.list_suspects(GALLERY)) == [suspect]
        assert galleries.trust_suspect(GALLERY, "visitor")
        galleries.add_suspect(GALLERY, suspect)
        assert list(galleries.list_suspects(GALLERY)) == [suspect._replace(is_trusted=True)]
        assert [version.number for version in galleries.list_versions(GALLERY, 9, None)] == [1]

    def test_a_gallery_that_is_gone_gets_no_suspect(self, galleries: Galleries) -> None:
        assert galleries.mark_deleting(GALLERY)
        galleries.add_suspect(GALLERY, Suspect("visitor", "clicked", NOW))
        galleries.drop_gallery(GALLERY)
        galleries.add_suspect(GALLERY, Suspect("visitor", "clicked", NOW))
        assert not galleries.list_suspects(GALLERY)
        assert galleries.find_gallery(GALLERY) is None

    def test_creates_each_image_once_and_counts_it(self, galleries: Galleries) -> None:
        galleries.commit_images(EMPTY, [image("a"), image("b")], [])
        with pytest.raises(StaleImages):
            galleries.commit_images(EMPTY, [image("b"), image("c")], [])
        with pytest.raises(StaleGallery):
            galleries.commit_images(replace(EMPTY, live=EMPTY.live._replace(number=2)), [image("d")], [])
        assert self.found(galleries).images == 2
        galleries.delete_image(galleries.get_images(GALLERY, ["a"])["a"])
        assert self.found(galleries).images == 1

    def test_creates_images_only_under_the_versions_that_they_are_scored_under(self, galleries: Galleries) -> None:
        before = self.found(galleries)
        assert galleries.plan_version(before, before.following(Ranking("newest"), NOW, "changed"), None)
        with pytest.raises(StaleGallery):
            galleries.commit_images(before, [image("a")], [])
        assert not galleries.get_images(GALLERY, ["a"])
        galleries.commit_images(self.found(galleries), [image("a")], [])

    def test_writes_an_image_only_as_it_was_read(self, galleries: Galleries) -> None:
        galleries.commit_images(EMPTY, [image("a"), image("b")], [])
        read = galleries.get_images(GALLERY, ["a", "b"])
        clicked = [shown(image, Totals(0, 1 + at)) for at, image in enumerate(read.values())]
        assert galleries.save_images(clicked) == set()
        assert galleries.save_images(clicked) == {"a", "b"}
        with pytest.raises(StaleImages):
            galleries.delete_image(read["a"])
        ranked = galleries.ranked_images(GALLERY, EMPTY.live, 10, "1").images
        assert [image.weight for image in ranked] == [14, 7]

    def test_never_takes_an_image_made_again_for_the_one_it_read(self, galleries: Galleries) -> None:
        galleries.commit_images(EMPTY, [image("a")], [])
        before = galleries.get_images(GALLERY, ["a"])["a"]
        galleries.delete_image(before)
        galleries.commit_images(EMPTY, [image("a")._replace(incarnation="second")], [])
        made_again = galleries.get_images(GALLERY, ["a"])
        assert made_again["a"].revision == before.revision
        assert galleries.save_images([shown(before, Totals(1, 0))]) == {"a"}
        with pytest.raises(StaleImages):
            galleries.commit_images(EMPTY, [], [before.described(before.description._replace(name="other"), [])])
        with pytest.raises(StaleImages):
            galleries.delete_image(before)
        assert galleries.get_images(GALLERY, ["a"]) == made_again

    def test_notes_of_a_hundred_images_come_and_go(self, galleries: Galleries) -> None:
        notes = [Counted(f"image-{at:0100d}", "first", Totals(at, 1)) for at in range(100)]
        before = self.found(galleries)
        galleries.advance_totals(before, Settlement(Totals(5, 6), notes))
        for stale in (before, replace(self.found(galleries), created_at=NOW + timedelta(days=1))):
            with pytest.raises(StaleGallery):
                galleries.advance_totals(stale, Settlement(Totals(5, 6), notes))
        after = self.found(galleries)
        assert (after.totals, after.settling) == (Totals(5, 6), {note.image_id: note for note in notes})
        later = notes[0]._replace(totals=Totals(9, 9))
        galleries.clear_settled(GALLERY, [later, *notes[1:]])
        assert self.found(galleries).settling == {notes[0].image_id: notes[0]}

    def test_a_deleted_image_leaves_no_note(self, galleries: Galleries) -> None:
        galleries.commit_images(EMPTY, [image("a"), image("b")], [])
        notes = [Counted(name, "first", Totals(1, 0)) for name in "ab"]
        galleries.advance_totals(self.found(galleries), Settlement(Totals(2, 0), notes))
        galleries.delete_image(galleries.get_images(GALLERY, ["a"])["a"])
        assert self.found(galleries).settling == {"b": notes[1]}

    def test_goes_only_when_marked_and_empty(self, galleries: Galleries) -> None:
        galleries.commit_images(EMPTY, [image("a")], [])
        galleries.drop_gallery(GALLERY)
        galleries.mark_deleting(GALLERY)
        galleries.drop_gallery(GALLERY)
        assert self.found(galleries).deleting
        galleries.delete_image(galleries.get_images(GALLERY, ["a"])["a"])
        galleries.drop_gallery(GALLERY)
        assert galleries.find_gallery(GALLERY) is None

    def test_plans_promotes_and_forgets_versions_only_as_they_were_read(self, galleries: Galleries) -> None:
        before = self.found(galleries)
        second = before.following(Ranking("newest"), NOW, "changed")
        assert galleries.plan_version(before, second, None)
        assert not galleries.plan_version(before, second, None)
        planned = self.found(galleries)
        assert (planned.next, planned.last_version, planned.revision) == (second, 2, before.revision + 1)
        assert not galleries.promote_version(planned, second._replace(number=3))
        assert galleries.promote_version(planned, second)
        assert not galleries.promote_version(planned, second)
        promoted = self.found(galleries)
        assert (promoted.live, promoted.retired, promoted.next) == (second, EMPTY.live, None)
        assert not galleries.forget_retired(GALLERY, second)
        assert galleries.forget_retired(GALLERY, EMPTY.live)
        assert self.found(galleries).retired is None
        assert [galleries.find_version(GALLERY, number) for number in (1, 2, 3)] == [EMPTY.live, second, None]
        assert galleries.list_versions(GALLERY, 1, None) == [second]
        assert galleries.list_versions(GALLERY, 9, 2) == [EMPTY.live]

    def test_orders_images_under_each_version(self, galleries: Galleries) -> None:
        second = EMPTY.following(Ranking("newest"), NOW, "changed")
        assert galleries.plan_version(EMPTY, second, None)
        waiting = self.found(galleries)
        assert waiting.versions == (EMPTY.live,)
        assert not galleries.start_scoring(EMPTY, second._replace(number=3))
        assert galleries.start_scoring(EMPTY, second)
        both = self.found(galleries)
        assert both.versions == (EMPTY.live, second)
        with pytest.raises(StaleGallery):
            galleries.commit_images(waiting, [image("e")], [])
        images = [image(name).scored(second, Counts(), 0) for name in "abcd"]
        images[0] = images[0]._replace(pinned_position=2)
        images[1] = images[1]._replace(hidden=True)
        galleries.commit_images(both, images, [])
        for version in both.versions:
            pinned, cut = galleries.pinned_images(GALLERY, version, 9, "0")
            assert ([pin.image_id for pin in pinned], cut) == (["a"], False)
            ranked, cut = galleries.ranked_images(GALLERY, version, 1, "1")
            assert ([ranked_image.image_id for ranked_image in ranked], cut) == (["c"], True)
            [score] = [score for score in ranked[0].scores if score.version == version.number]
            rest, _ = galleries.ranked_images(GALLERY, version, 9, ranked[0].rank(score) or "")
            assert [ranked_image.image_id for ranked_image in rest] == ["d"]
        assert [stored.image_id for stored in galleries.stored_images(GALLERY, 2, "a")] == ["b", "c"]

    def test_splits_visitors_only_of_the_experiment_it_runs(self, galleries: Galleries) -> None:
        experiment = Experiment("one", 2, NOW, Totals(1, 2))
        second = EMPTY.following(Ranking("newest"), NOW, "experiment")
        assert galleries.plan_version(EMPTY, second, experiment)
        gallery = self.found(galleries)
        assert gallery.experiment == experiment
        assert not galleries.open_experiment(gallery, experiment._replace(experiment_id="two"))
        assert galleries.open_experiment(gallery, experiment)
        assert self.found(galleries).experiment == experiment._replace(is_ready=True)
        for visitor, clicks in (
            ("ann", []),
            ("bob", [mark(1), mark(2)]),
            ("bob", [mark(2), mark(3)]),
            ("cid", [mark(1)]),
        ):
            galleries.add_visit(GALLERY, "2.1", visitor, clicks)
        assert galleries.count_visits(GALLERY, "2.1") == Arm(3, 2, 4, 10)
        assert galleries.count_visits(GALLERY, "2.0") == Arm()
        galleries.forget_visits(GALLERY, "2.1")
        assert galleries.count_visits(GALLERY, "2.1") == Arm()

    def test_an_image_keeps_its_last_placements(self, galleries: Galleries) -> None:
        placed = image("a")
        for at in range(25):
            placed = placed.put(pinned_position=at or None, hidden=at % 2 == 1, now=NOW + timedelta(hours=at))
        galleries.commit_images(EMPTY, [placed], [])
        stored = galleries.get_images(GALLERY, ["a"])["a"]
        assert stored.placements == placed.placements
        assert (len(stored.placements), stored.put(pinned_position=24, hidden=False, now=NOW)) == (20, stored)
        for hours, position, hidden in ((0, 5, True), (9.5, 9, True), (99, 24, False)):
            then = stored.as_placed(NOW + timedelta(hours=hours))
            assert (then.pinned_position, then.hidden) == (position, hidden)

    def test_an_experiment_keeps_its_mode(self, galleries: Galleries) -> None:
        experiment = Experiment("one", 2, NOW, Totals(1, 2), mode="interleave")
        assert galleries.plan_version(EMPTY, EMPTY.following(Ranking("newest"), NOW, "experiment"), experiment)
        assert galleries.open_experiment(self.found(galleries), experiment)
        assert self.found(galleries).experiment == experiment._replace(is_ready=True)

    def test_a_visitor_of_interleaved_pages_votes_once(self, galleries: Galleries) -> None:
        first, second = b"\0", b"\1"
        for visitor, clicks, vote in (
            ("ann", [], None),
            ("bob", [mark(1) + second, mark(2) + first], 1),
            ("bob", [mark(3) + first], 0),
            ("bob", [], None),
            ("bob", [mark(3) + second], 1),
            ("cid", [mark(1) + first], 0),
        ):
            galleries.add_visit(GALLERY, "2.0", visitor, clicks, cast("Team | None", vote))
        assert galleries.count_votes(GALLERY, "2.0") == (Arm(3, 1, 3), Arm(3, 1, 1))
        assert galleries.count_votes(GALLERY, "2.1") == (Arm(), Arm())
        galleries.forget_visits(GALLERY, "2.0")
        assert galleries.count_votes(GALLERY, "2.0") == (Arm(), Arm())

    def test_changes_settings_unless_it_is_being_deleted(self, galleries: Galleries) -> None:
        assert not galleries.put_gallery(EMPTY)
        changes: GalleryChanges = {"title": "Summer", "cache_seconds": 9, "mirror": False, "counting": "every_event"}
        assert galleries.change_gallery(GALLERY, changes)
        changed = replace(EMPTY, title="Summer", cache_seconds=9, mirror=False, counting="every_event", revision=1)
        assert self.found(galleries) == changed
        assert galleries.change_gallery(GALLERY, {"title": None})
        assert self.found(galleries).title is None
        assert galleries.mark_deleting(GALLERY)
        assert not galleries.change_gallery(GALLERY, {"title": "Winter"})
        other = GalleryKey("shop", "winter")
        assert not galleries.change_gallery(other, {"title": "Winter"})
        assert not galleries.mark_deleting(other)
        with pytest.raises(StaleGallery):
            galleries.commit_images(EMPTY, [image("a")], [])

    def test_are_listed_by_id(self, galleries: Galleries) -> None:
        for merchant, name in (("shop", "winter"), ("shop", "autumn"), ("other", "spring")):
            galleries.put_gallery(new_gallery(GalleryKey(merchant, name), NOW))
        listed = [gallery.key.gallery_id for gallery in galleries.list_galleries("shop", 2, None)]
        assert listed == ["autumn", "summer"]
        assert [gallery.key.gallery_id for gallery in galleries.list_galleries("shop", 2, "summer")] == ["winter"]
        assert galleries.find_galleries({GALLERY, GalleryKey("shop", "nowhere")}) == {GALLERY: EMPTY}
        assert galleries.find_galleries({GALLERY}) == {GALLERY: EMPTY}

    def test_remembers_when_rules_change(self, galleries: Galleries) -> None:
        later, moment = NOW + timedelta(hours=1), timedelta(microseconds=1)
        galleries.schedule_rules(GALLERY, [later, NOW, NOW - moment])
        galleries.schedule_rules(GALLERY, [NOW])
        assert galleries.due_rules(NOW - moment, 9) == []
        due = galleries.due_rules(NOW, 9)
        assert due == [(NOW, GALLERY)]
        assert galleries.due_rules(later, 1) == due
        galleries.unschedule_rules(due)
        assert galleries.due_rules(later, 9) == [(later, GALLERY)]

    def test_adds_up_what_is_counted_in_an_hour(self, galleries: Galleries) -> None:
        for increase in (Totals(5, 6), Totals(1, 0)):
            galleries.advance_totals(self.found(galleries), Settlement(increase, [Counted("a", "first", increase)]))
        gallery, now = self.found(galleries), utc_now()
        hours = galleries.list_hours(gallery, now - timedelta(hours=1), now + timedelta(hours=1))
        assert sum((hour.totals.events for hour in hours), 0) == 12
        assert galleries.list_hours(gallery, now, now) == []
        assert galleries.list_hours(gallery, now - timedelta(hours=9), now - timedelta(hours=3)) == []
