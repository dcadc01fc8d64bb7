"""What counting needs from outside."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol

from vitrine.engagement.model import COUNTERS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from collections.abc import Set as AbstractSet
    from datetime import date, datetime

    from vitrine.engagement.model import PendingEvent, Rules, Shard, Slots
    from vitrine.engagement.prepared import PreparedBatch
    from vitrine.galleries.model import Counts, GalleryKey, Suspect, Totals


class CountedEvents(NamedTuple):
    """The events were counted. `full`: the shard costs more than one unit per write."""

    full: bool


class CounterKey(NamedTuple):
    """The counters of one incarnation of an image."""

    gallery: GalleryKey
    image_id: str
    incarnation: str


class ShardKey(NamedTuple):
    """A shard of an image's counters. `tree` is the number of the tree that it is in; 0 for the root."""

    counters: CounterKey
    path: str
    tree: int = 0


class Archived(NamedTuple):
    """What archives hold: marks, and the numbers of trees that were folded, whose shards hold more."""

    marks: AbstractSet[bytes]
    trees: AbstractSet[int] = frozenset()


class Look(NamedTuple):
    """How many events, robots' included, an image had counted when it was looked at."""

    at: datetime
    events: int


class ShardState(NamedTuple):
    """What a shard had counted at `at` (seconds since 1970). `amounts` are its numbers by their stored names.

    `tree` is the number of its tree; of a root, how many trees it has taken the totals of.
    """

    key: ShardKey
    at: int
    is_closed: bool
    amounts: Mapping[str, int]
    tree: int = 0

    @property
    def age(self) -> tuple[int, bool, int]:
        """What grows with each change of a shard: its totals do, also within a second."""
        return self.at, self.is_closed, sum(self.amounts.get(name, 0) for name in COUNTERS)


class History(Protocol):
    """Stores states of shards by gallery and hour."""

    def store(self, gallery: GalleryKey, hour: int, batch: str, states: Sequence[ShardState]) -> None:
        """Store states of an hour, which began at `hour` (seconds since 1970), under the name of their batch."""

    def read(self, gallery: GalleryKey, until: int) -> Iterable[ShardState]:
        """Return all states of the hours that began before a moment, in any order, some perhaps repeatedly."""


class CounterRepository(Protocol):
    """Stores the shards of counters."""

    def count(
        self, key: ShardKey, events: Sequence[PendingEvent], slots: Slots, archives: int = 0
    ) -> CountedEvents | Shard:
        """Count all events in one write, if the shard is open or new and holds no mark that excludes one of them.

        Otherwise, or if the shard has another number of archives, count nothing and return the shard. The given events
        must not exclude each other.
        """

    def find_shard(self, key: ShardKey) -> Shard:
        """Return a shard (a consistent read); one that does not exist yet is open and empty."""

    def split(self, key: ShardKey) -> Shard:
        """Freeze an open shard, so that its children take over; return the shard."""

    def archive(self, key: ShardKey, now: datetime) -> Shard:
        """Move the marks of an open shard into an archive, unless another writer changes it; return the shard."""

    def read_archives(self, key: ShardKey, first: int, since: datetime) -> Archived:
        """Return what a shard's archives hold, from number `first` on, that were made since a moment, perhaps more."""

    def read_folded(self, key: CounterKey, tree: int, paths: Iterable[str], since: datetime) -> AbstractSet[bytes]:
        """Return the marks of a folded tree's shards on these events' paths, perhaps without archives from before."""

    def fold(self, key: CounterKey, tree: int, now: datetime) -> Shard:
        """Move the totals of this tree into the root and open it, unless that is done; return the root.

        May be repeated and executed by several at a time; `now` may be up to 15 minutes ago. The root is returned as
        `closed` if the image is being deleted.
        """

    def close(self, key: CounterKey) -> None:
        """Take no more events, and leave tombstones for as long as a writer may still try."""

    def read(self, keys: Sequence[CounterKey]) -> dict[CounterKey, Counts]:
        """Return absolute counts over all shards (a consistent read); no entry if nothing was counted."""


class CooledCounters(Protocol):
    """Counters that are split, and may fold."""

    def fold(self, key: CounterKey, tree: int, now: datetime) -> Shard:
        """As in CounterRepository."""

    def look(self, key: CounterKey, now: datetime) -> tuple[Shard, Look | None, Look]:
        """Return the root, the latest look that was noted of its tree, and that of now."""

    def note_look(self, key: CounterKey, tree: int, look: Look) -> None:
        """Store a look, if the root is still split into this tree."""

    def expire(self, key: CounterKey, tree: int, now: datetime) -> None:
        """Have the shards of a folded tree deleted once no event needs their marks."""


class Galleries(Protocol):
    """What counting needs from the galleries."""

    def find_incarnations(self, gallery: GalleryKey, image_ids: Iterable[str]) -> Mapping[str, str]:
        """Return the incarnations of those images that exist (a consistent read)."""

    def find_rules(self, gallery: GalleryKey) -> Rules:
        """Return how the gallery counts; the defaults if it does not exist."""


class EventQueue(Protocol):
    """Keeps events until they are counted."""

    def store(self, batch: PreparedBatch) -> None:
        """Store all events of a batch; each is delivered once or more. Raises Unavailable; then some may be stored."""


class VisitorCounts(Protocol):
    """Counts of single visitors that may be automated, shared by all processes for some hours."""

    def add(self, gallery: GalleryKey, visitor: str, hour: int, counted: Totals) -> Totals:
        """Add to the counts of a visitor's hour and return all of them. Raises Unavailable."""


class Suspects(Protocol):
    """Stores visitors whose events look automated."""

    def add_suspect(self, key: GalleryKey, suspect: Suspect) -> None:
        """Store a suspect of an existing gallery, unless the visitor is stored already or trusted."""


class Salts(Protocol):
    """Random daily salts, deleted some days later."""

    def salt_of(self, day: date) -> bytes:
        """Return the salt of a day: 32 bytes, the same for all callers."""
