"""Changed images are written at once where readers notice, else later; and always in the end."""

from __future__ import annotations

import random
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from vitrine.engagement.ports import CounterKey
from vitrine.engagement.put_off import BUSY, BUSY_CHANGES_A_MINUTE, QUIET, Pauses, PutOff
from vitrine.engagement.recompute_weights import CounterChange, Recomputed
from vitrine.galleries.leading_images import Leaders
from vitrine.galleries.model import Counts, GalleryKey, Totals
from vitrine.platform.problems import Unavailable
from vitrine.ranking.model import Ranking, first_version

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

GALLERY = GalleryKey("shop", "summer")
START = datetime(2026, 1, 1, tzinfo=UTC)
VERSION = first_version(Ranking(), START)
OLD = 1000


def image(name: str) -> CounterKey:
    return CounterKey(GALLERY, name, "1")


class Shop:
    """Counters, what images show, a queue and a clock. To lead, an image needs `least` points."""

    def __init__(self, least: int = 0, *, is_split: bool = False) -> None:
        self.now = START.timestamp()
        self.counted: dict[CounterKey, Counts] = {}
        self.shown: dict[CounterKey, Counts] = {}
        self.written: list[str] = []
        self.least = least
        self.queue_fails = False
        self._is_split = is_split
        self._messages: list[tuple[float, CounterKey]] = []
        self.restart()

    def restart(self, find_leaders: Callable[[GalleryKey], list[Leaders]] | None = None) -> None:
        """A new process of the function begins, which knows nothing."""
        self._put_off = PutOff(find_leaders or (lambda _: [Leaders(VERSION, self.least)]))

    @property
    def waiting(self) -> int:
        return len(self._messages)

    def count(self, *names: str, views: int = 1) -> None:
        """Count events, and follow them at once."""
        for name in names:
            before = self.counted.get(image(name), Counts())
            self.counted[image(name)] = Counts(before.totals.plus(Totals(views)))
        changes = [
            CounterChange(image(name), None if self._is_split else self.counted[image(name)])
            for name in names
            for _ in range(views if views < OLD else 1)
        ]
        self._put_off.follow(changes, self.now, self._show, self._queue)

    def wait(self, seconds: float) -> None:
        self.now += seconds
        due = [key for at, key in self._messages if at <= self.now]
        self._messages = [(at, key) for at, key in self._messages if at > self.now]
        self._show([CounterChange(key, None) for key in due])

    def rush(self) -> None:
        """Make the gallery busy for a minute at least."""
        changes = [CounterChange(image("other"), None)] * (BUSY_CHANGES_A_MINUTE + 1)
        self._put_off.follow(changes, self.now, lambda _: Recomputed(0, {}, [], set()), lambda *_: None)

    def _show(self, changes: Sequence[CounterChange]) -> Recomputed:
        keys = dict.fromkeys(change.key for change in changes)
        shown = {key: self.counted[key] for key in keys}
        self.written += [key.image_id for key in shown if self.shown.get(key) != shown[key]]
        self.shown |= shown
        return Recomputed(len(shown), shown, [], set())

    def _queue(self, keys: Sequence[CounterKey], delay_seconds: int) -> None:
        assert 0 < delay_seconds <= 900, "a message cannot wait longer"
        if self.queue_fails:
            raise Unavailable("slow down", 1)
        self._messages += [(self.now + delay_seconds, key) for key in keys]


@pytest.mark.parametrize("is_split", [False, True])
def test_everything_is_shown_in_the_end(is_split: bool) -> None:
    for seed in range(30):
        chance = random.Random(seed)
        shop = Shop(chance.choice([0, 30]), is_split=is_split)
        for _ in range(300):
            shop.count(*chance.choices("abcdefgh", range(1, 9), k=3), views=chance.choice([1, 1, 2, 40]))
            if chance.random() < 0.02:
                shop.restart()
            if chance.random() < 0.1:
                shop.rush()
            shop.wait(chance.choice([0, 1, 1, 3, 30, 400]))
        shop.wait(BUSY.others)
        assert shop.shown == shop.counted


def test_a_change_that_is_alone_is_written_at_once() -> None:
    shop = Shop(least=10_000)
    shop.count("a", views=OLD)
    shop.wait(QUIET.others)
    shop.count("a")
    assert shop.written == ["a", "a"]
    assert shop.waiting == 0


@pytest.mark.parametrize("pauses", [QUIET, BUSY])
def test_small_changes_of_a_leader_are_written_together_within_the_pause(pauses: Pauses) -> None:
    shop = Shop()
    shop.count("a", views=OLD)
    for _ in range(pauses.leaders - 1):
        if pauses is BUSY:
            shop.rush()
        shop.count("a")
        shop.wait(0.5)
    assert (shop.written, shop.waiting) == (["a"], 1)
    shop.wait(pauses.leaders)
    assert (shop.written, shop.shown) == (["a", "a"], shop.counted)


def test_a_leader_that_moved_by_five_percent_is_written_at_once() -> None:
    shop = Shop()
    shop.count("a", views=OLD)
    shop.count("a", views=49)
    shop.count("a")
    assert shop.written == ["a"]
    shop.count("a")
    assert shop.written == ["a", "a"]


def test_each_event_of_a_young_leader_is_written_at_once() -> None:
    shop = Shop()
    for _ in range(10):
        shop.count("a")
    assert shop.written == ["a"] * 10


@pytest.mark.parametrize("pauses", [QUIET, BUSY])
def test_changes_of_others_wait_longer(pauses: Pauses) -> None:
    shop = Shop(least=50)
    for _ in range(20):
        if pauses is BUSY:
            shop.rush()
        shop.count("a")
        shop.wait(pauses.others / 40)
    assert (shop.written, shop.waiting) == (["a"], 1)
    shop.wait(pauses.others)
    assert (shop.written, shop.shown) == (["a", "a"], shop.counted)


def test_what_waits_long_waits_a_minute_once_the_gallery_is_quiet() -> None:
    shop = Shop(least=50)
    shop.count("a")
    shop.rush()
    shop.count("a")
    shop.wait(120)
    shop.count("a")
    shop.wait(QUIET.others)
    assert shop.shown == shop.counted


def test_an_image_that_comes_among_the_leaders_is_written_at_once() -> None:
    shop = Shop(least=50)
    shop.count("a")
    shop.count("a", views=48)
    assert shop.written == ["a"]
    shop.count("a")
    assert shop.written == ["a", "a"]


def test_the_last_changes_of_an_image_that_came_among_the_leaders_do_not_wait_as_long_as_the_first() -> None:
    shop = Shop(least=OLD + 20)
    shop.count("a", views=OLD)
    shop.count("a")
    shop.count("a", views=30)
    shop.wait(QUIET.leaders)
    assert shop.shown == shop.counted


def test_counters_in_many_shards_are_summed_when_they_may_have_moved_by_five_percent() -> None:
    shop = Shop(is_split=True)
    shop.count("a", views=OLD)
    for _ in range(50):
        shop.count("a")
    assert shop.written == ["a"]
    shop.count("a")
    assert shop.written == ["a", "a"]


def test_a_new_process_writes_what_it_does_not_know() -> None:
    shop = Shop()
    shop.count("a", views=OLD)
    shop.restart()
    shop.count("a")
    assert shop.written == ["a", "a"]


def test_of_many_images_at_once_the_leading_ones_are_written_first() -> None:
    names = [f"image-{at}" for at in range(100)]
    shop = Shop(least=5)
    for name in names[50:]:
        shop.counted[image(name)] = Counts(Totals(9))
    shop.count(*names)
    assert sorted(shop.written) == sorted(names[50:])
    shop.count("image-50", views=9)
    shop.wait(BUSY.others)
    assert shop.shown == shop.counted


def test_nothing_waits_while_the_order_cannot_be_read() -> None:
    def fail(_: GalleryKey) -> list[Leaders]:
        raise Unavailable("slow down", 1)

    shop = Shop()
    shop.count("a", views=OLD)
    shop.restart(fail)
    for _ in range(3):
        shop.count("a")
    assert shop.written == ["a"] * 4


def test_what_could_not_be_queued_is_not_taken_for_waiting() -> None:
    shop = Shop()
    shop.count("a", views=OLD)
    shop.queue_fails = True
    with pytest.raises(Unavailable):
        shop.count("a")
    shop.queue_fails = False
    shop.count("a")
    assert shop.waiting == 1


def test_a_campaign_that_begins_writes_few_images_at_once_and_the_rest_in_waves() -> None:
    names = [f"image-{at:03}" for at in range(300)]
    shop = Shop()
    for at, name in enumerate(names):
        shop.counted[image(name)] = Counts(Totals(at))
    shop.count(*names)
    assert sorted(shop.written) == names[-BUSY.at_once :]
    shop.wait(BUSY.leaders)
    assert sorted(shop.written) == names[-99:]
    numbers = []
    for _ in range(5):
        before = len(shop.written)
        shop.wait(BUSY.others / 5)
        numbers.append(len(shop.written) - before)
    assert min(numbers) > 20
    assert shop.shown == shop.counted


def test_of_images_with_equal_points_none_leads_beside_hundreds_of_others() -> None:
    shop = Shop()
    shop.count(*(f"image-{at}" for at in range(300)))
    shop.wait(BUSY.leaders)
    assert len(shop.written) == BUSY.at_once
    shop.wait(BUSY.others)
    assert shop.shown == shop.counted
