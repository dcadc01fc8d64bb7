"""Orders are made beside the live one, and totals, deletions and experiments leave a whole state."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import count
from unittest.mock import Mock

import pytest

from tests.memory.galleries import GalleriesInMemory, ImageCounters, TasksInMemory
from vitrine.galleries.apply_rules import apply_due_rules, apply_rules
from vitrine.galleries.change_image import change_image, delete_image
from vitrine.galleries.change_ranking import OrderMaker, change_ranking, forget_order, restore_version
from vitrine.galleries.delete_gallery import delete_images, request_deletion
from vitrine.galleries.model import (
    Counted,
    Counts,
    Description,
    Gallery,
    GalleryChanges,
    GalleryKey,
    Image,
    Totals,
    new_gallery,
    score_under,
)
from vitrine.galleries.put_gallery import put_gallery
from vitrine.galleries.put_images import ImageDraft, put_images
from vitrine.galleries.read_gallery import read_order
from vitrine.galleries.run_experiment import end_experiment, read_experiment, start_experiment
from vitrine.galleries.show_totals import show_totals
from vitrine.platform.problems import Conflict, NotFound, Unavailable
from vitrine.ranking.merchandising import Rule
from vitrine.ranking.model import Ranking

KEY = GalleryKey("shop", "summer")
NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
NEWEST = Ranking("newest")


class Shop:
    """A gallery, and the workers of its tasks."""

    def __init__(self) -> None:
        self.repository = GalleriesInMemory()
        self.counters = ImageCounters()
        self.tasks = TasksInMemory()
        self.numbers = count()
        self.now = NOON
        self.repository.put_gallery(new_gallery(KEY, NOON))

    def put(self, *names: str, tags: tuple[str, ...] = ()) -> list[str]:
        """Create images, each a minute older than the one before."""
        drafts = [
            ImageDraft(name, Description(name, "https://a.example/1", NOON - at * MINUTE, tags=tags))
            for at, name in enumerate(names)
        ]
        saved = put_images(self.repository, KEY, drafts, new_incarnation=lambda: str(next(self.numbers)))
        return [image.status for image in saved]

    def save(self, changes: GalleryChanges) -> bool:
        return put_gallery(self.repository, self.tasks, KEY, changes, now=self.now).created

    def rank(self, ranking: Ranking) -> Gallery:
        return change_ranking(self.repository, self.tasks, KEY, ranking, reason="changed", now=self.now)

    def click(self, name: str, clicks: int) -> int:
        """Count clicks of an image and show them; return how many images were written."""
        image = self.image(name)
        totals = self.counters.counts.get(name, Counts()).totals.plus(Totals(0, clicks))
        self.counters.counts[name] = Counts(totals)
        counted = Counted(name, image.incarnation, totals, Counts(totals), int(self.now.timestamp()))
        return show_totals(self.repository, KEY, [counted]).images

    def work(self) -> None:
        """Do the tasks that concern orders, until none is left."""
        while self.tasks.sent:
            match self.tasks.sent.pop(0):
                case ("make_order", _, int(number)):
                    self.make(number)
                case ("forget_order", _, int(number)):
                    forget_order(self.repository, KEY, number, None, lambda: True)

    def make(self, number: int, after: str | None = None, turns: int = 99) -> str | None:
        left = iter([True] * turns)
        maker = OrderMaker(self.repository, self.counters, self.tasks)
        return maker.make(KEY, number, after, lambda: next(left, False), now=self.now)

    @property
    def gallery(self) -> Gallery:
        gallery = self.repository.find_gallery(KEY)
        assert gallery
        return gallery

    def image(self, name: str) -> Image:
        return self.repository.get_images(KEY, [name])[name]

    @property
    def order(self) -> list[str]:
        return [placed.image.image_id for placed in read_order(self.repository, self.gallery, 100, None).placed]


class TestRanking:
    def test_changes_for_readers_once_the_whole_order_is_made(self) -> None:
        shop = Shop()
        names = [f"image-{at:03}" for at in range(150)]
        assert set(shop.put(*names)) == {"created"}
        shop.click("image-149", 3)
        before = shop.order
        assert before[0] == "image-149"
        shop.rank(NEWEST)
        after = shop.make(2, turns=1)
        assert (after, shop.order) == ("image-099", before)
        assert shop.make(2, after) is None
        assert shop.order == names[:100]
        assert (shop.gallery.live.number, shop.gallery.next) == (2, None)
        shop.work()
        assert shop.gallery.retired is None
        assert {score.version for name in names for score in shop.image(name).scores} == {2}

    def test_is_planned_before_its_task_is_done_and_sent_twice(self) -> None:
        shop = Shop()
        shop.rank(NEWEST)
        assert shop.tasks.sent == [("make_order", KEY, 2)] * 2
        with pytest.raises(Unavailable):
            shop.make(3)
        assert shop.make(1) is None
        assert shop.gallery.live.number == 1

    def test_that_is_chosen_already_changes_nothing(self) -> None:
        shop = Shop()
        shop.rank(Ranking())
        assert (shop.tasks.sent, shop.gallery.last_version) == ([], 1)

    def test_can_be_restored_as_a_new_version(self) -> None:
        shop = Shop()
        shop.rank(NEWEST)
        shop.work()
        restore_version(shop.repository, shop.tasks, KEY, 1, now=NOON)
        shop.work()
        assert (shop.gallery.live.number, shop.gallery.live.ranking) == (3, Ranking())
        with pytest.raises(NotFound):
            restore_version(shop.repository, shop.tasks, KEY, 9, now=NOON)

    def test_overwrites_an_order_only_once_its_readers_are_done(self) -> None:
        shop = Shop()
        shop.put("a", "b")
        shop.rank(NEWEST)
        shop.make(2)
        shop.rank(Ranking("smoothed_rate"))
        shop.click("a", 3)
        shop.put("c")
        scored = {name: [score.version for score in shop.image(name).scores] for name in "abc"}
        assert scored == {"a": [1, 2], "b": [1, 2], "c": [2]}
        shop.make(3)
        assert {score.version for name in "abc" for score in shop.image(name).scores} == {2, 3}

    def test_scores_images_that_are_created_while_the_order_is_made(self) -> None:
        shop = Shop()
        shop.put("a")
        planned = shop.rank(NEWEST)
        assert planned.next
        shop.put("b")
        assert {score.version for score in shop.image("b").scores} == {1}
        shop.repository.start_scoring(planned, planned.next)
        shop.put("c")
        assert {score.version for score in shop.image("c").scores} == {1, 2}
        shop.work()
        assert set(shop.order) == {"a", "b", "c"}
        assert {score.version for name in "abc" for score in shop.image(name).scores} == {2}


class TestTotals:
    def test_are_shown_once_and_order_the_gallery(self) -> None:
        shop = Shop()
        shop.put("a", "b")
        assert shop.click("b", 2) == 1
        assert shop.click("b", 0) == 0
        assert (shop.gallery.totals, shop.gallery.settling) == (Totals(0, 2), {})
        assert (shop.image("b").totals, shop.order) == (Totals(0, 2), ["b", "a"])

    def test_of_a_deleted_image_stay_in_the_gallery(self) -> None:
        shop = Shop()
        shop.put("a")
        shop.counters.counts["a"] = Counts(Totals(3, 1))
        incarnation = shop.image("a").incarnation
        delete_image(shop.repository, shop.counters, KEY, "a")
        assert shop.counters.closed == {incarnation}
        assert (shop.gallery.totals, shop.gallery.images, shop.order) == (Totals(3, 1), 0, [])
        with pytest.raises(NotFound):
            delete_image(shop.repository, shop.counters, KEY, "a")

    def test_of_an_image_whose_deletion_was_interrupted_leave_no_note(self, monkeypatch: pytest.MonkeyPatch) -> None:
        shop = Shop()
        shop.put("a")
        shop.counters.counts["a"] = Counts(Totals(3, 1))
        with monkeypatch.context() as broken:
            broken.setattr(shop.repository, "clear_settled", Mock(side_effect=Unavailable("stopped", 1)))
            with pytest.raises(Unavailable):
                delete_image(shop.repository, shop.counters, KEY, "a")
        assert "a" in shop.gallery.settling
        delete_image(shop.repository, shop.counters, KEY, "a")
        assert (shop.gallery.totals, shop.gallery.settling) == (Totals(3, 1), {})

    def test_of_an_earlier_incarnation_are_ignored(self) -> None:
        shop = Shop()
        shop.put("a")
        old = Counted("a", shop.image("a").incarnation, Totals(5, 5))
        delete_image(shop.repository, shop.counters, KEY, "a")
        shop.put("a")
        assert show_totals(shop.repository, KEY, [old]).images == 0
        assert shop.gallery.totals == Totals()

    @pytest.mark.parametrize("order", [1, -1])
    def test_of_two_incarnations_that_come_together_again_leave_the_score_of_the_present_one(
        self, monkeypatch: pytest.MonkeyPatch, order: int
    ) -> None:
        shop = Shop()
        shop.rank(Ranking("optimistic_rate"))
        shop.work()
        shop.put("a")
        counts = Counts(Totals(3, 1))
        old = Counted("a", shop.image("a").incarnation, counts.totals, counts, 1)
        delete_image(shop.repository, shop.counters, KEY, "a")
        shop.put("a")
        new = old._replace(incarnation=shop.image("a").incarnation)
        with monkeypatch.context() as broken:
            broken.setattr(shop.repository, "save_images", Mock(side_effect=Unavailable("stopped", 1)))
            with pytest.raises(Unavailable):
                show_totals(shop.repository, KEY, [new])
        show_totals(shop.repository, KEY, [new, old][::order])
        image = shop.image("a")
        assert image.totals == counts.totals
        assert image.scores == (score_under(shop.gallery.live, image.description, counts, 1),)


class TestImages:
    def test_sent_again_are_updated_and_keep_their_totals(self) -> None:
        shop = Shop()
        assert shop.put("a", "b") == ["created", "created"]
        shop.click("a", 1)
        before = shop.image("b")
        assert shop.put("b", "a") == ["updated", "updated"]
        assert (shop.gallery.images, shop.image("a").totals) == (2, Totals(0, 1))
        assert shop.image("b") != before
        written = shop.image("a")
        shop.put("b", "a")
        assert shop.image("a") == written

    def test_of_more_than_one_transaction_are_all_created(self) -> None:
        shop = Shop()
        assert set(shop.put(*(f"{at:03}" for at in range(250)))) == {"created"}
        assert shop.gallery.images == 250

    def test_are_pinned_and_hidden(self) -> None:
        shop = Shop()
        shop.put("a", "b", "c")
        change_image(shop.repository, KEY, "c", lambda image: image._replace(pinned_position=1))
        change_image(shop.repository, KEY, "b", lambda image: image._replace(hidden=True))
        assert shop.order == ["c", "a"]
        with pytest.raises(NotFound):
            change_image(shop.repository, KEY, "d", lambda image: image)


class TestDeletingAGallery:
    def test_refuses_changes_at_once_and_ends_when_all_images_are_deleted(self) -> None:
        shop = Shop()
        shop.put(*(f"{at:03}" for at in range(150)))
        for _ in range(2):
            request_deletion(shop.repository, shop.tasks, KEY)
        assert shop.tasks.sent == [("delete_gallery", KEY)] * 2
        with pytest.raises(NotFound):
            shop.put("new")
        with pytest.raises(Conflict):
            shop.save({"title": "Winter"})
        left = iter([True])
        assert not delete_images(shop.repository, shop.counters, KEY, lambda: next(left, False))
        assert shop.repository.find_gallery(KEY)
        for _ in range(2):
            assert delete_images(shop.repository, shop.counters, KEY, lambda: True)
        assert shop.repository.find_gallery(KEY) is None
        with pytest.raises(NotFound):
            request_deletion(shop.repository, shop.tasks, KEY)

    def test_does_nothing_to_a_gallery_that_is_not_marked(self) -> None:
        shop = Shop()
        shop.put("a")
        assert delete_images(shop.repository, shop.counters, KEY, lambda: True)
        assert shop.order == ["a"]


class TestRules:
    RULE = Rule("boost", tag="sale", starts_at=NOON + 5 * MINUTE, ends_at=NOON + 10 * MINUTE)

    def test_start_and_end_by_themselves(self) -> None:
        shop = Shop()
        shop.put("a", "b")
        shop.put("c", tags=("sale",))
        shop.click("a", 9)
        assert not shop.save({"rules": (self.RULE,)})
        orders = []
        for minutes in (1, 5, 9, 10):
            shop.now = NOON + minutes * MINUTE
            apply_due_rules(shop.repository, shop.tasks, lambda: True, now=shop.now)
            if ("apply_rules", KEY) in shop.tasks.sent:
                apply_rules(shop.repository, shop.tasks, KEY, now=shop.now)
            shop.work()
            orders.append(shop.order[0])
        assert orders == ["a", "c", "c", "a"]
        assert shop.repository.due_rules(NOON + timedelta(days=1), 9) == []

    def test_that_are_in_force_already_reorder_nothing(self) -> None:
        shop = Shop()
        for _ in range(2):
            apply_rules(shop.repository, shop.tasks, KEY, now=NOON)
        assert shop.tasks.sent == []


class TestExperiments:
    def start(self, shop: Shop, experiment_id: str = "one", second: Ranking = NEWEST) -> Gallery:
        arms = [Ranking(), second]
        return start_experiment(shop.repository, shop.tasks, KEY, experiment_id, arms, now=NOON)

    def test_split_visitors_once_the_second_order_is_made(self) -> None:
        shop = Shop()
        shop.put("a", "b")
        assert not self.start(shop).orders_by_visitor
        shop.work()
        assert shop.gallery.orders_by_visitor
        assert (shop.gallery.live.number, shop.gallery.next and shop.gallery.next.number) == (1, 2)
        assert self.start(shop) == shop.gallery

    def test_exclude_other_changes_of_the_ranking(self) -> None:
        shop = Shop()
        self.start(shop)
        for change in (
            lambda: self.start(shop, "two"),
            lambda: self.start(shop, second=Ranking("smoothed_rate")),
            lambda: shop.rank(NEWEST),
        ):
            with pytest.raises(Conflict):
                change()
        last = shop.gallery.last_version
        apply_rules(shop.repository, shop.tasks, KEY, now=NOON)
        assert shop.gallery.last_version == last

    def test_report_what_visitors_did_and_end_with_the_better_ranking(self) -> None:
        shop = Shop()
        self.start(shop)
        shop.work()
        for at in range(2000):
            clicks = [at.to_bytes(8)] if at % 2 and at % 8 != 1 else []
            shop.repository.add_visit(KEY, f"2.{at % 2}", str(at), clicks)
        report = read_experiment(shop.repository, shop.counters, KEY, "one")
        assert [(arm.visitors, arm.clickers) for arm in report.arms] == [(1000, 0), (1000, 750)]
        with pytest.raises(NotFound):
            read_experiment(shop.repository, shop.counters, KEY, "two")
        ended = end_experiment(shop.repository, shop.counters, shop.tasks, KEY, "one", now=NOON)
        assert ended.result.decision == "second"
        assert ("forget_visits", KEY, 2) in shop.tasks.sent
        shop.work()
        assert (shop.gallery.live.ranking, shop.gallery.experiment) == (NEWEST, None)


def test_pictures_are_mirrored_or_withdrawn_only_when_the_setting_changes() -> None:
    shop = Shop()
    for changes, sent in (
        ({"mirror": True}, []),
        ({"mirror": False}, [("mirror_images", KEY)]),
        ({"title": "x"}, [("mirror_images", KEY)]),
    ):
        shop.save(changes)  # type: ignore[arg-type]
        assert shop.tasks.sent == sent
    assert not shop.gallery.mirror
