"""A build goes on from work item to work item, on repositories in memory."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from tests.memory.recommendations import FilesInMemory, ModelsInMemory, RecentInMemory, TasksInMemory, WorkInMemory
from vitrine.catalog.model import Interaction, Product, UserKey, part_of
from vitrine.platform.problems import Unavailable
from vitrine.recommendations.build_model import (
    ROWS_AT_ONCE,
    STEPS,
    ModelBuilder,
    request_build,
    start_build,
    start_build_if_due,
)
from vitrine.recommendations.model import Measured, Popular, Weights, number_of
from vitrine.recommendations.recent import replaced, touches_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from vitrine.recommendations.model import Neighbourhood
    from vitrine.recommendations.ports import Model, ModelBuild

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
MEASURED = Measured(Weights(0.1, 0.2), popularity_half_life_days=7)
ROWS = 2 * ROWS_AT_ONCE + 1


class Shop:
    """A shop with one shopper, and an engine that learns the same from everything."""

    def __init__(self) -> None:
        self.now = NOON
        self.sold = [Interaction("1", "ann", "hat", "purchase", NOON)]
        self.models = ModelsInMemory(self._seconds)
        self.files, self.queue, self.tasks = FilesInMemory(), WorkInMemory(), TasksInMemory()
        self.recent = RecentInMemory()
        self.builder = ModelBuilder(
            self.models, self.files, self, self, self, self.models, self.queue, self.tasks, self.recent
        )

    def _seconds(self) -> float:
        return self.now.timestamp()

    def interactions(self, merchant_id: str, part: int) -> Iterator[Interaction]:
        del merchant_id
        return (each for each in self.sold if part_of(each.user_id) == part)

    def products(self, merchant_id: str) -> Iterator[Product]:
        del merchant_id
        return iter([Product("hat", "A hat")])

    def half_life(self, tables: str) -> int:
        del tables
        return MEASURED.popularity_half_life_days

    def learn(self, tables: str, results: str, now_seconds: float, half_life_days: int) -> None:
        del tables, now_seconds
        assert half_life_days == MEASURED.popularity_half_life_days
        self.files.write_once(f"{results}/popular.csv", [",hat,product,,,,2\n"])
        for part in STEPS["load"][1:]:
            rows = ROWS if part == "neighbours-00" else 0
            self.files.write_once(f"{results}/{part}.csv", [f"p{at},hat 2000 15000,,7\n" for at in range(rows)])

    def choose(self, tables: str) -> Measured:
        del tables
        return MEASURED

    def start(self, *, if_changed: bool = False) -> ModelBuild:
        return start_build(self.models, self.queue, "shop", self.now, if_changed=if_changed)

    def work(self, *, until: str = "", time_is_left: bool = True) -> bool:
        """Do what is queued, to the step `until`; return whether the build ended."""
        ended = False
        while self.queue.items and self.queue.items[0].step != until:
            ended = self.builder.do(self.queue.items.pop(0), lambda: time_is_left)
        return ended

    def published(self) -> Model:
        model = self.models.model("shop")
        assert model is not None
        return model


@pytest.fixture
def shop() -> Shop:
    return Shop()


def test_a_build_learns_loads_publishes_and_refreshes_shortlists(shop: Shop) -> None:
    build = shop.start()
    assert shop.work()
    model = shop.published()
    assert (model.number, model.weights) == (build.number, MEASURED.weights)
    assert shop.models.popular("shop", model) == [Popular("hat", 2.0, {})]
    last = f"p{ROWS - 1}"
    assert shop.models.neighbourhoods("shop", model, [last])[last].collaborative == [("hat", 1.5, 2.0)]
    assert shop.tasks.refreshed == [UserKey("shop", "ann")]
    assert shop.files.lines == {}
    assert status_of(shop) == "completed"


def kept(shop: Shop, *interactions: Interaction, seconds: int = 5) -> None:
    now = NOON + timedelta(seconds=seconds)
    version, touches = shop.recent.find("shop")
    changes = {number_of(each.user_id): touches_of([each], now) for each in interactions}
    shop.recent.put("shop", replaced(touches, changes), version)


def since_the_model(shop: Shop) -> set[str]:
    began = shop.published().number / 1000
    return {touch.product_id for touch in shop.recent.find("shop")[1] if touch.seen > began}


def test_touches_that_arrive_while_they_are_exported_count_once(shop: Shop) -> None:
    exported = [Interaction(at, f"user-{at}", f"hat-{at}", "purchase", NOON) for at in "0123456789"]
    shop.start()
    shop.sold += exported
    kept(shop, *exported)
    shop.work(until="learn")
    kept(shop, Interaction("x", "xi", "coat", "purchase", NOON))
    shop.work(until="refresh")
    assert since_the_model(shop) == {"coat"}


def test_touches_that_are_kept_late_count_once(shop: Shop) -> None:
    shop.start()
    shop.work(until="refresh")
    kept(shop, *shop.sold, seconds=60)
    assert since_the_model(shop) == {"hat"}
    shop.work()
    assert since_the_model(shop) == set()


def test_readers_see_no_model_before_all_of_it_is_loaded(shop: Shop) -> None:
    shop.start()
    shop.work(until="load")
    for item in shop.queue.items[:-1]:
        shop.builder.do(item, lambda: True)
    assert shop.models.model("shop") is None
    shop.builder.do(shop.queue.items[len(STEPS["load"]) - 1], lambda: True)
    assert shop.published()


def test_every_work_item_may_come_twice(shop: Shop) -> None:
    shop.start()
    while shop.queue.items:
        item = shop.queue.items.pop(0)
        shop.builder.do(item, lambda: True)
        shop.builder.do(item, lambda: True)
        shop.queue.items = list(dict.fromkeys(shop.queue.items))
    assert status_of(shop) == "completed"
    assert shop.tasks.refreshed.count(UserKey("shop", "ann")) == 1


def test_loading_goes_on_where_time_ran_out(shop: Shop) -> None:
    shop.start()
    shop.work(until="load")
    [rows] = [item for item in shop.queue.items if item.part == "neighbours-00"]
    shop.queue.items.remove(rows)
    shop.builder.do(rows, lambda: False)
    rest = shop.queue.items[-1]
    assert (rest.start, rest.hops) == (ROWS_AT_ONCE, 1)
    assert shop.work(time_is_left=False)
    assert len(shop.models.neighbourhoods("shop", shop.published(), [f"p{at}" for at in range(ROWS)])) == ROWS


def test_a_throttled_store_is_waited_for_after_the_rows_that_it_took(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.start()
    shop.work(until="load")
    [rows] = [item for item in shop.queue.items if item.part == "neighbours-00"]
    put = shop.models.put_neighbourhoods
    taken: list[int] = []

    def throttled(merchant_id: str, model: Model, some: Iterable[tuple[str, Neighbourhood]]) -> None:
        if len(taken) % 2:
            taken.append(0)
            raise Unavailable("busy", 1)
        taken.append(1)
        put(merchant_id, model, some)

    monkeypatch.setattr(shop.models, "put_neighbourhoods", throttled)
    shop.builder.do(rows, lambda: True)
    assert shop.queue.items[-1].start == ROWS_AT_ONCE
    taken.append(0)
    with pytest.raises(Unavailable):
        shop.builder.do(rows, lambda: True)


def test_items_of_a_build_that_was_replaced_do_nothing(shop: Shop) -> None:
    shop.start()
    old = list(shop.queue.items)
    newer = shop.start()
    assert [shop.builder.do(item, lambda: True) for item in old] == [False] * len(old)
    assert shop.models.find("shop") == newer


def test_a_scheduled_build_ends_where_nothing_changed(shop: Shop) -> None:
    first = shop.start()
    shop.work()
    shop.start(if_changed=True)
    assert shop.work()
    assert (status_of(shop), shop.published().number) == ("unchanged", first.number)
    shop.sold.append(Interaction("2", "bob", "hat", "click", NOON))
    later = shop.start(if_changed=True)
    assert shop.work()
    assert (status_of(shop), shop.published().number) == ("completed", later.number)


def test_asking_twice_starts_one_build_and_queues_what_may_be_missing(shop: Shop) -> None:
    first = request_build(shop.models, shop.queue, "shop", shop.now)
    shop.queue.items.clear()
    assert request_build(shop.models, shop.queue, "shop", shop.now) == first
    assert len(shop.queue.items) == len(STEPS["export"])
    shop.now += timedelta(hours=1)
    assert request_build(shop.models, shop.queue, "shop", shop.now).number > first.number


def test_builds_start_as_interactions_double(shop: Shop) -> None:
    def changed(number: int) -> bool:
        return start_build_if_due(shop.models, shop.queue, "shop", number, shop.now) is not None

    assert changed(1)
    assert not changed(1), "one is under way"
    shop.sold = [Interaction(str(at), "ann", "hat", "click", NOON) for at in range(4)]
    shop.work()
    assert not changed(2)
    assert changed(1)


def status_of(shop: Shop) -> str:
    build = shop.models.find("shop")
    assert build is not None
    return build.status
