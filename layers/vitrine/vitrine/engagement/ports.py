"""What counting needs."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import date

    from vitrine.engagement.model import PendingEvent, Rules, Shard, Slots
    from vitrine.galleries.model import Counts, GalleryKey


class CountedEvents(NamedTuple):
    """The hits are counted. `full` when the shard costs more than one unit a write."""

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
    """Shards of counters."""

    def count(self, key: ShardKey, hits: Sequence[PendingEvent], slots: Slots) -> CountedEvents | Shard:
        """Count all `hits` at once if the shard is open, or not there yet, and holds no mark that refuses one.

        No hit's marks refuse another's. Otherwise nothing is counted and the answer is the shard as it stands.
        """
        ...

    def find_shard(self, key: ShardKey) -> Shard:
        """How a shard stands, read consistently; one that is not there yet is open and empty."""
        ...

    def split(self, key: ShardKey) -> Shard:
        """Freeze an open shard, so that its children take over; answers how the shard stands."""
        ...

    def close(self, key: CounterKey) -> None:
        """Take no more events, and remember so for as long as anyone may still try."""
        ...

    def read(self, keys: Sequence[CounterKey]) -> dict[CounterKey, Counts]:
        """Absolute counts of all shards, read consistently; nothing for what was never counted."""
        ...


class Galleries(Protocol):
    """What counting asks of the galleries."""

    def find_incarnations(self, gallery: GalleryKey, image_ids: Iterable[str]) -> Mapping[str, str]:
        """The incarnations of the images there are of these, read consistently."""
        ...

    def find_rules(self, gallery: GalleryKey) -> Rules:
        """What the gallery says of counting; of one that is not there, what most say."""
        ...


class Salts(Protocol):
    """Random salts of the days, which nobody has any more some days later."""

    def salt_of(self, day: date) -> bytes:
        """The salt of a day: 32 bytes, the same for everybody who asks."""
        ...
