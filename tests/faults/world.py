"""A shop under faults: senders, consumers of the stream and a merchant at once, until all is done."""

from __future__ import annotations

import random
import threading
import time
from collections import Counter, defaultdict
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple, cast
from uuid import uuid4

import boto3
from botocore.config import Config

from tests import aws
from tests.faults.driver import CALM, Crash, Driver, Odds
from tests.memory.gallery_tasks import UnexpectedTasks
from vitrine.engagement.count_events import Batch, EventCounter
from vitrine.engagement.count_queued import QueuedCounter
from vitrine.engagement.dynamodb import (
    DynamoDBCounters,
    DynamoDBSalts,
    DynamoDBVisitorCounts,
    counter_key,
    is_frozen,
    whole_count,
)
from vitrine.engagement.model import ROOT, Event, Rules, SourcePage, click_mark, counter_of, visitor_mark
from vitrine.engagement.note_visits import VisitNotes
from vitrine.engagement.ports import CounterKey, ShardKey
from vitrine.engagement.prepared import from_text, to_text
from vitrine.engagement.put_off import PutOff
from vitrine.engagement.queue_events import queue_events
from vitrine.engagement.recompute_weights import CounterChange, recompute_weights
from vitrine.engagement.watch_visitors import VisitorWatch
from vitrine.galleries.audit_gallery import audit_gallery
from vitrine.galleries.change_image import change_image, delete_image
from vitrine.galleries.change_ranking import OrderMaker, change_ranking, fit_prior, forget_order
from vitrine.galleries.dynamodb import DynamoDBGalleries
from vitrine.galleries.leading_images import leading_images
from vitrine.galleries.model import TEAMS, Counts, Description, GalleryKey, Totals, new_gallery
from vitrine.galleries.put_gallery import put_gallery
from vitrine.galleries.put_images import ImageDraft, put_images
from vitrine.galleries.read_gallery import find_gallery, read_order
from vitrine.galleries.run_experiment import end_experiment, start_experiment
from vitrine.galleries.show_totals import show_totals
from vitrine.platform.problems import Conflict, NotFound, Unavailable
from vitrine.ranking.experiments import arm_of
from vitrine.ranking.merchandising import Rule
from vitrine.ranking.model import Ranking

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from vitrine.engagement.count_queued import CountedQueue
    from vitrine.engagement.model import Result
    from vitrine.engagement.prepared import PreparedBatch
    from vitrine.engagement.recompute_weights import Recomputed
    from vitrine.galleries.model import Gallery, Image
    from vitrine.ranking.experiments import Mode
    from vitrine.ranking.model import Version

GALLERY = GalleryKey("shop", "summer")
START = datetime(2025, 12, 31, 23, 20, tzinfo=UTC)
HOME, WORK = SourcePage("192.0.2.1", "Firefox"), SourcePage("192.0.2.2", "Firefox")
SENDERS = [(None, None), (None, "ann"), (HOME, "ann"), (WORK, "bob"), (HOME, None), (WORK, None)]
WINDOW = timedelta(hours=1)
HOT, LASTING, REMADE = "hot", "lasting", "remade"
LONGEST_REQUEST = timedelta(minutes=10)
LONGEST_COUNT = timedelta(minutes=1)
LONGEST_WAIT = timedelta(hours=3)  # of a message
TOLERANCE = 1.0  # no image is so young that each of its events is shown at once
PAUSE = 20
_EVENTS = 60
_ATTEMPTS = 400


class Violation(AssertionError):
    """The state is not that of one clean run."""


class _Turn(NamedTuple):
    """What a visitor of a page may do once."""

    image_id: str
    visitor: object
    counter: str
    hour: int


class _Message(NamedTuple):
    """A batch in the queue: what was sent, what is stored of it, and the positions of those events."""

    batch: Batch
    text: str
    at: Sequence[int]
    due: datetime


class _Queue:
    """Stores a batch of a sender, unless the call or the sender fails before."""

    def __init__(self, world: World, batch: Batch, chance: random.Random) -> None:
        self._world, self._batch, self._chance = world, batch, chance

    def store(self, batch: PreparedBatch) -> None:
        fate = self._chance.random()
        if fate < 0.05:
            raise self._chance.choice([Unavailable("dropped", 1), Crash()])
        wait = LONGEST_WAIT * self._chance.random() if self._chance.random() < 0.15 else timedelta(seconds=10)
        at = [event.pending.at for event in batch.events]
        self._world.put(_Message(self._batch, to_text(batch), at, batch.arrived + wait))
        if fate < 0.15:
            raise self._chance.choice([Unavailable("unanswered", 1), Crash()])


class _Galleries:
    def __init__(self, repository: DynamoDBGalleries) -> None:
        self._repository = repository

    def find_incarnations(self, gallery: GalleryKey, image_ids: Iterable[str]) -> Mapping[str, str]:
        return {image.image_id: image.incarnation for image in self._repository.get_images(gallery, image_ids).values()}

    def find_rules(self, gallery: GalleryKey) -> Rules:
        found = self._repository.find_gallery(gallery)
        assert found
        ranking = found.live.ranking
        experiment = found.experiment if found.experiment and found.experiment.is_ready else None
        return Rules(
            found.counting == "every_event",
            ranking.half_life_days,
            ranking.lab_share,
            found.live.number,
            experiment,
            frozenset(suspect.visitor for suspect in self._repository.list_suspects(gallery)),
        )


class _PatientGalleries:
    """Galleries whose images are scored under a version once those who read before it was planned are done."""

    def __init__(self, repository: DynamoDBGalleries, reading: threading.Lock) -> None:
        self._repository = repository
        self._reading = reading

    def __getattr__(self, name: str) -> Any:
        return getattr(self._repository, name)

    def start_scoring(self, gallery: Gallery, version: Version) -> bool:
        with self._reading:
            return self._repository.start_scoring(gallery, version)


class _Counters:
    def __init__(self, repository: DynamoDBCounters) -> None:
        self._repository = repository

    def close(self, image: Image) -> None:
        self._repository.close(CounterKey(image.gallery, image.image_id, image.incarnation))

    def read(self, images: Sequence[Image]) -> Mapping[str, Counts]:
        counted = self._repository.read(
            [CounterKey(image.gallery, image.image_id, image.incarnation) for image in images]
        )
        return {key.image_id: counts for key, counts in counted.items()}


class _Tasks(UnexpectedTasks):
    """Tasks that wait until a consumer takes them."""

    def __init__(self) -> None:
        self.waiting: list[tuple[str, int | None]] = []

    def fit_prior(self, key: GalleryKey) -> None:
        self.waiting.append(("fit_prior", None))

    def make_order(self, key: GalleryKey, version: int) -> None:
        self.waiting.append(("make_order", version))

    def forget_visits(self, key: GalleryKey, number: int) -> None:
        """Visits stay, so that they can be judged."""

    def forget_order(self, key: GalleryKey, version: int) -> None:
        self.waiting.append(("forget_order", version))


class World:
    """One run. What it does follows from the seed; threads interleave it as they will.

    With an odd seed the gallery runs experiments, some of them interleaved; with an even one its ranking and rules
    change. If it is `buffered`, events are counted from a queue, which delivers in any order, again, and some messages
    hours later.
    """

    def __init__(
        self,
        seed: int,
        counters: type[DynamoDBCounters] = DynamoDBCounters,
        galleries: type[DynamoDBGalleries] = DynamoDBGalleries,
        notes: type[VisitNotes] = VisitNotes,
        odds: Odds | None = None,
        *,
        put_offs: type[PutOff] = PutOff,
        experiments: bool | None = None,
        buffered: bool = False,
        queued_counters: type[EventCounter] = EventCounter,
    ) -> None:
        self._is_buffered = buffered
        self._queued_counters = queued_counters
        self._queue: list[_Message] = []
        self._sent = threading.Event()
        self._experiments = seed % 2 == 1 if experiments is None else experiments
        self._compares_twice = seed % 4 == 3
        self._mode: Mode = "interleave" if seed % 8 < 4 else "split"
        self._notes = notes
        self._put_offs = put_offs
        self._numbers: set[int] = set()
        self.random = random.Random(seed)
        self.driver = Driver(seed, CALM)
        self._odds = odds or Odds()
        aws.create_tables("CountersTable", "GalleriesTable", "ImagesTable", "IdempotencyTable")
        client = boto3.client("dynamodb", config=Config(retries={"mode": "standard", "total_max_attempts": 1}))
        self._streams = boto3.client("dynamodbstreams")
        arn = client.describe_table(TableName="CountersTable")["Table"]["LatestStreamArn"]
        [shard] = self._streams.describe_stream(StreamArn=arn)["StreamDescription"]["Shards"]
        self._stream_position = self._streams.get_shard_iterator(
            StreamArn=arn, ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON"
        )["ShardIterator"]
        self.driver.drive(client)
        self.counters = counters(client, "CountersTable")
        self._queued_repository = counters(client, "CountersTable", archives=True)
        self._client = client
        self.galleries = galleries(client, "GalleriesTable", "ImagesTable")
        self.galleries.put_gallery(new_gallery(GALLERY, START, {"ranking": self._first_ranking}))
        self.tasks = _Tasks()
        self._put(HOT, LASTING, REMADE)
        self.clock = START
        self.folded = 0
        self.responses: defaultdict[str, Counter[str]] = defaultdict(Counter)
        self._turns: dict[str, defaultdict[_Turn, set[str]]] = {
            status: defaultdict(set) for status in ("accepted", "filtered", "unanswered")
        }
        self.pages: dict[str, SourcePage | None] = {}
        self.events = {f"e{at}": self._event(f"e{at}") for at in range(_EVENTS)}
        self._unsent = list(self.events)
        self._unacknowledged: list[str] = []
        self._in_flight: dict[int, datetime] = {}
        self._deliveries: list[CounterChange] = []
        self._seconds = START.timestamp()
        self._messages: list[tuple[float, list[CounterKey]]] = []
        self._lock = threading.RLock()
        self._reading = threading.Lock()
        self._counting = threading.Event()
        self._failures: list[BaseException] = []

    @property
    def _first_ranking(self) -> Ranking:
        return Ranking("optimistic_rate", lab_share=0.0 if self._experiments else 0.2)

    def run(self) -> None:
        """Raises Violation unless everything ends as if nothing had failed."""
        if self._experiments:
            self._compare(Ranking("smoothed_rate"))
            while self.tasks.waiting:
                self._do(*self.tasks.waiting.pop())
        self.driver.odds = self._odds
        senders = [threading.Thread(target=self._guarded, args=(self._send, seed)) for seed in (1, 2)]
        merchant = threading.Thread(target=self._guarded, args=(self._remake, 3))
        reader = threading.Thread(target=self._guarded, args=(self._read, 6))
        consumers = [threading.Thread(target=self._guarded, args=(self._consume, seed)) for seed in (4, 5)]
        counters = [threading.Thread(target=self._guarded, args=(self._count_queue, seed)) for seed in (7, 8)]
        folders = [threading.Thread(target=self._guarded, args=(self._fold, seed)) for seed in (9, 10)]
        for thread in [*senders, merchant, *consumers, reader, *counters, *folders]:
            thread.start()
        for thread in [*senders, merchant]:
            thread.join()
        self._sent.set()
        for thread in counters:
            thread.join()
        self._counting.set()
        for thread in [*consumers, reader, *folders]:
            thread.join()
        if self._failures:
            raise self._failures[0]
        self.driver.odds = CALM
        self._judge()

    def _event(self, event_id: str) -> Event:
        image_id = self.random.choices([HOT, LASTING, REMADE], [6, 2, 3])[0]
        self.pages[event_id], session = self.random.choice(SENDERS)
        return Event(event_id, self.random.choice(["view", "view", "click"]), image_id, session_id=session)

    def _guarded(self, act: Callable[[random.Random], None], seed: int) -> None:
        try:
            act(random.Random(self.random.random() + seed))
        except BaseException as failure:  # noqa: BLE001 - raised again by `run`
            self._failures.append(failure)

    # -- senders ---------------------------------------------------------------------------------------------------

    def _send(self, chance: random.Random) -> None:
        counter, notes = self._new_counter(), self._notes(self.galleries)
        while batch := self._next_batch(chance):
            try:
                results = self._take_in(counter, notes, batch, chance)
            except Unavailable:
                self._send_again(batch)
            except Crash:
                counter, notes = self._new_counter(), self._notes(self.galleries)
                self._send_again(batch)
            else:
                with self._lock:
                    for event, result in zip(batch.events, results, strict=True):
                        self._note(batch, event, result.status)
                    self._unacknowledged += {result.event_id for result in results if chance.random() < 0.25}
                    self.random.shuffle(self._unacknowledged)

    def _take_in(
        self, counter: EventCounter, notes: VisitNotes, batch: Batch, chance: random.Random
    ) -> Sequence[Result]:
        if self._is_buffered:
            return queue_events(counter, _Queue(self, batch, chance), batch)
        results = counter.count(batch)
        notes.note(batch, counter.rules(batch), results)
        return results

    def _note(self, batch: Batch, event: Event, status: str) -> None:
        self.responses[event.event_id][status] += 1
        if status in self._turns and batch.page:
            self._turns[status][self._turn(batch, event)].add(event.event_id)

    @staticmethod
    def _turn(batch: Batch, event: Event) -> _Turn:
        visitor = event.session_id or batch.page
        hour = int(batch.now.timestamp()) // 3600
        return _Turn(event.image_id, visitor, counter_of(event, from_robot=False), hour)

    def _new_counter(self) -> EventCounter:
        salts = DynamoDBSalts(self._client, "IdempotencyTable")
        return EventCounter(self.counters, _Galleries(self.galleries), salts, WINDOW)

    def _next_batch(self, chance: random.Random) -> Batch | None:
        """Some new events and some sent before, in new company, at a later time."""
        with self._lock:
            self._in_flight.pop(threading.get_ident(), None)
            if not self._unsent and not self._unacknowledged:
                return None
            page = self.pages[chance.choice(self._unsent or self._unacknowledged)]
            again = self._take(self._unacknowledged, page, chance.randint(0, 8))
            new = self._take(self._unsent, page, chance.randint(1, 6))
            longest = LONGEST_COUNT if self._is_buffered else LONGEST_REQUEST
            latest = min(self._in_flight.values(), default=self.clock) + longest
            later = self.clock + timedelta(minutes=chance.choice([0, 1, 2, 8]))
            self.clock = max(self.clock, min(later, latest))
            self._in_flight[threading.get_ident()] = self.clock
            now = self.clock + timedelta(seconds=chance.randint(-20, 20))
            for event_id in new:
                occurred_at = now - timedelta(minutes=chance.choice([-4, 0, 10, 40]))
                self.events[event_id] = self._at(event_id, occurred_at)
        sent = [self.events[event_id] for event_id in again + new]
        sent += [event for event in sent if chance.random() < 0.1]
        chance.shuffle(sent)
        return Batch(GALLERY, "secret", sent, from_robot=False, now=now, page=page)

    def _take(self, events: list[str], page: SourcePage | None, most: int) -> list[str]:
        """Some events that this page, or the shop's server, sends."""
        taken = [event_id for event_id in events if self.pages[event_id] == page][:most]
        for event_id in taken:
            events.remove(event_id)
        return taken

    def _at(self, event_id: str, occurred_at: datetime) -> Event:
        arm = f"{max(self._numbers)}.{self.random.choice(TEAMS)}" if self._numbers else None
        return self.events[event_id]._replace(occurred_at=occurred_at, arm=self.random.choice([arm, arm, None]))

    def _send_again(self, batch: Batch) -> None:
        with self._lock:
            for event in batch.events:
                self._turns["unanswered"][self._turn(batch, event)].add(event.event_id)
            self._unacknowledged += {event.event_id for event in batch.events}
            self.random.shuffle(self._unacknowledged)

    # -- the queue -------------------------------------------------------------------------------------------------

    def put(self, message: _Message) -> None:
        with self._lock:
            self._queue.append(message)

    def _count_queue(self, chance: random.Random) -> None:
        """Counts messages until all are: several at once, some of them twice."""
        counter = self._new_queued_counter()
        for _ in range(_ATTEMPTS * 10):
            is_last = self._sent.is_set()
            messages, now = self._receive(chance)
            if not messages:
                if is_last:
                    return
                time.sleep(0.01)
                continue
            try:
                done = counter.count({name: from_text(message.text) for name, message in messages.items()}, now)
            except Crash:
                counter = self._new_queued_counter()
                self._end(messages, None)
            else:
                self._end(messages, done)
                if chance.random() < 0.2:  # all is counted, and the messages could not be deleted
                    self._end(messages, None)
        raise Violation("the queue was never empty")

    def _receive(self, chance: random.Random) -> tuple[dict[str, _Message], datetime]:
        with self._lock:
            self._in_flight.pop(threading.get_ident(), None)
            if self._sent.is_set() and self._queue and not self._in_flight:
                self.clock = max(self.clock, min(message.due for message in self._queue))
            chance.shuffle(self._queue)
            taken = [message for message in self._queue if message.due <= self.clock][: chance.randint(1, 6)]
            for message in taken:
                self._queue.remove(message)
            if taken:
                self._in_flight[threading.get_ident()] = self.clock
            now = self.clock + timedelta(seconds=chance.randint(-20, 20))
        return {f"{at}": message for at, message in enumerate(taken)}, now

    def _end(self, messages: Mapping[str, _Message], done: CountedQueue | None) -> None:
        """Note how events ended; messages that did not end come again. With `done` None nobody knows."""
        with self._lock:
            for name, message in messages.items():
                if done is None or name in done.failed:
                    self._queue.append(message)
                    for at in message.at:
                        event = message.batch.events[at]
                        self._turns["unanswered"][self._turn(message.batch, event)].add(event.event_id)
                    continue
                for outcome in done.outcomes[name]:
                    self._note(message.batch, message.batch.events[message.at[outcome.at]], outcome.status)

    def _new_queued_counter(self) -> QueuedCounter:
        salts = DynamoDBSalts(self._client, "IdempotencyTable")
        watch = VisitorWatch(DynamoDBVisitorCounts(self._client, "IdempotencyTable"), self.galleries)
        counter = self._queued_counters(
            self._queued_repository, _Galleries(self.galleries), salts, WINDOW, archives=True
        )
        return QueuedCounter(counter, self._notes(self.galleries), watch, lambda *_: None)

    # -- folding ---------------------------------------------------------------------------------------------------

    def _fold(self, chance: random.Random) -> None:
        """Folds trees while they are counted in, by two processes at once that may die."""
        while not self._counting.is_set():
            time.sleep(chance.random() * 0.03)
            try:
                for image in self.galleries.get_images(GALLERY, [chance.choice([HOT, HOT, LASTING, REMADE])]).values():
                    key = CounterKey(GALLERY, image.image_id, image.incarnation)
                    root = self.counters.find_shard(ShardKey(key, ROOT))
                    if root.state == "split" and self.counters.fold(key, root.tree, self.clock).state == "open":
                        self.folded += 1
            except (Unavailable, Crash):
                continue

    # -- the merchant ----------------------------------------------------------------------------------------------

    def _remake(self, chance: random.Random) -> None:
        """Deletes an image and makes it again, twice, and changes another and the order meanwhile."""
        for round_, policy in enumerate(("trending_rate", chance.choice(["interest", "smoothed_rate"]))):
            if not self._experiments:
                self._until_done(partial(self._order_by, Ranking(policy, lab_share=0.2)))
                self._until_done(partial(self._boost, f"tag {round_}"))
            elif self._compares_twice and round_ == 1:
                self._until_done(self._end_experiment)
                self._until_done(partial(self._compare, Ranking(policy)))
            time.sleep(chance.random() * 0.1)
            self._until_done(lambda: delete_image(self.galleries, _Counters(self.counters), GALLERY, REMADE))
            self._until_done(lambda: self._put(REMADE))
            self._until_done(lambda: self._put(LASTING, tag=f"tag {chance.randint(0, 1)}"))
            self._until_done(partial(self._pin, HOT, round_ + 1))

    def _compare(self, ranking: Ranking) -> None:
        time.sleep(0.02)
        live = find_gallery(self.galleries, GALLERY).live.ranking
        arms = (live, ranking if ranking != live else Ranking("newest"))
        started = start_experiment(self.galleries, self.tasks, GALLERY, "spring", arms, mode=self._mode, now=self.clock)
        if started.experiment:
            self._numbers.add(started.experiment.number)

    def _end_experiment(self) -> None:
        end_experiment(self.galleries, _Counters(self.counters), self.tasks, GALLERY, "spring", now=self.clock)

    def _boost(self, tag: str) -> None:
        put_gallery(self.galleries, self.tasks, GALLERY, {"rules": (Rule("boost", tag),)}, now=self.clock)

    def _put(self, *image_ids: str, tag: str = "tag 1") -> None:
        drafts = [
            ImageDraft(image_id, Description(image_id, f"https://pictures.example/{image_id}", START, tags=(tag,)))
            for image_id in image_ids
        ]
        put_images(self.galleries, GALLERY, drafts, new_incarnation=lambda: uuid4().hex[:12])

    def _order_by(self, ranking: Ranking) -> None:
        change_ranking(self.galleries, self.tasks, GALLERY, ranking, reason="changed", now=self.clock)

    def _pin(self, image_id: str, position: int) -> None:
        change_image(self.galleries, GALLERY, image_id, lambda image: image._replace(pinned_position=position))

    def _until_done(self, act: Callable[[], Any]) -> None:
        for _ in range(_ATTEMPTS):
            try:
                act()
            except NotFound:
                return
            except (Unavailable, Conflict, Crash):
                continue
            else:
                return
        raise Violation("the merchant never got through")

    # -- consumers of the counters' stream -------------------------------------------------------------------------

    def _consume(self, chance: random.Random) -> None:
        attempts = 0
        put_off = self._new_put_off()
        while True:
            is_last = self._counting.is_set()
            changes = self._next_changes(chance)
            self._run_a_task(chance)
            now = self._let_time_pass(PAUSE if is_last and not changes else chance.randint(0, 5))
            self._catch_up(now)
            if not changes:
                if is_last and not self._unfinished():
                    return
                time.sleep(0.02)
                continue
            if chance.random() < 0.1:
                self._deliver_again(changes)
                continue
            attempts += 1
            if attempts > _ATTEMPTS * 10:
                raise Violation("the consumers never came to an end")
            try:
                done = put_off.follow(changes, now, self._recompute, self._put_off)
            except Crash:
                put_off = self._new_put_off()
                self._deliver_again(changes)
            else:
                self._deliver_again([CounterChange(key, None) for key in done.set_aside])

    def _recompute(self, changes: Iterable[CounterChange]) -> Recomputed:
        done = recompute_weights(
            self.counters, partial(show_totals, self.galleries), changes, on_failure=lambda _: None, now=self.clock
        )
        for gallery in done.priors_off:
            self.tasks.fit_prior(gallery)
        return done

    def _new_put_off(self) -> PutOff:
        return self._put_offs(partial(leading_images, self.galleries), tolerance=TOLERANCE)

    def _let_time_pass(self, seconds: int) -> float:
        with self._lock:
            self._seconds += seconds
            return self._seconds

    def _put_off(self, keys: Sequence[CounterKey], delay_seconds: int) -> None:
        with self._lock:
            self._messages.append((self._seconds + delay_seconds, list(keys)))

    def _catch_up(self, now: float) -> None:
        """Bring images up to date whose messages are due. What fails comes again, and may have come in vain."""
        with self._lock:
            due = [keys for at, keys in self._messages if at <= now]
            self._messages = [(at, keys) for at, keys in self._messages if at > now]
        for keys in due:
            try:
                done = self._recompute([CounterChange(key, None) for key in keys])
            except Crash:
                self._deliver_again([CounterChange(key, None) for key in keys])
            else:
                self._deliver_again([CounterChange(key, None) for key in done.set_aside])

    def _run_a_task(self, chance: random.Random) -> None:
        """A task, which comes again where it fails. Scores are forgotten last, once nobody pages through them."""
        with self._lock:
            urgent = [task for task in self.tasks.waiting if task[0] != "forget_order"]
            if not urgent:
                return
            task = chance.choice(urgent)
            self.tasks.waiting.remove(task)
            if chance.random() < 0.1:
                self.tasks.waiting.append(task)
        try:
            self._do(*task)
        except (Unavailable, Crash):
            with self._lock:
                self.tasks.waiting.append(task)

    def _do(self, task: str, version: int | None) -> None:
        counters = _Counters(self.counters)
        if task == "fit_prior":
            fit_prior(self.galleries, self.tasks, GALLERY, now=self.clock)
        elif task == "make_order":
            galleries = cast("DynamoDBGalleries", _PatientGalleries(self.galleries, self._reading))
            maker = OrderMaker(galleries, counters, self.tasks)
            maker.make(GALLERY, version or 0, None, lambda: True, now=self.clock)
        else:
            forget_order(self.galleries, GALLERY, version or 0, None, lambda: True)

    def _unfinished(self) -> bool:
        return bool(self._messages or self._deliveries) or any(task != "forget_order" for task, _ in self.tasks.waiting)

    def _read(self, chance: random.Random) -> None:
        """Reads the order of either arm while orders are made anew: it is always whole."""
        while not self._counting.is_set():
            time.sleep(chance.random() * 0.05)
            with self._reading:
                try:
                    gallery = find_gallery(self.galleries, GALLERY)
                    time.sleep(chance.random() * 0.05)
                    arms = (gallery.live, gallery.next if gallery.experiment and gallery.experiment.is_ready else None)
                    read = read_order(self.galleries, gallery, 10, None, chance.choice(arms))
                except (Unavailable, Crash):
                    continue
            seen = Counter(place.image.image_id for place in read.placed)
            _must({HOT, LASTING} <= set(seen) and max(seen.values()) == 1, f"a reader saw {seen}")

    def _next_changes(self, chance: random.Random) -> list[CounterChange]:
        """Some records of the stream: each comes once to three times, in any order."""
        with self._lock:
            for record in self._new_records():
                if is_frozen(record):
                    continue
                change = CounterChange(counter_key(record), whole_count(record))
                self._deliveries += [change] * chance.randint(1, 3)
            chance.shuffle(self._deliveries)
            taken = chance.randint(1, 12)
            changes, self._deliveries = self._deliveries[:taken], self._deliveries[taken:]
        return changes

    def _new_records(self) -> list[dict[str, Any]]:
        with self.driver.undisturbed():
            response = self._streams.get_records(ShardIterator=self._stream_position)
        self._stream_position = response["NextShardIterator"]
        return [record["dynamodb"]["NewImage"] for record in response["Records"]]

    def _deliver_again(self, changes: Sequence[CounterChange]) -> None:
        with self._lock:
            self._deliveries += changes

    # -- the judge -------------------------------------------------------------------------------------------------

    def _judge(self) -> None:
        ledger = self.driver.ledger
        _must(max(max(marks.values()) for marks in ledger.marks.values()) == 1, "an event was counted twice")
        for image_id in (HOT, LASTING):
            [counters] = [counter for counter in ledger.marks if counter[0].endswith(f"/{image_id}")]
            acknowledged = {
                event.event_id
                for event in self.events.values()
                if event.image_id == image_id and self.responses[event.event_id].keys() & {"accepted", "duplicate"}
            }
            unanswered = {
                event_id
                for turn, event_ids in self._turns["unanswered"].items()
                if turn.image_id == image_id
                for event_id in event_ids
            }
            counted = ledger.views[counters] + ledger.clicks[counters]
            most = len(acknowledged | unanswered)
            _must(counted >= len(acknowledged), f"{image_id}: {len(acknowledged) - counted} events were lost")
            _must(counted <= most, f"{image_id}: {counted - most} events were counted twice")
        for event_id, statuses in self.responses.items():
            _must("queued" not in statuses or len(statuses) > 1, f"{event_id} was queued and never counted")
        self._judge_turns()
        images = self.galleries.get_images(GALLERY, [HOT, LASTING, REMADE])
        for image in images.values():
            counters = f"{GALLERY.merchant_id}/{GALLERY.gallery_id}/{image.image_id}", image.incarnation
            counted_totals = Totals(ledger.views[counters], ledger.clicks[counters])
            _must(image.totals == counted_totals, f"{image.image_id} shows {image.totals}, counted {counted_totals}")
        gallery = self.galleries.find_gallery(GALLERY)
        assert gallery
        whole = Totals(ledger.views.total(), ledger.clicks.total())
        _must(gallery.totals == whole, f"the gallery shows {gallery.totals}, counted {whole}")
        hours = self.galleries.list_hours(gallery, datetime(2000, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC))
        by_time = Totals(sum(hour.totals.views for hour in hours), sum(hour.totals.clicks for hour in hours))
        _must(by_time == whole, f"the hours sum to {by_time}, counted {whole}")
        _must(gallery.images == len(images) == 3, f"the gallery holds {len(images)} images and says {gallery.images}")
        _must(not gallery.settling, f"notes are left: {gallery.settling}")
        is_ready = gallery.experiment is not None and gallery.experiment.is_ready
        _must(gallery.next is None or is_ready, "the order that was asked for is not made")
        self._judge_visits()
        _must(gallery.live.rules == gallery.rules, f"rules {gallery.live.rules} are in force, not {gallery.rules}")
        for task in self.tasks.waiting:
            self._do(*task)
        for image in self.galleries.get_images(GALLERY, [HOT, LASTING, REMADE]).values():
            versions = {version.number for version in gallery.versions}
            _must({score.version for score in image.scores} == versions, f"scores are left: {image.scores}")
        audit = audit_gallery(self.galleries, _Counters(self.counters), GALLERY, now=self.clock)
        _must(not audit.mismatched, f"audit: {audit.mismatched}")

    def _judge_visits(self) -> None:
        """An acknowledged click of a running experiment is noted for its visitor in its arm, and nowhere else."""
        clicks = [event for event in self.events.values() if event.type == "click" and event.session_id]
        if self._mode == "interleave":
            self._judge_votes(clicks)
            return
        for number in self._numbers:
            for at in (0, 1):
                noted = {
                    (item["sk"]["S"], bytes(mark))
                    for item in self.galleries._all_visits(GALLERY, f"{number}.{at}")
                    for mark in item.get("clicks", {}).get("BS", ())
                }
                sent = {
                    (visitor_mark(event.session_id or "", "secret"), click_mark(event, "secret")): event.event_id
                    for event in clicks
                    if arm_of("secret", event.session_id or "", f"{GALLERY.gallery_id}/spring") == at
                }
                _must(noted <= sent.keys(), f"arm {at} has clicks of others")
                acknowledged = {
                    visit
                    for visit, event_id in sent.items()
                    if self.responses[event_id].keys() & {"accepted", "duplicate"}
                }
                lost = acknowledged - noted
                _must(len(self._numbers) > 1 or not lost, f"arm {at} lost {len(lost)} clicks of its visitors")

    def _judge_votes(self, clicks: Sequence[Event]) -> None:
        """An acknowledged click is noted for the arm that placed the image; a visitor's first vote stays."""
        for number in self._numbers:
            arms = {f"{number}.{team}": team for team in TEAMS}
            items = {item["sk"]["S"]: item for item in self.galleries._all_visits(GALLERY, f"{number}.0")}
            noted = {
                (visitor, bytes(mark))
                for visitor, item in items.items()
                for mark in item.get("clicks", {}).get("BS", ())
            }
            sent = {
                (visitor_mark(event.session_id or "", "secret"), click_mark(event, "secret", arms[event.arm])): event
                for event in clicks
                if event.arm in arms
            }
            _must(noted <= sent.keys(), "an arm has clicks of others")
            acknowledged = {
                visit
                for visit, event in sent.items()
                if self.responses[event.event_id].keys() & {"accepted", "duplicate"}
            }
            lost = acknowledged - noted
            _must(len(self._numbers) > 1 or not lost, f"the arms lost {len(lost)} clicks of their visitors")
            _must(
                {visitor for visitor, item in items.items() if "vote" in item} == {visitor for visitor, _ in noted},
                "votes",
            )
            for visitor, item in items.items():
                first = self.driver.ledger.votes.get(
                    (f"{GALLERY.merchant_id}/{GALLERY.gallery_id}/{number}.0", visitor)
                )
                _must(item.get("vote", {}).get("N") == first, f"{visitor} voted {first} and changed")

    def _judge_turns(self) -> None:
        """A visitor of a page counts once an hour, and is filtered only for what did count."""
        accepted, filtered, unanswered = (self._turns[outcome] for outcome in ("accepted", "filtered", "unanswered"))
        for turn, event_ids in accepted.items():
            if turn.image_id != REMADE:
                _must(len(event_ids) == 1, f"{turn} was taken by {event_ids}")
        for turn, event_ids in filtered.items():
            _must(turn in accepted or turn in unanswered, f"{turn} was taken by nobody and {event_ids} filtered")


def _must(holds: bool, otherwise: str) -> None:
    if not holds:
        raise Violation(otherwise)
