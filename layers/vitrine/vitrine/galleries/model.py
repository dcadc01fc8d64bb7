"""Images, galleries and how they are ordered. Pure: the clock and fresh ids come in."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from typing import TYPE_CHECKING, Literal, NamedTuple, TypedDict

from vitrine.ranking.decay import SumKey, worth
from vitrine.ranking.model import (
    CLICK_WEIGHT,
    Evidence,
    Prior,
    Ranking,
    Slot,
    Version,
    first_version,
    fitted,
    has_moved,
    is_off,
    other_slot,
    rank_digits,
)
from vitrine.ranking.policies import POLICIES

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from vitrine.renditions.model import Original

Counting = Literal["once_an_hour", "every_event"]

DEFAULT_GALLERY = "default"
CACHE_SECONDS = 2
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

    def plus(self, increase: Totals) -> Totals:
        """These totals after more events."""
        return Totals(self.views + increase.views, self.clicks + increase.clicks)

    @property
    def weight(self) -> int:
        """What the policy `interest` scores."""
        return self.views + CLICK_WEIGHT * self.clicks


NOTHING_COUNTED = Totals()


class Counts(NamedTuple):
    """What was counted of an image.

    `totals` are those of all events, `lab` and `arms` of those by visitors of the lab and of experiments' arms, and
    `recent` are sums of aged events.
    """

    totals: Totals = NOTHING_COUNTED
    lab: Totals = NOTHING_COUNTED
    recent: Mapping[SumKey, int] = MappingProxyType({})
    arms: Mapping[str, Totals] = MappingProxyType({})

    def evidence(self, version: Version, at: int) -> Evidence:
        """What is scored under a version at a moment (seconds since 1970)."""
        days, arm = version.ranking.half_life_days, version.without_arm
        others = self.arms.get(arm, NOTHING_COUNTED) if arm else NOTHING_COUNTED
        return Evidence(
            weight=self.totals.weight - others.weight,
            exposure=self.totals.views - self.lab.views - others.views,
            clicks=self.totals.clicks - self.lab.clicks - others.clicks,
            recent_exposure=worth("views", days, at, self.recent, without_arm=arm),
            recent_clicks=worth("clicks", days, at, self.recent, without_arm=arm),
        )


class Counted(NamedTuple):
    """Absolute totals of one incarnation of an image.

    `counts` tell more of the same events, as they stood at `at` (seconds since 1970); None where only the totals are
    known.
    """

    image_id: str
    incarnation: str
    totals: Totals
    counts: Counts | None = None
    at: int = 0


class CountedHour(NamedTuple):
    """What a gallery's totals took in within an hour, or a day, from `start` on."""

    start: datetime
    totals: Totals


def by_day(hours: Iterable[CountedHour]) -> list[CountedHour]:
    """The days (UTC) of these hours, which are in order."""
    days: dict[datetime, Totals] = {}
    for hour in hours:
        day = hour.start.replace(hour=0)
        days[day] = days.get(day, NOTHING_COUNTED).plus(hour.totals)
    return [CountedHour(day, totals) for day, totals in days.items()]


class Score(NamedTuple):
    """An image's points under a version of the ranking, stored in one of the two indexes.

    They are those of the moment `at` (seconds since 1970), or were not far from them (`model.has_moved`). `at` is 0
    where nothing was counted yet, or more was counted than the points follow from.
    """

    slot: Slot
    version: int
    points: int
    at: int


def score_under(version: Version, counts: Counts, at: int, stored: Score | None = None) -> Score:
    """The score of these counts at a moment. What is stored stays where the score has hardly moved."""
    policy = POLICIES[version.ranking.policy]
    points = policy.points(counts.evidence(version, at), version.prior)
    if stored is not None and not has_moved(stored.points, points, policy.tolerance):
        points = stored.points
    return Score(version.slot, version.number, points, at)


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
    one of the same id. `revision` grows with each write; both together guard the next one. `original` is the copy of
    the picture, or of the picture before it.
    """

    gallery: GalleryKey
    image_id: str
    description: Description
    incarnation: str
    scores: tuple[Score, ...] = ()
    totals: Totals = NOTHING_COUNTED
    pinned_position: int | None = None
    hidden: bool = False
    revision: int = 0
    original: Original | None = None

    @property
    def weight(self) -> int:
        """The interest shown beside the image, whatever policy orders it."""
        return self.totals.weight

    @property
    def newest_version(self) -> int:
        """The latest version that the image has a score of."""
        return max((score.version for score in self.scores), default=0)

    def score(self, version: Version) -> Score | None:
        """The image's score under a version."""
        return next((score for score in self.scores if score.version == version.number), None)

    def scored(self, version: Version, counts: Counts, at: int) -> Image:
        """This image with its score under a version as counts say; another score in the same slot goes."""
        score = score_under(version, counts, at, self.score(version))
        return self._replace(scores=(*(it for it in self.scores if it.slot != version.slot), score))

    def without_score(self, version: int) -> Image:
        """This image without its score under a version."""
        return self._replace(scores=tuple(score for score in self.scores if score.version != version))

    def shown(self, counted: Counted, versions: Iterable[Version]) -> Image:
        """This image after counting, with its scores under these versions.

        Where only totals are known, scores that follow from more stay as they are: who knows more comes again.
        """
        image = self._replace(totals=counted.totals)
        for version in versions:
            if counted.counts is not None:
                image = image.scored(version, counted.counts, counted.at)
            elif not POLICIES[version.ranking.policy].is_rate and version.without_arm is None:
                image = image.scored(version, Counts(counted.totals), counted.at)
            else:
                image = image._replace(
                    scores=tuple(it._replace(at=0) if it.version == version.number else it for it in image.scores)
                )
        return image

    def is_scored_as(self, after: Image) -> bool:
        """Whether this image's scores need no write to be those of `after`."""

        def points(image: Image) -> set[tuple[int, int, bool]]:
            return {(score.version, score.points, score.at == 0) for score in image.scores}

        return points(self) == points(after)

    @property
    def mirrored(self) -> Original | None:
        """The copy of the picture as it is now, None where there is none yet or the image is hidden."""
        original = self.original
        return original if original and original.url == self.description.url and not self.hidden else None

    def described(self, description: Description) -> Image:
        """This image after a change of its description."""
        return self._replace(description=description)

    def rank(self, score: Score) -> str | None:
        """Sort key in the order of a version; None when hidden.

        Ascending it gives pinned images by position, then points descending, newest first, id: a total order.
        """
        if self.hidden:
            return None
        age = f"{_LARGEST_INSTANT - (self.description.created_at - _CALENDAR_START) // _MICROSECOND:018d}"
        if self.pinned_position is not None:
            return f"{PINNED_START}{self.pinned_position:05d}{age}{self.image_id}"
        return f"{RANKED_START}{rank_digits(score.points)}{age}{self.image_id}"


class Experiment(NamedTuple):
    """Two arms of visitors: the first reads the live version, the second the next one, `number`, once it `is_ready`.

    `totals` are the gallery's when it began.
    """

    experiment_id: str
    number: int
    started_at: datetime
    totals: Totals
    is_ready: bool = False

    def arm(self, at: int) -> str:
        """The name under which an arm's events are counted."""
        return f"{self.number}.{at}"


@dataclass(frozen=True)
class Gallery:
    """A gallery and its totals.

    Readers see the order of the version `live`. `next` is being made in the other slot, all images together take
    its place, and `retired` is what was read before, kept for a while. `last_version` is the highest number taken.

    `public_counts` says whether web pages are told what was counted for it and for its images, `cache_seconds` how
    long shared caches may keep what they read of it.
    `counting` says how often a visitor of a web page counts for an image: once an hour for views and for clicks, or
    with every event. `mirror` says whether pictures are copied and served in every size. `totals` count every event
    of the gallery's life, deleted images' too. `settling` holds, for images whose new totals are already in `totals`
    and not yet on the image, what they will be.
    """

    key: GalleryKey
    title: str | None
    live: Version
    created_at: datetime
    images: int = 0
    totals: Totals = NOTHING_COUNTED
    settling: Mapping[str, Counted] = field(default_factory=dict)
    revision: int = 0
    deleting: bool = False
    counting: Counting = "once_an_hour"
    public_counts: bool = False
    cache_seconds: int = CACHE_SECONDS
    mirror: bool = True
    next: Version | None = None
    retired: Version | None = None
    last_version: int = 1
    experiment: Experiment | None = None

    @property
    def versions(self) -> tuple[Version, ...]:
        """The versions under which images are scored."""
        if self.next is None:
            return (self.live,)
        if self.experiment is None:
            return self.live, self.next
        first, second = (self.experiment.arm(at) for at in (0, 1))
        return self.live._replace(without_arm=second), self.next._replace(without_arm=first)

    @property
    def orders_by_visitor(self) -> bool:
        """Whether visitors see different orders: some are of a lab, or all of them in arms of an experiment."""
        return self.live.ranking.lab_share > 0 or (self.experiment is not None and self.experiment.is_ready)

    @property
    def wanted(self) -> Version:
        """The version that was chosen last."""
        return self.next or self.live

    def fitted_prior(self) -> Prior:
        """What is expected of an image before it is seen, as the gallery's totals have it."""
        return fitted(self.live.prior, self.totals.clicks, self.totals.views)

    def following(self, ranking: Ranking, now: datetime, reason: str) -> Version:
        """A version to come after the last one."""
        slot = other_slot(self.live.slot)
        return Version(self.last_version + 1, ranking, self.fitted_prior(), slot, now, reason)

    def holds(self, version: int) -> Version | None:
        """The version of this number, if it can be read."""
        second_arm = self.next if self.experiment and self.experiment.is_ready else None
        return next((it for it in (self.live, self.retired, second_arm) if it and it.number == version), None)


def is_prior_off(gallery: Gallery) -> bool:
    """Whether scores follow from a prior that should be fitted again, and no version is being made anyway."""
    rates = POLICIES[gallery.live.ranking.policy].is_rate
    return rates and gallery.next is None and is_off(gallery.live.prior, gallery.totals.clicks, gallery.totals.views)


class GalleryChanges(TypedDict, total=False):
    """What a merchant says of a gallery. What is left out stays as it is."""

    title: str | None
    ranking: Ranking
    counting: Counting
    public_counts: bool
    cache_seconds: int
    mirror: bool


def new_gallery(key: GalleryKey, now: datetime, changes: GalleryChanges | None = None) -> Gallery:
    """A gallery without images, as `changes` say."""
    said = changes or {}
    return Gallery(
        key,
        said.get("title"),
        first_version(said.get("ranking", Ranking()), now),
        now,
        counting=said.get("counting", "once_an_hour"),
        public_counts=said.get("public_counts", False),
        cache_seconds=said.get("cache_seconds", CACHE_SECONDS),
        mirror=said.get("mirror", True),
    )


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
