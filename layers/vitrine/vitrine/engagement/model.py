"""Events, and how each is counted exactly once. Pure.

**Counting.** The counters of an image are shards: items that hold totals and the marks of the events they counted.
One conditional write adds events to a shard if it holds none of their marks, so an event is counted and remembered by
the same write or not at all. The first event of a shard creates it.

**Marks.** A mark is a keyed digest of 8 bytes. An event has up to three: one of its visitor and its id, which detects
a resend; one of the user it names, which tells whose event was counted; and, if a visitor counts once an hour, one of
the visitor, the event's type and the hour, which excludes the visitor's next event.

**Paths.** All marks that a write looks for must be in the same shard. So if a visitor counts once an hour, the visitor
alone decides the shard; if each event counts, the visitor and the event's id decide it.

**Cost.** A write costs one unit per kilobyte of its shard. A shard that costs more than one unit splits: it is frozen,
and later events go to sixteen children by the next digit of their path (extendible hashing, Fagin et al. 1979,
doi 10.1145/320083.320092). So a write costs one unit however popular the image is.

**Memory.** Marks are stored in a ring of slots by time of arrival. Each write clears the slot whose marks are no
longer needed, so a shard remembers every event while an event of its age is accepted, and every visitor for the hour.
Events from a queue have a slot of their own, which no write clears: they may be delivered again days later.

**Folding.** When a split image has cooled, its tree of shards is frozen and the root takes the sum, so that it is one
item again. The frozen tree stays for its marks, as an archive does.

**Archives.** Who counts many events in one write does not split a full shard: its marks move to an item of their own,
an archive, and the shard stays where it is. A write is refused if the shard has more archives than the writer knows.
"""

from __future__ import annotations

import hashlib
from datetime import UTC, timedelta
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Literal, NamedTuple, get_args

from vitrine.ranking.decay import KIND_OF, Kind, SumKey, amount_at, sum_at
from vitrine.ranking.experiments import arm_of
from vitrine.ranking.model import HALF_LIFE_DAYS

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Mapping, Sequence
    from datetime import date, datetime

    from vitrine.galleries.model import Experiment
    from vitrine.ranking.decay import EventType
    from vitrine.ranking.interleaving import Team
    from vitrine.ranking.lab import LabVisitor

Status = Literal["accepted", "duplicate", "expired", "filtered", "queued", "rejected"]

Counter = Kind | Literal["robots"]
COUNTERS: Sequence[Counter] = (*get_args(Kind), "robots")


class ArmKey(NamedTuple):
    """Which events a sum holds: views or clicks by visitors of an arm of an experiment."""

    kind: Kind
    arm: str


class ApartKey(NamedTuple):
    """Which events a sum holds: views or clicks by visitors of the lab or by suspects."""

    group: Literal["lab", "suspect"]
    kind: Kind


Sum = SumKey | ArmKey | ApartKey

MARK_BYTES = 8
DEEPEST_PATH = 3
MARKS_IN_A_WRITE = 22  # each takes up to 13 of the 300 operators that DynamoDB allows in a condition
FUTURE_TOLERANCE = timedelta(minutes=5)
HOUR = timedelta(hours=1)
_CLOCK_SKEW = timedelta(minutes=1)
ROOT = ""

_RING = "abcde"
_LASTING = "f"
SLOTS = (*_RING, _LASTING)
_SLOTS_PER_WINDOW = 2
_TELLING_CLICKS = 30
_MOST_CLICKS = 300
_MOST_VIEWS = 3000


class Event(NamedTuple):
    """Something a shopper did to an image. A tuple, which is created faster than a dataclass.

    `search_id` names the search that found it, `previous_search_id` the search that the shopper tried before.
    """

    event_id: str
    type: EventType
    image_id: str
    occurred_at: datetime | None = None
    user_id: str | None = None
    session_id: str | None = None
    position: int | None = None
    arm: str | None = None
    search_id: str | None = None
    previous_search_id: str | None = None


class Result(NamedTuple):
    """The outcome of an event.

    `for_user`: the event was counted, now or before, for the user it names. False for a duplicate that names another.
    """

    event_id: str
    status: Status
    detail: str | None = None
    for_user: bool = False


class SourcePage(NamedTuple):
    """The web page that events come from. Its reader is the visitor of events that name no session."""

    source_address: str
    user_agent: str


class Visitor(NamedTuple):
    """The sender of an event.

    `names` go into marks: the current name first, then those under which the event may have been counted before.
    `lasting` goes into paths; None for a shop's server, whose events have no visitor unless they name a session.
    """

    lasting: str | None
    names: tuple[str, ...]


class Trace(NamedTuple):
    """The marks of an event, and of the event with its user, under one name of its visitor."""

    event: bytes
    user: bytes | None


class PendingEvent(NamedTuple):
    """An event that waits for its shard. `at` is its index in the request.

    A shard remembers the first of `traces`. `once` is the mark that excludes the visitor's next event of the hour;
    None if each event counts. `sums` are what the event adds besides its counter.
    """

    at: int
    counter: Counter
    path: str
    traces: tuple[Trace, ...]
    once: bytes | None
    sums: tuple[tuple[Sum, int], ...] = ()

    @property
    def refused_by(self) -> list[bytes]:
        """The marks that exclude the event from a shard that holds one of them."""
        marks = [trace.event for trace in self.traces]
        return marks if self.once is None else [*marks, self.once]

    @property
    def remembered(self) -> list[bytes]:
        """The marks that a shard stores when it counts the event."""
        marks = (*self.traces[0], self.once)
        return [mark for mark in marks if mark is not None]


class Rules(NamedTuple):
    """How a gallery counts.

    `every_event`: count every event of a visitor instead of one an hour. `half_life_days`: how fast events age.
    `lab_share`: the share of visitors who see a random order under the ranking's `version`. `suspects`: the marks of
    visitors whose events count in totals and in no rate. Without the gallery these are the defaults.
    """

    every_event: bool = False
    half_life_days: int = HALF_LIFE_DAYS
    lab_share: float = 0.0
    version: int = 1
    experiment: Experiment | None = None
    suspects: frozenset[str] = frozenset()
    has_gallery: bool = True

    @property
    def is_interleaved(self) -> bool:
        """Whether visitors see pages that both arms of an experiment make, which learn from all events."""
        return self.experiment is not None and self.experiment.mode == "interleave"

    def is_suspect(self, lasting: str | None, page: SourcePage | None, secret: str) -> bool:
        """Return whether the visitor of this lasting name is a suspect. Never for events that a shop's server sends."""
        if not self.suspects or page is None or lasting is None:
            return False
        return visitor_mark(lasting, secret) in self.suspects

    def arm_of(self, event: Event, gallery_id: str, secret: str) -> str | None:
        """Return the experiment arm of the event's visitor, or of its image on an interleaved page.

        None without an experiment or a visitor, and for images that no arm of this experiment placed.
        """
        if self.experiment is None or event.session_id is None:
            return None
        if self.is_interleaved:
            return event.arm if self.experiment.team_of(event.arm) is not None else None
        return self.experiment.arm(arm_of(secret, event.session_id, f"{gallery_id}/{self.experiment.experiment_id}"))


class Exclusion(NamedTuple):
    """Why a shard does not count an event."""

    status: Literal["duplicate", "filtered"]
    for_user: bool = False


class Slots(NamedTuple):
    """The slots of the ring to write to, to search and to clear at a moment."""

    current: str
    remembered: tuple[str, ...]
    expired: tuple[str, ...]


class Shard(NamedTuple):
    """The state of a shard. `marks` are those of all its slots; `archives` is how often they were archived.

    A shard is `folded` if it is frozen so that the root can take its totals. `tree` is the number of the tree below a
    root: how many trees were folded before.
    """

    state: Literal["open", "split", "folded", "closed"]
    marks: frozenset[bytes]
    archives: int = 0
    tree: int = 0


def reader_names(page: SourcePage, salts: Iterable[bytes]) -> tuple[str, ...]:
    """Return the names of a page's reader, a digest of address and user agent for each day's salt (see `days_of`)."""
    return tuple(f"reader:{_digest(salt, b'reader', _reader(page), size=16).hex()}" for salt in salts)


def visitor_of(event: Event, lasting: str | None, readers: tuple[str, ...]) -> Visitor:
    """Return an event's visitor: its session, else the reader of the page, else (no readers) a shop's server."""
    if event.session_id is not None and lasting is not None:
        return Visitor(lasting, (lasting,))
    return Visitor(lasting, readers or ("server",))


def lasting_names(events: Iterable[Event], page: SourcePage | None, merchant_secret: str) -> list[str | None]:
    """Return the names of events' visitors that stay the same from day to day; None for a shop's server."""
    reader = None if page is None else _digest(merchant_secret.encode(), b"lasting", _reader(page)).hex()
    return [reader if event.session_id is None else f"session:{event.session_id}" for event in events]


def _reader(page: SourcePage) -> str:
    return f"{page.source_address}\n{page.user_agent}"


def days_of(now: datetime, window: timedelta) -> list[date]:
    """Return the days whose salts may have counted a reader's event: the current day, then the others."""
    today, last = now.astimezone(UTC).date(), (now + _CLOCK_SKEW).astimezone(UTC).date()
    first = (now - remembered_for(window)).astimezone(UTC).date()
    days = [first + timedelta(days=offset) for offset in range((last - first).days + 1)]
    return [today, *(day for day in days if day != today)]


def pending_event(  # noqa: PLR0913 - an event's marks follow from all of these
    at: int,
    event: Event,
    counter: Counter,
    visitor: Visitor,
    *,
    merchant_secret: str,
    now: datetime,
    visitors_share: bool,
    counts_each: bool,
    sums: Iterable[tuple[Sum, int]] = (),
) -> PendingEvent:
    """Return an event with its path and marks, and the `sums` it adds to.

    `visitors_share`: the gallery counts a visitor once an hour, so all events of a visitor go to one shard, including
    those that count each (`counts_each`). Digests are keyed (BLAKE2b), so nobody can construct colliding marks.
    """
    key = merchant_secret.encode()[:64]
    by_visitor = visitors_share and visitor.lasting is not None
    owner = visitor.lasting if by_visitor else f"{visitor.lasting}\n{event.event_id}"
    traces = tuple(
        Trace(
            _digest(key, b"event", name, event.event_id),
            None if event.user_id is None else _digest(key, b"user", name, event.event_id, event.user_id),
        )
        for name in visitor.names
    )
    hour = str(int(now.timestamp() // HOUR.total_seconds()))
    return PendingEvent(
        at,
        counter,
        _digest(key, b"path", owner or "").hex()[:DEEPEST_PATH],
        traces,
        None if counts_each else _digest(key, b"once", visitor.names[0], counter, hour),
        tuple(sums),
    )


def sums_of(  # noqa: PLR0913 - each of these decides about a sum
    counter: Counter, rules: Rules, lab: LabVisitor | None, arm: str | None, now: datetime, *, suspect: bool
) -> dict[Sum, int]:
    """Return what an event adds besides its counter: a total of suspects or the lab, or an aged sum and an arm's.

    Arms that split visitors have aged sums of their own; those that share pages learn from the same.
    """
    if counter == "robots":
        return {}
    if suspect:
        return {ApartKey("suspect", counter): 1}
    if lab is not None and lab.is_in_lab(rules.lab_share):
        return {ApartKey("lab", counter): 1}
    seconds = now.timestamp()
    learning = "" if arm is None or rules.is_interleaved else arm
    aged = sum_at(counter, rules.half_life_days, seconds, learning)
    sums: dict[Sum, int] = {aged: amount_at(rules.half_life_days, seconds)}
    if arm is not None:
        sums[ArmKey(counter, arm)] = 1
    return sums


@lru_cache(maxsize=4096)
def visitor_mark(name: str, merchant_secret: str) -> str:
    """Return the digest by which a visitor is stored; it reveals nothing without the secret."""
    return _digest(merchant_secret.encode(), b"visitor", name, size=16).hex()


def suspicion(views: int, clicks: int) -> str | None:
    """Return why no person sends this many events within an hour; None if a person may.

    Each image counts once an hour, so these are different images. Shoppers click 1 to 5 % of what they see.
    """
    if clicks >= _TELLING_CLICKS and clicks * 2 > views:
        return f"clicked {clicks} images of {views} seen within an hour"
    if clicks > _MOST_CLICKS:
        return f"clicked {clicks} images within an hour"
    if views > _MOST_VIEWS:
        return f"viewed {views} images within an hour"
    return None


def click_mark(event: Event, merchant_secret: str, team: Team | None = None) -> bytes:
    """Return the digest by which experiments store a click, on an interleaved page with a byte for the arm."""
    digest = _digest(merchant_secret.encode(), b"click", event.event_id, event.image_id)
    return digest if team is None else digest + bytes([team])


def _digest(key: bytes, purpose: bytes, *parts: str, size: int = MARK_BYTES) -> bytes:
    text = "\n".join(parts).encode("utf-8", "surrogatepass")
    return hashlib.blake2b(text, key=key[:64], person=purpose, digest_size=size).digest()


def judge(event: PendingEvent, held: Container[bytes]) -> Exclusion | None:
    """Return why a shard with these marks must not count the event; None if it must."""
    for trace in event.traces:
        if trace.event in held:
            return Exclusion("duplicate", for_user=trace.user is not None and trace.user in held)
    return Exclusion("filtered") if event.once in held else None


def in_writes(events: Iterable[PendingEvent]) -> tuple[list[list[PendingEvent]], list[PendingEvent]]:
    """Divide events into writes; also return those that must wait for an earlier event that may exclude them."""
    writes: list[list[PendingEvent]] = []
    waiting: list[PendingEvent] = []
    taken: set[bytes] = set()
    room = 0
    for event in sorted(events, key=lambda event: event.at):
        marks = event.refused_by
        if not taken.isdisjoint(marks):
            waiting.append(event)
            continue
        taken.update(marks)
        if len(marks) > room:
            writes.append([])
            room = MARKS_IN_A_WRITE
        writes[-1].append(event)
        room -= len(marks)
    return writes, waiting


def counter_of(event: Event, *, from_robot: bool) -> Counter:
    """Return the counter that an event adds to."""
    return "robots" if from_robot else KIND_OF[event.type]


def tally(names: Iterable[str]) -> dict[str, int]:
    """Count each name. `collections.Counter` is 9 µs slower for a request of one event."""
    amounts: dict[str, int] = {}
    for name in names:
        amounts[name] = amounts.get(name, 0) + 1
    return amounts


def is_expired(event: Event, now: datetime, window: timedelta) -> bool:
    """Return whether the event is older than the acceptance window."""
    return event.occurred_at is not None and event.occurred_at < now - window


def is_from_the_future(event: Event, now: datetime) -> bool:
    """Return whether the event claims a time that is further ahead than clocks can differ."""
    return event.occurred_at is not None and event.occurred_at > now + FUTURE_TOLERANCE


def slots_at(now: datetime, window: timedelta) -> Slots:
    """Return the ring's slots at a moment.

    A slot lasts half as long as a mark is needed. What arrived in slot s is needed until slot s+2, so a write searches
    the current slot and the two before it, the next one because of writers whose clock is ahead, and the lasting one.
    """
    slot_seconds = remembered_for(window).total_seconds() / _SLOTS_PER_WINDOW
    return _ring_from(int(now.timestamp() // slot_seconds) % len(_RING))


def lasting_slots_at(now: datetime, window: timedelta) -> Slots:
    """Return the slots for a writer who archives marks: it searches all, clears none, and writes where nobody does.

    So marks outlast any time that an event may wait in a queue, also beside writers who clear the ring.
    """
    return slots_at(now, window)._replace(current=_LASTING, remembered=SLOTS, expired=())


def remembered_for(window: timedelta) -> timedelta:
    """Return how long a mark is needed: while its event can be resent or its hour lasts, plus clock differences."""
    return max(window, HOUR) + FUTURE_TOLERANCE + _CLOCK_SKEW


@cache
def _ring_from(place: int) -> Slots:
    ring = [_RING[(place + offset) % len(_RING)] for offset in (-2, -1, 0, 1, 2)]
    return Slots(current=ring[2], remembered=(*ring[:4], _LASTING), expired=(ring[4],))


def by_path(events: Sequence[PendingEvent], split_paths: frozenset[str]) -> Mapping[str, list[PendingEvent]]:
    """Group events by the path of their shard, given the paths that are known to be split."""
    groups: dict[str, list[PendingEvent]] = {}
    for event in events:
        path = ROOT
        while path in split_paths and len(path) < DEEPEST_PATH:
            path = event.path[: len(path) + 1]
        groups.setdefault(path, []).append(event)
    return groups


def child_paths(path: str) -> list[str]:
    """Return the paths of a split shard's children."""
    return [path + digit for digit in "0123456789abcdef"]
