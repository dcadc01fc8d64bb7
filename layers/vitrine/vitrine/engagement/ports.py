"""What counting needs."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vitrine.engagement.model import Hit, Shard, Slots
    from vitrine.galleries.model import Counted, GalleryKey


class Absorbed(NamedTuple):
    """The hits are counted. `full` when the shard costs more than one unit a write."""

    full: bool


class CounterKey(NamedTuple):
    """The counters of one image."""

    gallery: GalleryKey
    image_id: str


class ShardKey(NamedTuple):
    """A shard of an image's counters. The root's incarnation is not part of its key and is empty here."""

    counters: CounterKey
    incarnation: str
    path: str


class CounterStore(Protocol):
    """Shards of counters."""

    def absorb(self, key: ShardKey, hits: Sequence[Hit], slots: Slots) -> Absorbed | Shard | None:
        """Count all `hits` at once if the shard is open and holds none of them.

        Otherwise nothing is counted and the answer is the shard as it stands, or None when there is none.
        """
        ...

    def open_root(self, key: CounterKey, incarnation: str) -> None:
        """Begin counting an incarnation: a root where there is none, or where a closed one of another stands."""
        ...

    def close_root(self, key: CounterKey, incarnation: str) -> None:
        """Take no more events for the incarnation, and remember so for as long as anyone may still try."""
        ...

    def split(self, key: ShardKey) -> None:
        """Freeze a shard and open its children. Harmless when it is split already."""
        ...

    def read(self, keys: Sequence[CounterKey]) -> dict[CounterKey, Counted]:
        """Absolute totals of all shards, read consistently; nothing for images never counted."""
        ...


class Images(Protocol):
    """What counting asks of the galleries."""

    def find_incarnation(self, gallery: GalleryKey, image_id: str) -> str | None:
        """The image's incarnation, read consistently; None when there is no such image."""
        ...
