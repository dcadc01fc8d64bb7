"""Which events count, and what remains of a batch when a part of it fails."""

from __future__ import annotations

import time
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.memory.engagement import FULL, CountersInMemory, EveryGallery, SaltsInMemory, _Stored
from vitrine.engagement.count_events import GALLERIES_KEPT_FOR, Batch, EventCounter
from vitrine.engagement.model import MARKS_IN_A_WRITE, ROOT, Event, Result, SourcePage
from vitrine.engagement.ports import CountedEvents, CounterKey, ShardKey
from vitrine.galleries.model import GalleryKey, Totals
from vitrine.platform.problems import Unavailable

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from vitrine.engagement.model import PendingEvent, Shard, Slots

GALLERY = GalleryKey("shop", "summer")
IMAGE = CounterKey(GALLERY, "hat", "first")
NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
WINDOW = timedelta(hours=1)
HOME, WORK = SourcePage("192.0.2.1", "Firefox"), SourcePage("192.0.2.2", "Firefox")


class Shop:
    """A gallery with one image, and its events."""

    def __init__(self, repository: CountersInMemory | None = None, *, every_event: bool = False) -> None:
        self.store = repository or CountersInMemory()
        self.galleries = EveryGallery(*([GALLERY] if every_event else []))
        self.counter = self.another_process()

    def another_process(self, *, archives: bool = False) -> EventCounter:
        return EventCounter(self.store, self.galleries, SaltsInMemory(), WINDOW, archives=archives)

    def send(
        self, *events: Event, page: SourcePage | None = HOME, now: datetime = NOON, from_robot: bool = False
    ) -> list[str]:
        return [status for _, status, _, _ in self.results(*events, page=page, now=now, from_robot=from_robot)]

    def results(
        self, *events: Event, page: SourcePage | None = HOME, now: datetime = NOON, from_robot: bool = False
    ) -> list[Result]:
        return self.counter.count(Batch(GALLERY, "secret", events, from_robot, now, page))

    @property
    def totals(self) -> Totals:
        counts = self.store.read([IMAGE]).get(IMAGE)
        return counts.totals if counts else Totals()


def view(event_id: str, session: str | None = None, user: str | None = None) -> Event:
    return Event(event_id, "view", "hat", session_id=session, user_id=user)


def click(event_id: str, session: str | None = None, user: str | None = None) -> Event:
    return Event(event_id, "click", "hat", session_id=session, user_id=user)


class TestAVisitorOfAPage:
    def test_counts_one_view_and_one_click_an_hour(self) -> None:
        shop = Shop()
        assert shop.send(view("1"), view("2"), click("3")) == ["accepted", "filtered", "accepted"]
        assert shop.send(view("4"), click("5"), now=NOON + timedelta(minutes=59)) == ["filtered", "filtered"]
        assert shop.send(view("6"), now=NOON + timedelta(minutes=60)) == ["accepted"]
        assert shop.totals == Totals(2, 1)

    def test_is_the_session_wherever_it_comes_from(self) -> None:
        shop = Shop()
        assert shop.send(view("1", "ann"), view("2", "bob")) == ["accepted", "accepted"]
        assert shop.send(view("3", "ann"), page=WORK) == ["filtered"]

    def test_is_otherwise_recognised_by_address_and_user_agent(self) -> None:
        shop = Shop()
        assert shop.send(view("1")) == ["accepted"]
        for page in (WORK, SourcePage(HOME.source_address, "Safari"), SourcePage("", "\ud800\n\x00")):
            assert shop.send(view("2"), page=page) == ["accepted"]

    def test_costs_two_writes_for_a_flood_of_clicks(self) -> None:
        shop = Shop()
        assert Counter(shop.send(*[click(str(at)) for at in range(500)])) == {"accepted": 1, "filtered": 499}
        assert (shop.totals, shop.store.writes) == (Totals(0, 1), 1)

    def test_cannot_use_up_the_event_id_of_another(self) -> None:
        shop = Shop()
        assert shop.send(view("guessed", "mallory")) == ["accepted"]
        assert shop.send(view("guessed", "ann"), page=WORK) == ["accepted"]
        assert shop.send(view("guessed"), page=WORK) == ["accepted"]
        assert shop.send(view("guessed"), page=None) == ["accepted"]

    def test_gets_duplicate_for_counted_events_and_filtered_for_others(self) -> None:
        shop = Shop()
        assert shop.send(view("1"), view("2")) == ["accepted", "filtered"]
        assert shop.send(view("2"), view("1"), view("1")) == ["filtered", "duplicate", "duplicate"]

    def test_counts_a_resend_once_though_hour_and_day_have_changed(self) -> None:
        shop = Shop()
        midnight = datetime(2026, 1, 2, tzinfo=UTC)
        assert shop.send(view("1"), view("2"), now=midnight - timedelta(seconds=1)) == ["accepted", "filtered"]
        assert shop.send(view("1"), now=midnight) == ["duplicate"]
        assert shop.send(view("3"), view("1"), now=midnight) == ["accepted", "duplicate"]
        assert shop.send(view("1"), now=midnight - timedelta(seconds=2)) == ["duplicate"]
        assert shop.totals == Totals(2, 0)

    def test_counts_with_every_event_if_the_gallery_says_so(self) -> None:
        shop = Shop(every_event=True)
        assert shop.send(view("1"), view("2"), view("1"), view("3", "ann"), view("4", "ann")) == [
            "accepted",
            "accepted",
            "duplicate",
            "accepted",
            "accepted",
        ]

    def test_follows_a_change_of_the_gallery_within_seconds_without_a_read_per_event(self) -> None:
        shop = Shop()
        for second in range(9):
            shop.send(view(str(second)), now=NOON + timedelta(seconds=second))
        assert (shop.galleries.asked, shop.totals) == (1, Totals(1, 0))
        shop.galleries.every_event = {GALLERY}
        assert shop.send(view("10"), view("0"), now=NOON + GALLERIES_KEPT_FOR) == ["accepted", "duplicate"]

    def test_is_counted_as_a_robot_once_an_hour_too(self) -> None:
        shop = Shop()
        assert shop.send(view("1", user="ann"), view("2"), from_robot=True) == ["filtered", "filtered"]
        [again] = shop.results(view("1", user="ann"), from_robot=True)
        assert again == Result("1", "duplicate")
        assert (shop.totals, shop.store.writes) == (Totals(0, 0), 1)


class TestAShopsServer:
    def test_counts_each_event_also_of_one_session(self) -> None:
        shop = Shop()
        sent = [*(view(str(at)) for at in range(40)), *(view(str(at), "ann") for at in range(40))]
        assert set(shop.send(*sent, page=None)) == {"accepted"}
        assert set(shop.send(*sent, page=None)) == {"duplicate"}
        assert shop.totals == Totals(80, 0)
        assert shop.galleries.asked == 1

    def test_and_the_page_may_both_send_an_event_of_a_session(self) -> None:
        shop = Shop()
        sessions = [f"session-{at}" for at in range(40)]
        assert set(shop.send(*[view("1", session) for session in sessions])) == {"accepted"}
        assert set(shop.send(*[view("1", session) for session in sessions], page=None)) == {"duplicate"}

    def test_events_stay_counted_when_the_shard_of_their_visitors_hour_has_split(self) -> None:
        shop = Shop()
        others = [view(str(at)) for at in range(FULL)]
        assert shop.send(view("seen", "ann")) == ["accepted"]
        shop.send(*others, page=None)
        assert shop.send(view("1", "ann", "ann"), page=None) == ["accepted"]
        resent = [view("1", "ann", "ann"), view("2", "ann")]
        for process in (shop.counter, shop.another_process()):
            shop.counter = process
            one, two = shop.results(*resent)
            assert (one.status, one.for_user, two.status) == ("duplicate", True, "filtered")
        assert shop.totals == Totals(2 + FULL, 0)


class TestShards:
    @pytest.mark.parametrize("deepest", [1, 2])
    def test_are_split_when_full_unless_they_are_the_deepest(
        self, monkeypatch: pytest.MonkeyPatch, deepest: int
    ) -> None:
        monkeypatch.setattr("vitrine.engagement.count_events.DEEPEST_PATH", deepest)
        shop = Shop()
        events = [view(str(at)) for at in range(400)]
        for start in range(0, len(events), FULL):
            shop.send(*events[start : start + FULL], page=None)
        assert {len(path) for path in shop.store.split_paths} == set(range(deepest))
        assert shop.totals == Totals(400, 0)


class TestArchives:
    """Whoever counts from the queue archives full shards."""

    @staticmethod
    def shop() -> Shop:
        shop = Shop()
        shop.counter = shop.another_process(archives=True)
        return shop

    def test_are_made_of_full_shards_which_are_not_split(self) -> None:
        shop = self.shop()
        sent = [view(str(at)) for at in range(2000)]
        for _ in range(2):
            statuses = [status for at in range(0, 2000, 500) for status in shop.send(*sent[at : at + 500], page=None)]
        assert set(statuses) == {"duplicate"}
        assert (shop.totals, shop.store.split_paths) == (Totals(2000, 0), set())

    def test_exclude_also_those_events_that_were_not_in_the_refused_write(self) -> None:
        shop = self.shop()
        old = [view(f"old-{at}") for at in range(3 * FULL)]
        shop.send(*old, page=None)
        for process in (shop.another_process(archives=True), shop.another_process()):
            shop.counter = process
            new = [view(f"new-{at}-{id(process)}") for at in range(MARKS_IN_A_WRITE)]
            assert Counter(shop.send(*new, *old, page=None)) == {"accepted": len(new), "duplicate": len(old)}

    def test_are_read_as_far_back_as_the_oldest_event_needs(self) -> None:
        shop = self.shop()
        sent = [view(str(at)) for at in range(3 * FULL)]
        shop.send(*sent, page=None)
        later = NOON + timedelta(hours=9)
        shop.send(*[view(f"later-{at}") for at in range(3 * FULL)], page=None, now=later)
        process = shop.another_process(archives=True)
        batch = Batch(GALLERY, "secret", sent, False, NOON + timedelta(minutes=1), None)
        recent = Batch(GALLERY, "secret", [view("new")], False, later, None)
        for arrived, events in ((later, recent), (NOON, batch)):
            _, prepared = process.prepare(events)
            [outcomes] = process.count_prepared(GALLERY, {"hat": prepared}, later, arrived).values()
            assert not isinstance(outcomes, Exception)
            assert {outcome.status for outcome in outcomes} == {"accepted" if arrived == later else "duplicate"}

    def test_or_their_slot_hold_what_a_queue_delivers_again_though_others_cleared_the_ring(self) -> None:
        shop = self.shop()
        sent = [view(str(at)) for at in range(FULL // 2)]
        batch = Batch(GALLERY, "secret", sent, False, NOON, None)
        shop.send(*sent, page=None)
        shop.counter = shop.another_process()
        for hours in range(1, 9):
            shop.send(view(f"later-{hours}"), page=None, now=NOON + timedelta(hours=hours))
        process = shop.another_process(archives=True)
        _, prepared = process.prepare(batch)
        late = NOON + timedelta(hours=9)
        [outcomes] = process.count_prepared(GALLERY, {"hat": prepared}, late, NOON).values()
        assert not isinstance(outcomes, Exception)
        assert {outcome.status for outcome in outcomes} == {"duplicate"}

    def test_are_known_to_those_who_count_at_once(self) -> None:
        shop = self.shop()
        sent = [view(str(at)) for at in range(5 * FULL)]
        shop.send(*sent, page=None)
        shop.counter = shop.another_process()
        assert set(shop.send(*sent, page=None)) == {"duplicate"}
        shop.send(*[view(f"more-{at}") for at in range(5 * FULL)], page=None)
        assert shop.store.split_paths
        for archives in (True, False):
            shop.counter = shop.another_process(archives=archives)
            assert set(shop.send(*sent, page=None)) == {"duplicate"}
        assert shop.totals == Totals(10 * FULL, 0)


class TestFolding:
    """A split image becomes one shard again, and nobody counts an event of before."""

    @staticmethod
    def fold(shop: Shop, now: datetime = NOON) -> None:
        root = shop.store.find_shard(ShardKey(IMAGE, ROOT))
        shop.store.fold(IMAGE, root.tree, now)

    @pytest.mark.parametrize("is_another", [True, False])
    def test_keeps_the_totals_and_what_was_counted(self, is_another: bool) -> None:
        shop = Shop()
        sent = [view(str(at)) for at in range(400)]
        for round_ in range(3):
            for start in range(0, len(sent), FULL):
                assert set(shop.send(*sent[start : start + FULL], page=None)) == {"duplicate" if round_ else "accepted"}
            assert shop.totals == Totals(400, 0)
            self.fold(shop)
            assert shop.totals == Totals(400, 0)
            if is_another:
                shop.counter = shop.another_process(archives=round_ == 1)
        new = [view(f"new-{at}") for at in range(40)]
        assert set(shop.send(*new, page=None)) == {"accepted"}
        assert set(shop.send(*new, *sent[:40], page=None)) == {"duplicate"}
        assert shop.totals == Totals(440, 0)

    def test_is_finished_by_whoever_meets_it(self) -> None:
        class HalfFolded(CountersInMemory):
            dies = True

            def fold(self, key: CounterKey, tree: int, now: datetime) -> Shard:
                if self.dies:
                    self.dies = False
                    for digit in "0123456789abcdef":
                        self._stored.setdefault(ShardKey(key, digit), _Stored()).is_folded = True
                    raise Unavailable("died", 1)
                return super().fold(key, tree, now)

        shop = Shop(HalfFolded())
        shop.send(*[view(str(at)) for at in range(FULL + 1)], page=None)
        assert shop.send(view("in the tree"), page=None) == ["accepted"]
        with pytest.raises(Unavailable):
            self.fold(shop)
        for process in (shop.counter, shop.another_process()):
            shop.counter = process
            assert shop.send(view("in the tree"), view("new"), page=None)[0] == "duplicate"
        assert shop.store.find_shard(ShardKey(IMAGE, ROOT)).state == "open"
        assert shop.totals == Totals(FULL + 3, 0)

    def test_costs_a_read_of_the_tree_only_while_its_events_may_come_again(self) -> None:
        class Watched(CountersInMemory):
            reads = 0

            def read_folded(self, key: CounterKey, tree: int, paths: Iterable[str], since: datetime) -> set[bytes]:
                self.reads += 1
                return super().read_folded(key, tree, paths, since)

        store = Watched()
        shop = Shop(store)
        shop.send(*[view(str(at)) for at in range(FULL + 1)], page=None)
        self.fold(shop)
        shop.counter = shop.another_process()
        shop.send(view("soon"), page=None, now=NOON + timedelta(minutes=60))
        assert store.reads == 1
        shop.send(view("soon"), page=None, now=NOON + timedelta(minutes=60))
        assert store.reads == 1
        shop.counter = shop.another_process()
        shop.send(view("late"), page=None, now=NOON + timedelta(hours=3))
        assert store.reads == 1


class TestADuplicate:
    def test_is_the_users_own_only_where_it_names_the_same_user(self) -> None:
        shop = Shop()
        first = Result("1", "accepted", None, for_user=True)
        assert shop.results(click("1", user="ann"), page=None) == [first]
        assert shop.results(click("1", user="ann"), click("1", user="bob"), click("1"), page=None) == [
            Result("1", "duplicate", None, for_user=True),
            Result("1", "duplicate", None, for_user=False),
            Result("1", "duplicate", None, for_user=False),
        ]

    def test_in_one_batch_is_the_users_own_too(self) -> None:
        shop = Shop()
        sent = [click("1", user="ann"), click("1", user="bob"), click("1", user="ann")]
        assert [result.for_user for result in shop.results(*sent, page=None)] == [True, False, True]

    def test_that_was_filtered_belongs_to_nobody(self) -> None:
        shop = Shop()
        assert [result.for_user for result in shop.results(click("1", user="ann"), click("2", user="ann"))] == [
            True,
            False,
        ]


class Send(NamedTuple):
    """A batch of numbered events, sent to one process some minutes after the batch before."""

    minutes: int
    process: int
    folds: bool
    from_server: bool
    events: list[int]


SENDERS = [(HOME, None), (WORK, None), (HOME, "ann"), (WORK, "ann"), (HOME, "bob")]
sends = st.builds(
    Send,
    st.integers(0, 25),
    st.integers(0, 1),
    st.booleans(),
    st.booleans(),
    st.lists(st.integers(0, 19), min_size=1, max_size=12),
)


def is_click(number: int) -> bool:
    return number % 3 == 0


@pytest.mark.slow
@settings(max_examples=300)
@given(
    st.lists(st.tuples(st.integers(0, len(SENDERS) - 1), sends), max_size=30),
    st.integers(0, 59),
    st.booleans(),
)
def test_events_count_as_in_one_ledger(history: list[tuple[int, Send]], minute: int, every_event: bool) -> None:
    """Resends over hours and days, in any batch, from pages and servers, through splits by other processes."""
    shop = Shop(every_event=every_event)
    processes = [shop.another_process(), shop.another_process()]
    counted: dict[tuple[object, int], datetime] = {}
    first_sent: dict[tuple[object, int], datetime] = {}
    spent: set[tuple[object, bool, datetime]] = set()
    totals = Counter[bool]()
    now = datetime(2026, 1, 1, 22, minute, tzinfo=UTC)
    for sender, sent in history:
        now += timedelta(minutes=sent.minutes)
        page, session = SENDERS[sender]
        visitor = session or ("server" if sent.from_server else page)
        events, expected = [], []
        for number in sent.events:
            occurred_at = first_sent.setdefault((visitor, number), now)
            kind = "click" if is_click(number) else "view"
            events.append(Event(f"e{number}", kind, "hat", occurred_at, session_id=session))  # type: ignore[arg-type]
            hour = (visitor, is_click(number), now.replace(minute=0))
            if occurred_at < now - WINDOW:
                expected.append("expired")
            elif (visitor, number) in counted:
                expected.append("duplicate")
            elif not (every_event or sent.from_server) and hour in spent:
                expected.append("filtered")
            else:
                expected.append("accepted")
                counted[visitor, number] = now
                totals[is_click(number)] += 1
                if not (every_event or sent.from_server):
                    spent.add(hour)
        root = shop.store.find_shard(ShardKey(IMAGE, ROOT))
        if sent.folds and root.state == "split":
            shop.store.fold(IMAGE, root.tree, now)
        batch = Batch(GALLERY, "secret", events, False, now, None if sent.from_server else page)
        assert [result.status for result in processes[sent.process].count(batch)] == expected
    assert shop.totals == Totals(totals[False], totals[True])


class OneBusyImage(CountersInMemory):
    """Refuses one image immediately and counts the others slowly."""

    def __init__(self) -> None:
        super().__init__()
        self.counted_images: list[str] = []

    def count(
        self, key: ShardKey, events: Sequence[PendingEvent], slots: Slots, archives: int = 0
    ) -> CountedEvents | Shard:
        if key.counters.image_id == "busy":
            raise Unavailable("busy", 1)
        time.sleep(0.05)
        self.counted_images.append(key.counters.image_id)
        return CountedEvents(full=False)


def test_no_write_continues_after_a_failure() -> None:
    """A frozen function would finish it hours later, when the marks that detect a resend are gone."""
    store = OneBusyImage()
    shop = Shop(store)
    with pytest.raises(Unavailable):
        shop.send(*[Event(image_id, "view", image_id) for image_id in ("busy", "slow", "slower")], page=None)
    counted = list(store.counted_images)
    time.sleep(0.2)
    assert store.counted_images == counted
    assert sorted(counted) == ["slow", "slower"]
