"""Images, galleries and their order. Pure: times and new ids are passed in."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from operator import add, sub
from types import MappingProxyType
from typing import TYPE_CHECKING, Literal, NamedTuple, TypedDict

from vitrine.ranking.decay import SumKey, worth
from vitrine.ranking.merchandising import Action, Rule, active_rules, first_match
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

    from vitrine.ranking.experiments import Mode
    from vitrine.ranking.interleaving import Team
    from vitrine.renditions.model import Original

Counting = Literal["once_an_hour", "every_event"]

DEFAULT_GALLERY = "default"
CACHE_SECONDS = 2
TEAMS: tuple[Team, Team] = (0, 1)
PINNED_START = "0"
RANKED_START = "1"
_TIERS: Mapping[Action | None, str] = MappingProxyType({"boost": "!", None: "", "bury": "~"})  # around digits
_MOST_PLACEMENTS = 20
_CALENDAR_START = datetime(1, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_LARGEST_INSTANT = 10**18 - 1


class GalleryKey(NamedTuple):
    """A gallery of a merchant."""

    merchant_id: str
    gallery_id: str


class Totals(NamedTuple):
    """The events counted for an image or a gallery."""

    views: int = 0
    clicks: int = 0

    @property
    def events(self) -> int:
        """The number of events. It only grows, so it tells which of two totals is later."""
        return sum(self)

    def plus(self, increase: Totals) -> Totals:
        """Return these totals after more events."""
        return Totals(*map(add, self, increase))

    @property
    def weight(self) -> int:
        """The score of the policy `interest`."""
        return self.views + CLICK_WEIGHT * self.clicks


NOTHING_COUNTED = Totals()


class Counts(NamedTuple):
    """Everything counted for an image.

    `totals` count all events, `lab`, `arms` and `suspects` those of visitors in the lab, in an experiment's arms, and
    of suspects. `recent` holds sums of aged events.
    """

    totals: Totals = NOTHING_COUNTED
    lab: Totals = NOTHING_COUNTED
    recent: Mapping[SumKey, int] = MappingProxyType({})
    arms: Mapping[str, Totals] = MappingProxyType({})
    suspects: Totals = NOTHING_COUNTED

    @property
    def rated(self) -> Totals:
        """The totals that rates follow from: without the lab's and suspects' events."""
        apart = self.lab.plus(self.suspects)
        return Totals(*map(sub, self.totals, apart))

    def evidence(self, version: Version, at: int) -> Evidence:
        """Return what a version scores at a moment (seconds since 1970)."""
        days, arm = version.ranking.half_life_days, version.without_arm
        others = self.arms.get(arm, NOTHING_COUNTED) if arm else NOTHING_COUNTED
        return Evidence(
            weight=self.totals.weight - others.weight,
            exposure=self.rated.views - others.views,
            clicks=self.rated.clicks - others.clicks,
            recent_exposure=worth("views", days, at, self.recent, without_arm=arm),
            recent_clicks=worth("clicks", days, at, self.recent, without_arm=arm),
        )


class Counted(NamedTuple):
    """Absolute totals of one incarnation of an image.

    `counts` hold the details of the same events, read at `at` (seconds since 1970); None if only the totals are known.
    """

    image_id: str
    incarnation: str
    totals: Totals
    counts: Counts | None = None
    at: int = 0


class CountedHour(NamedTuple):
    """The increase of a gallery's totals in the hour, or day, that begins at `start`."""

    start: datetime
    totals: Totals


def by_day(hours: Iterable[CountedHour]) -> list[CountedHour]:
    """Return the sums by day (UTC) of hours that are in order."""
    days: dict[datetime, Totals] = {}
    for hour in hours:
        day = hour.start.replace(hour=0)
        days[day] = days.get(day, NOTHING_COUNTED).plus(hour.totals)
    return [CountedHour(day, totals) for day, totals in days.items()]


class Score(NamedTuple):
    """An image's points under a ranking version, stored in one of the two indexes.

    They are the points at the moment `at` (seconds since 1970), within the policy's tolerance. `at` is 0 if nothing
    was counted yet, or if the points do not include everything counted. `action` is that of the merchandising rule
    which decides about the image.
    """

    slot: Slot
    version: int
    points: int
    at: int
    action: Action | None = None


def points_under(version: Version, counts: Counts, at: int) -> int:
    """Return the points of these counts at a moment."""
    return POLICIES[version.ranking.policy].points(counts.evidence(version, at), version.prior)


def score_under(
    version: Version, description: Description, counts: Counts, at: int, stored: Score | None = None
) -> Score:
    """Return an image's score at a moment. The stored points stay unless the score has moved enough."""
    points = points_under(version, counts, at)
    tolerance = POLICIES[version.ranking.policy].tolerance
    if stored is not None and not has_moved(stored.points, points, tolerance):
        points = stored.points
    rule = rule_for(version, description)
    return Score(version.slot, version.number, points, at, rule.action if rule else None)


def rule_for(version: Version, description: Description) -> Rule | None:
    """Return the merchandising rule that decides about an image under a version."""
    return first_match(version.rules, description.tags, description.product_ids)


class Placement(NamedTuple):
    """Where a merchant put an image, from a moment (seconds since 1970) on: pinned to a position, or hidden."""

    since: int
    pinned_position: int | None = None
    hidden: bool = False


ATTRIBUTE_NAME = r"^[A-Za-z][A-Za-z0-9_]{0,39}$"
AttributeValue = str | float | list[str]
"""What an image's attribute says: a text, a number, or several texts."""


class Description(NamedTuple):
    """What a merchant enters about an image."""

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
    attributes: Mapping[str, AttributeValue] = MappingProxyType({})


class Image(NamedTuple):
    """One image in one gallery. A tuple is created ten times faster than a dataclass, and a page creates a hundred.

    `incarnation` is new at each creation, so that counts of a deleted image never reach a new one with the same id.
    `revision` grows with each write; a write is conditional on both. `original` is the copy of the picture, or of the
    picture before it. `placements` are its latest pins and hidings, in order; the first one was before the others from
    a time that is not known.
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
    placements: tuple[Placement, ...] = ()

    @property
    def weight(self) -> int:
        """The image's interest, whatever policy orders it."""
        return self.totals.weight

    @property
    def newest_version(self) -> int:
        """The latest version under which the image has a score."""
        return max((score.version for score in self.scores), default=0)

    def score(self, version: Version) -> Score | None:
        """Return the image's score under a version, or None."""
        return next((score for score in self.scores if score.version == version.number), None)

    def scored(self, version: Version, counts: Counts, at: int) -> Image:
        """Return this image scored under a version. The score replaces another one in the same slot."""
        score = score_under(version, self.description, counts, at, self.score(version))
        return self._replace(scores=(*(other for other in self.scores if other.slot != version.slot), score))

    def put(self, *, pinned_position: int | None, hidden: bool, now: datetime) -> Image:
        """Return this image pinned or hidden from now on, with up to `_MOST_PLACEMENTS` placements."""
        if (pinned_position, hidden) == (self.pinned_position, self.hidden):
            return self
        known = self.placements or (Placement(0, self.pinned_position, self.hidden),)
        placements = (*known, Placement(int(now.timestamp()), pinned_position, hidden))[-_MOST_PLACEMENTS:]
        return self._replace(pinned_position=pinned_position, hidden=hidden, placements=placements)

    def as_placed(self, moment: datetime) -> Image:
        """Return this image pinned or hidden as it was at a moment."""
        if not self.placements:
            return self
        known = [placement for placement in self.placements if placement.since <= moment.timestamp()]
        _, pinned_position, hidden = known[-1] if known else self.placements[0]
        return self._replace(pinned_position=pinned_position, hidden=hidden)

    def without_score(self, version: int) -> Image:
        """Return this image without its score under a version."""
        return self._replace(scores=tuple(score for score in self.scores if score.version != version))

    def shown(self, counted: Counted, versions: Iterable[Version]) -> Image:
        """Return this image with new totals and its scores under these versions.

        If only totals are known, scores that depend on more keep their points and are marked (`at` 0): the details
        follow in a later call.
        """
        image = self._replace(totals=counted.totals)
        for version in versions:
            if counted.counts is not None:
                image = image.scored(version, counted.counts, counted.at)
            elif not POLICIES[version.ranking.policy].is_rate and version.without_arm is None:
                image = image.scored(version, Counts(counted.totals), counted.at)
            else:
                image = image._replace(
                    scores=tuple(
                        score._replace(at=0) if score.version == version.number else score for score in image.scores
                    )
                )
        return image

    def is_scored_as(self, after: Image) -> bool:
        """Return whether this image already has the scores of `after`."""

        def points(image: Image) -> set[tuple[int, int, bool, Action | None]]:
            return {(score.version, score.points, score.at == 0, score.action) for score in image.scores}

        return points(self) == points(after)

    @property
    def mirrored(self) -> Original | None:
        """The copy of the present picture; None if there is none yet or the image is hidden."""
        original = self.original
        return original if original and original.url == self.description.url and not self.hidden else None

    def described(self, description: Description, versions: Iterable[Version]) -> Image:
        """Return this image with another description, and with the rules of these versions applied to it."""
        rules = {version.number: rule_for(version, description) for version in versions}
        scores = (
            score._replace(action=rule.action if (rule := rules[score.version]) else None)
            if score.version in rules
            else score
            for score in self.scores
        )
        return self._replace(description=description, scores=tuple(scores))

    def rank(self, score: Score) -> str | None:
        """Return the sort key for a score; None if the image is hidden.

        Ascending, it sorts pinned images by position, then boosted, other and buried ones; each of these groups by
        descending points, newest first, then id.
        """
        if self.hidden:
            return None
        age = f"{_LARGEST_INSTANT - (self.description.created_at - _CALENDAR_START) // _MICROSECOND:018d}"
        if self.pinned_position is not None:
            return f"{PINNED_START}{self.pinned_position:05d}{age}{self.image_id}"
        return f"{RANKED_START}{_TIERS[score.action]}{rank_digits(score.points)}{age}{self.image_id}"


class Suspect(NamedTuple):
    """A visitor whose events look automated, as a digest: they count in totals and in no rate, unless trusted."""

    visitor: str
    reason: str
    since: datetime
    is_trusted: bool = False


class Experiment(NamedTuple):
    """A comparison of two arms, once it `is_ready`: the live version, and the version `number`.

    By its `mode`, each visitor reads one of them, or pages that both take turns in making. `totals` are the gallery's
    at the start.
    """

    experiment_id: str
    number: int
    started_at: datetime
    totals: Totals
    is_ready: bool = False
    mode: Mode = "split"

    def arm(self, at: int) -> str:
        """Return the name under which an arm's events are counted."""
        return f"{self.number}.{at}"

    def team_of(self, arm: str | None) -> Team | None:
        """Return which of this experiment's arms has the name; None if neither has."""
        return next((team for team in TEAMS if self.arm(team) == arm), None)


@dataclass(frozen=True)
class Gallery:
    """A gallery and its totals.

    Readers see the order of the version `live`. The order of `next` is being made in the other slot and becomes live
    when it is complete; `retired` is the version before, kept for readers who are still paging. While `next_waits`, no
    image is scored under `next` yet, as readers may remember the version that had its slot. `last_version` is the
    highest number in use.

    `public_counts`: web pages may read the counts of the gallery and its images. `cache_seconds`: how long shared
    caches may keep what they read. `counting`: how often a visitor of a web page counts for an image, once an hour
    for views and for clicks or with every event. `mirror`: pictures are copied and served in every size. `rules`: past,
    present and coming merchandising rules; a version has those in force. `has_suspects`: there are suspects to read,
    which nearly no gallery has. `totals` count every event since the gallery was created, including those of deleted
    images. `settling` holds totals that are included in `totals` and not shown on their image yet.
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
    rules: tuple[Rule, ...] = ()
    next: Version | None = None
    next_waits: bool = False
    retired: Version | None = None
    last_version: int = 1
    experiment: Experiment | None = None
    has_suspects: bool = False

    @property
    def versions(self) -> tuple[Version, ...]:
        """The versions under which images are scored."""
        if self.next is None or self.next_waits:
            return (self.live,)
        if self.experiment is None or self.experiment.mode == "interleave":
            return self.live, self.next
        first, second = map(self.experiment.arm, TEAMS)
        return self.live._replace(without_arm=second), self.next._replace(without_arm=first)

    def is_older_than(self, images: Iterable[Image]) -> bool:
        """Whether an image has a score of a later version than those that this reading of the gallery knows."""
        return any(image.newest_version > self.versions[-1].number for image in images)

    @property
    def orders_by_visitor(self) -> bool:
        """Whether visitors see different orders: the gallery has a lab or runs an experiment."""
        return self.live.ranking.lab_share > 0 or (self.experiment is not None and self.experiment.is_ready)

    @property
    def wanted(self) -> Version:
        """The version that was chosen last."""
        return self.next or self.live

    def fitted_prior(self) -> Prior:
        """Return the prior that fits the gallery's totals."""
        return fitted(self.live.prior, self.totals.clicks, self.totals.views)

    def following(self, ranking: Ranking, now: datetime, reason: str) -> Version:
        """Return the version that follows the last one."""
        slot = other_slot(self.live.slot)
        rules = active_rules(self.rules, now)
        return Version(self.last_version + 1, ranking, self.fitted_prior(), slot, now, reason, rules)

    def holds(self, version: int) -> Version | None:
        """Return the version with this number if it can be read, else None."""
        second_arm = self.next if self.experiment and self.experiment.is_ready else None
        return next((held for held in (self.live, self.retired, second_arm) if held and held.number == version), None)


def is_prior_off(gallery: Gallery) -> bool:
    """Return whether scores depend on a prior that should be refitted, and no version is being made anyway."""
    rates = POLICIES[gallery.live.ranking.policy].is_rate
    return rates and gallery.next is None and is_off(gallery.live.prior, gallery.totals.clicks, gallery.totals.views)


class GalleryChanges(TypedDict, total=False):
    """A merchant's settings of a gallery. Those left out stay as they are."""

    title: str | None
    ranking: Ranking
    counting: Counting
    public_counts: bool
    cache_seconds: int
    mirror: bool
    rules: tuple[Rule, ...]


def new_gallery(key: GalleryKey, now: datetime, changes: GalleryChanges | None = None) -> Gallery:
    """Return a gallery without images, with these settings."""
    chosen = changes or {}
    rules = chosen.get("rules", ())
    return Gallery(
        key,
        chosen.get("title"),
        first_version(chosen.get("ranking", Ranking()), now, active_rules(rules, now)),
        now,
        counting=chosen.get("counting", "once_an_hour"),
        public_counts=chosen.get("public_counts", False),
        cache_seconds=chosen.get("cache_seconds", CACHE_SECONDS),
        mirror=chosen.get("mirror", True),
        rules=rules,
    )


class Settlement(NamedTuple):
    """The increase of a gallery's totals, and what is settling once it is added."""

    increase: Totals
    settling: Sequence[Counted]


def settle(gallery: Gallery, images: Mapping[str, Image], counted: Sequence[Counted]) -> Settlement:
    """Return what the gallery's totals do not include yet of `counted`.

    For an image, they include what is settling for it, else what it shows.
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
    """An image and its 1-based position in the whole order."""

    position: int
    image: Image


def place_pinned(ranked: Sequence[Image], pinned: Sequence[Image], first_position: int, limit: int) -> list[Placed]:
    """Merge `pinned` images at their positions into `ranked` ones, from `first_position`, at most `limit`.

    Two images pinned to one position are placed next to each other; one pinned beyond the end is placed at the end.
    `pinned` must be in order and pinned to `first_position` or later.
    """
    placed: list[Placed] = []
    waiting, free = list(pinned), list(ranked)
    while len(placed) < limit and (waiting or free):
        position = first_position + len(placed)
        due = waiting and (not free or (waiting[0].pinned_position or 0) <= position)
        placed.append(Placed(position, (waiting if due else free).pop(0)))
    return placed
