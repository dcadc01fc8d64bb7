"""Events and how they are counted exactly once. Pure.

**Counting.** The counters of an image are shards: items that hold totals and the digests of the event ids they
absorbed. One conditional write adds events to a shard if it holds none of them, so an event is counted and
remembered by the same write or not at all. The shard of an event follows from its id alone, so a resend meets
the same shard in whatever company it comes. A shard comes into being with its first event.

**Cost.** A write costs a unit per kilobyte of its shard. A shard that costs more than one splits: it is frozen and
later events go to sixteen children by the next digit of their digest (extendible hashing, Fagin et al. 1979,
doi 10.1145/320083.320092). So a write costs one unit however hot the image.

**Memory.** Digests lie in a ring of slots by arrival. Each write drops the slot that is older than the acceptance
window, so a shard remembers every event for as long as an event of its age is taken.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from typing import TYPE_CHECKING, Literal, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime

EventType = Literal["view", "click"]
Status = Literal["accepted", "duplicate", "expired", "filtered", "rejected"]

DIGEST_BYTES = 8
DEEPEST_PATH = 3
LARGEST_WRITE = 20
FUTURE_TOLERANCE = timedelta(minutes=5)
_CLOCK_SKEW = timedelta(minutes=1)
ROOT = ""

_RING = "abcde"
_SLOTS_PER_WINDOW = 2


@dataclass(frozen=True)
class Event:
    """Something a shopper did to an image."""

    event_id: str
    type: EventType
    image_id: str
    occurred_at: datetime | None = None
    user_id: str | None = None
    session_id: str | None = None
    position: int | None = None


class Result(NamedTuple):
    """What became of an event."""

    event_id: str
    status: Status
    detail: str | None = None


class Digest(NamedTuple):
    """An event id's trace: its place among the shards and what a shard remembers."""

    path: str
    mark: bytes


class Hit(NamedTuple):
    """An event on its way into a shard. `at` is its position in the request."""

    at: int
    counter: Literal["views", "clicks", "robots"]
    digest: Digest


class Slots(NamedTuple):
    """Which slots of the ring to write, to look into and to empty at a moment."""

    current: str
    remembered: tuple[str, ...]
    expired: tuple[str, ...]


class Shard(NamedTuple):
    """A shard as it stands. `marks` are those of all its slots."""

    state: Literal["open", "split", "closed"]
    marks: frozenset[bytes]


def digest_of(event_id: str, merchant_secret: str) -> Digest:
    """A keyed digest (BLAKE2b): nobody can make ids that collide."""
    digest = hashlib.blake2b(
        event_id.encode(), key=merchant_secret.encode()[:64], digest_size=DIGEST_BYTES + 2
    ).digest()
    return Digest(digest[DIGEST_BYTES:].hex()[:DEEPEST_PATH], digest[:DIGEST_BYTES])


def counter_of(event: Event, *, from_robot: bool) -> Literal["views", "clicks", "robots"]:
    """Which counter an event adds to."""
    if from_robot:
        return "robots"
    return "views" if event.type == "view" else "clicks"


def tally(names: Iterable[str]) -> dict[str, int]:
    """How often each comes. `collections.Counter` is 9 µs slower for a request of one event."""
    amounts: dict[str, int] = {}
    for name in names:
        amounts[name] = amounts.get(name, 0) + 1
    return amounts


def is_expired(event: Event, now: datetime, window: timedelta) -> bool:
    """Whether the event is older than the acceptance window."""
    return event.occurred_at is not None and event.occurred_at < now - window


def is_from_the_future(event: Event, now: datetime) -> bool:
    """Whether the event claims to happen later than clocks can differ."""
    return event.occurred_at is not None and event.occurred_at > now + FUTURE_TOLERANCE


def slots_at(now: datetime, window: timedelta) -> Slots:
    """The ring at a moment.

    A slot is half as long as an event can be sent again (the window, and what clocks may differ). An event that
    arrived in slot s can come again until slot s+2, so the current one and two before it are looked into, and
    the one after it for writers whose clock is ahead.
    """
    resendable = window + FUTURE_TOLERANCE + _CLOCK_SKEW
    return _ring_from(int(now.timestamp() // (resendable.total_seconds() / _SLOTS_PER_WINDOW)) % len(_RING))


@cache
def _ring_from(place: int) -> Slots:
    ring = [_RING[(place + offset) % len(_RING)] for offset in (-2, -1, 0, 1, 2)]
    return Slots(current=ring[2], remembered=tuple(ring[:4]), expired=(ring[4],))


def by_path(hits: Sequence[Hit], split_paths: frozenset[str]) -> Mapping[str, list[Hit]]:
    """Hits by the shard that takes them, when `split_paths` are known to be split."""
    groups: dict[str, list[Hit]] = {}
    for hit in hits:
        path = ROOT
        while path in split_paths and len(path) < DEEPEST_PATH:
            path = hit.digest.path[: len(path) + 1]
        groups.setdefault(path, []).append(hit)
    return groups


def child_paths(path: str) -> list[str]:
    """The shards that a split shard's events go to."""
    return [path + digit for digit in "0123456789abcdef"]
