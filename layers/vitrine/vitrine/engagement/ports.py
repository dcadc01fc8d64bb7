"""What counting needs from outside."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import date

    from vitrine.engagement.model import PendingEvent, Rules, Shard, Slots
    from vitrine.galleries.model import Counts, GalleryKey


class CountedEvents(NamedTuple):
    """The events were counted. `full`: the shard costs more than one unit per write."""

    full: bool


class CounterKey(NamedTuple):
    """The counters of one incarnation of an image."""

    gallery: GalleryKey
    image_id: str
    incarnation: str


class ShardKey(NamedTuple):
    """A shard of an image's counters."""

    counters: CounterKey
    path: str


class CounterRepository(Protocol):
    """Stores the shards of counters."""

    def count(self, key: ShardKey, events: Sequence[PendingEvent], slots: Slots) -> CountedEvents | Shard:
        """Count all events in one write, if the shard is open or new and holds no mark that excludes one of them.

        Otherwise count nothing and return the shard. The given events must not exclude each other.
        """
        ...

    def find_shard(self, key: ShardKey) -> Shard:
        """Return a shard (a consistent read); one that does not exist yet is open and empty."""
        ...

    def split(self, key: ShardKey) -> Shard:
        """Freeze an open shard, so that its children take over; return the shard."""
        ...

    def close(self, key: CounterKey) -> None:
        """Take no more events, and leave tombstones for as long as a writer may still try."""
        ...

    def read(self, keys: Sequence[CounterKey]) -> dict[CounterKey, Counts]:
        """Return absolute counts over all shards (a consistent read); no entry if nothing was counted."""
        ...


class Galleries(Protocol):
    """What counting needs from the galleries."""

    def find_incarnations(self, gallery: GalleryKey, image_ids: Iterable[str]) -> Mapping[str, str]:
        """Return the incarnations of those images that exist (a consistent read)."""
        ...

    def find_rules(self, gallery: GalleryKey) -> Rules:
        """Return how the gallery counts; the defaults if it does not exist."""
        ...


class Salts(Protocol):
    """Random daily salts, deleted some days later."""

    def salt_of(self, day: date) -> bytes:
        """Return the salt of a day: 32 bytes, the same for all callers."""
        ...
