"""Images, galleries and how they are ordered. Pure: the clock and fresh ids come in."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Literal, NamedTuple, TypedDict

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

Policy = Literal["interest", "newest"]
Counting = Literal["once_an_hour", "every_event"]

CLICK_WEIGHT = 7
LARGEST_WEIGHT = 10**15 - 1
DEFAULT_GALLERY = "default"
PINNED_START = "0"
RANKED_START = "1"
_CALENDAR_START = datetime(1, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_LARGEST_INSTANT = 10**18 - 1


class GalleryKey(NamedTuple):
    """Which gallery of which merchant."""

    merchant_id: str
    gallery_id: str


class Totals(NamedTuple):
    """Events counted for an image or a gallery."""

    views: int = 0
    clicks: int = 0

    @property
    def events(self) -> int:
        """All events. It only ever grows, so it tells which of two totals is the later."""
        return self.views + self.clicks

    @property
    def weight(self) -> int:
        """Interest: `views + 7·clicks` (the gallery challenge's rule that a click tells seven times more)."""
        return self.views + CLICK_WEIGHT * self.clicks


class Counted(NamedTuple):
    """Absolute totals of one incarnation of an image."""

    image_id: str
    incarnation: str
    totals: Totals


NOTHING_COUNTED = Totals()


class Description(NamedTuple):
    """What a merchant says of an image."""

    name: str
    url: str
    created_at: datetime
    caption: str | None = None
    alt: str | None = None
    tags: tuple[str, ...] = ()
    credit: str | None = None
    product_ids: tuple[str, ...] = ()
    width: int | None = None
    height: int | None = None


class Image(NamedTuple):
    """One picture in one gallery. A tuple: it is made ten times faster than a dataclass, and a page makes a hundred.

    `incarnation` is fresh at each creation, so that what was counted for a deleted image never reaches a new
    one of the same id. `revision` grows with each write; both together guard the next one.
    """

    gallery: GalleryKey
    image_id: str
    description: Description
    incarnation: str
    policy: Policy = "interest"
    totals: Totals = NOTHING_COUNTED
    pinned_position: int | None = None
    hidden: bool = False
    revision: int = 0

    @property
    def weight(self) -> int:
        """The interest shown beside the image, whatever policy orders it."""
        return self.totals.weight

    def with_totals(self, totals: Totals) -> Image:
        """This image after counting."""
        return self._replace(totals=totals)

    def described(self, description: Description) -> Image:
        """This image after a change of its description."""
        return self._replace(description=description)

    @property
    def rank(self) -> str | None:
        """Sort key in the gallery's order; None when hidden.

        Ascending it gives pinned images by position, then weight descending, newest first, id: a total order.
        """
        if self.hidden:
            return None
        age = f"{_LARGEST_INSTANT - (self.description.created_at - _CALENDAR_START) // _MICROSECOND:018d}"
        if self.pinned_position is not None:
            return f"{PINNED_START}{self.pinned_position:05d}{age}{self.image_id}"
        interest = min(self.weight, LARGEST_WEIGHT) if self.policy == "interest" else 0
        return f"{RANKED_START}{LARGEST_WEIGHT - interest:015d}{age}{self.image_id}"


@dataclass(frozen=True)
class Gallery:
    """A gallery and its totals.

    `public_counts` says whether web pages are told what was counted for it and for its images.
    `counting` says how often a visitor of a web page counts for an image: once an hour for views and for clicks, or
    with every event. `totals` count every event of the gallery's life, deleted images' too. `settling` holds, for
    images whose new totals are already in `totals` and not yet on the image, what they will be.
    """

    key: GalleryKey
    title: str | None
    policy: Policy
    created_at: datetime
    images: int = 0
    totals: Totals = NOTHING_COUNTED
    settling: Mapping[str, Counted] = field(default_factory=dict)
    revision: int = 0
    deleting: bool = False
    counting: Counting = "once_an_hour"
    public_counts: bool = False


class GalleryChanges(TypedDict, total=False):
    """What a merchant says of a gallery. What is left out stays as it is."""

    title: str | None
    policy: Policy
    counting: Counting
    public_counts: bool


class Settlement(NamedTuple):
    """How a gallery's totals advance: by `increase`, once `settling` stands beside them."""

    increase: Totals
    settling: Sequence[Counted]


def settle(gallery: Gallery, images: Mapping[str, Image], counted: Sequence[Counted]) -> Settlement:
    """What of `counted` the gallery's totals do not hold yet.

    An image's part of the totals is what is settling for it, else what it shows.
    """
    views = clicks = 0
    settling = []
    for latest in counted:
        image = images.get(latest.image_id)
        if image is None or image.incarnation != latest.incarnation:
            continue
        included = image.totals
        pending = gallery.settling.get(image.image_id)
        if pending and pending.incarnation == image.incarnation:
            included = max(included, pending.totals, key=lambda totals: totals.events)
        if latest.totals.events > included.events:
            views += latest.totals.views - included.views
            clicks += latest.totals.clicks - included.clicks
            settling.append(latest)
    return Settlement(Totals(views, clicks), settling)


class Placed(NamedTuple):
    """An image at its 1-based position in the whole order."""

    position: int
    image: Image


def place_pinned(ranked: Sequence[Image], pinned: Sequence[Image], first_position: int, limit: int) -> list[Placed]:
    """Lay `pinned` images at their positions into `ranked` ones, from `first_position`, at most `limit`.

    Two images pinned to one position stand next to each other; one pinned behind the end stands at the end.
    `pinned` are in order and at or after `first_position`.
    """
    placed: list[Placed] = []
    waiting, free = list(pinned), list(ranked)
    while len(placed) < limit and (waiting or free):
        position = first_position + len(placed)
        due = waiting and (not free or (waiting[0].pinned_position or 0) <= position)
        placed.append(Placed(position, (waiting if due else free).pop(0)))
    return placed
