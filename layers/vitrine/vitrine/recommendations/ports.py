"""What the recommendations' use cases need from outside."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple, Protocol

from vitrine.platform.retries import Superseded
from vitrine.recommendations.model import Profile, Weights

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
    from datetime import datetime
    from pathlib import Path

    from vitrine.catalog.model import Interaction, Product, UserKey
    from vitrine.recommendations.model import ChosenWeights, Measured, Neighbourhood, Popular, Repeat, Scored, Shortlist
    from vitrine.recommendations.recent import RecentTouch

RESPONSE_SECONDS = 3600
_STUCK_SECONDS = 3600


class StaleShortlist(Superseded):
    """A shortlist changed after its version was read; the write was refused."""


class StaleRecent(Superseded):
    """A shop's newest touches changed after they were read; the write was refused."""


class LaterBuild(Exception):
    """Another build has started."""


class RecommendationInputs(NamedTuple):
    """What one read returns for a shopper, before any product is looked up.

    `stamp` changes with everything that makes a cached response wrong: the model, the shopper's purchases and
    shortlist, the merchant's withdrawals. `shortlist` unpacks the shortlist, which a cached response does not need.
    `cached` is the cached response, if the same table holds it. `model` is the number of the model that `shortlist` and
    `popular` come from; touches since then count in `popular`. `touched` are the shopper's products among the shop's
    newest touches. `withdrawing` says that something was withdrawn within the last minute. `repeat` is the merchant's
    choice, or was measured. `rhythm` is how much it counts which products are due, in a shop whose time is `lag`
    seconds behind.
    """

    stamp: str
    model: int | None
    shortlist: Callable[[], Shortlist]
    popular: Sequence[Scored]
    cached: bytes | None
    withdrawing: bool = False
    touched: Sequence[str] = ()
    repeat: Repeat = "exclude"
    rhythm: float = 0.0
    lag: float = 0.0


class InEffect(NamedTuple):
    """The weights and the treatment of repeats in effect, what the merchant chose, and what was measured."""

    weights: Weights
    repeat: Repeat
    chosen: ChosenWeights
    measured: Measured


class Model(NamedTuple):
    """A model. `slot` names the half of the table that holds its rows; `weights` and `profile` are the merchant's."""

    number: int
    slot: str
    weights: Weights = Weights()
    profile: Profile = Profile()


class RecommendationInputsRepository(Protocol):
    """Stores shortlists, and reads everything that a response needs."""

    def read(self, user: UserKey, category: str | None) -> RecommendationInputs:
        """Return a shopper's inputs, in one round trip."""

    def sellable(
        self, user: UserKey, product_ids: Sequence[str], *, include_bought: bool = False
    ) -> Mapping[str, Product]:
        """Return those of at most 50 products that are available, by id, in one round trip.

        Products that the user bought are left out unless `include_bought`.
        """

    def shortlist_version(self, user: UserKey) -> str | None:
        """Return the version of the stored shortlist, or None. Read it before the shortlist's sources."""

    def put_shortlist(self, user: UserKey, model: Model, shortlist: Shortlist, version: str | None) -> None:
        """Replace the shortlist of this version. Raises StaleShortlist if another one is stored."""

    def drop_shortlist(self, user: UserKey, version: str | None) -> None:
        """Delete the shortlist of this version. Raises StaleShortlist if another one is stored."""

    def erase(self, user: UserKey) -> None:
        """Delete the user's shortlist, whatever its version."""

    def bought(self, user: UserKey, product_ids: Collection[str]) -> set[str]:
        """Return those of the products that the user bought."""


class RecentRepository(Protocol):
    """Stores the newest touches of each shop."""

    def find(self, merchant_id: str) -> tuple[int, Sequence[RecentTouch]]:
        """Return the version of a shop's touches, 0 for none, and the touches (a consistent read)."""

    def put(self, merchant_id: str, touches: Sequence[RecentTouch], version: int) -> None:
        """Replace the touches of this version. Raises StaleRecent if others are stored."""

    def drop(self, merchant_id: str) -> None:
        """Delete a shop's touches."""


class ModelRepository(Protocol):
    """Stores models by merchant, in two slots: one is published, the other can be written."""

    def model(self, merchant_id: str) -> Model | None:
        """Return the published model."""

    def neighbourhoods(self, merchant_id: str, model: Model, product_ids: Collection[str]) -> dict[str, Neighbourhood]:
        """Return the neighbourhoods of those products that have one, by id."""

    def popular(self, merchant_id: str, model: Model) -> Sequence[Popular]:
        """Return the most popular products, with their features."""

    def put_neighbourhoods(
        self, merchant_id: str, model: Model, neighbourhoods: Iterable[tuple[str, Neighbourhood]]
    ) -> None:
        """Store rows of an unpublished model. Rows of a later model stay as they are."""

    def put_popular(self, merchant_id: str, model: Model, category: str, popular: Sequence[Popular]) -> None:
        """Store the popular products of a category, or of all with an empty `category`, like `put_neighbourhoods`."""

    def put_measured(self, merchant_id: str, model: Model, measured: Measured) -> None:
        """Store what was measured for an unpublished model."""

    def in_effect(self, merchant_id: str) -> InEffect:
        """Return what is in effect, and why."""

    def set_weights(self, merchant_id: str, chosen: ChosenWeights) -> None:
        """Store the merchant's choice. It takes effect at once."""

    def publish(self, merchant_id: str, model: Model) -> None:
        """Make this the published model, unless a later build has started."""


class ResponseCache(Protocol):
    """Keeps responses for an hour under `recommendations:user:{user_id}`."""

    def get(self, user: UserKey, inputs: RecommendationInputs) -> bytes | None:
        """Return the user's cached response; None if there is none or the cache is down."""

    def put(self, user: UserKey, response: bytes) -> None:
        """Cache a response. Does nothing if the cache is down."""

    def drop(self, user: UserKey) -> None:
        """Delete the user's cached response."""


class Tasks(Protocol):
    """Work on shoppers that goes on after the response."""

    def refresh(self, users: Iterable[UserKey]) -> None:
        """Have these users' shortlists made again."""

    def erase(self, user: UserKey) -> None:
        """Have everything of a user deleted."""


class WorkItem(NamedTuple):
    """One part of a build's step. Rows before `start` are done, in `hops` invocations."""

    merchant_id: str
    build: int
    step: str
    part: str
    start: int = 0
    hops: int = 0


class Source(NamedTuple):
    """An exported part: its number of rows, and a digest that does not depend on their order."""

    rows: int
    digest: str


class PublishedModel(NamedTuple):
    """The published model: its number, when it was published (seconds), and its sources by part of the export."""

    number: int
    published_at: float
    sources: Mapping[str, Source]


class ModelBuild(NamedTuple):
    """The state of a build. `number` is its start in milliseconds, or one more than the number of the build before.

    `status` is `running`, `completed` or `unchanged`. `moved_at` (seconds) is when it started or last finished a part.
    """

    number: int
    slot: str
    status: str
    done: frozenset[str]
    moved_at: float = 0.0
    if_changed: bool = False
    sources: Mapping[str, Source] = MappingProxyType({})
    published: PublishedModel | None = None

    def is_under_way(self, now: datetime) -> bool:
        """Return whether it is running and finished a part within the last hour."""
        return self.status == "running" and now.timestamp() - self.moved_at < _STUCK_SECONDS

    def has_nothing_new(self) -> bool:
        """Return whether it would learn the published model again."""
        return self.published is not None and self.published.sources == self.sources


class Arrivals(NamedTuple):
    """The latest build, and how many interactions changed since it started."""

    build: ModelBuild | None
    changes: int


class BuildRepository(Protocol):
    """Stores the latest build of each merchant."""

    def start(
        self, merchant_id: str, earliest: int, *, if_changed: bool = False, after: int | None = None
    ) -> ModelBuild:
        """Start a build in the unpublished slot. Earlier builds can no longer publish.

        `earliest` is the smallest allowed number. Raises LaterBuild if `after` is given and is not the number of the
        latest build (0 for none).
        """

    def find(self, merchant_id: str) -> ModelBuild | None:
        """Return the latest build (a consistent read)."""

    def finish_part(self, item: WorkItem, source: Source | None = None) -> ModelBuild | None:
        """Mark a part as done, with its source; return the build, or None if it is no longer the latest."""

    def count_changes(self, merchant_id: str, changes: int) -> Arrivals:
        """Add to the number of changed interactions."""

    def end(self, merchant_id: str, number: int, status: str) -> None:
        """Set a build's final status."""


class Files(Protocol):
    """Stores the files of builds."""

    def write_once(self, name: str, lines: Iterable[str]) -> None:
        """Store lines, compressed if the name ends in `.gz`. Leave an existing file as it is."""

    def read(self, name: str) -> Iterator[str]:
        """Return the lines of a file, decompressed if its name ends in `.gz`."""

    def delete(self, prefix: str, before: str) -> None:
        """Delete all files with this prefix whose names sort before `before`."""

    def fetch(self, prefix: str, folder: Path) -> None:
        """Copy all files with this prefix into a folder on the disk."""

    def store(self, file: Path, name: str) -> None:
        """Copy a file from the disk."""


class Engine(Protocol):
    """Learns models."""

    def learn(self, tables: str, results: str, now_seconds: float, half_life_days: int) -> None:
        """Read the files under `tables`, run `learn.sql`, and write the files under `results`.

        `half_life_days` is that of popularity.
        """


class WeightChooser(Protocol):
    """Measures which weights, profile and half-life of popularity predict a merchant's shoppers best."""

    def half_life(self, tables: str) -> int:
        """Return the half-life of popularity in days for the files under `tables`; `choose` uses the same."""

    def choose(self, tables: str) -> Measured | None:
        """Return the best for the files under `tables`, or None if there are too few interactions to measure."""


class Catalog(Protocol):
    """The data that models are learned from."""

    def interactions(self, merchant_id: str, part: int) -> Iterator[Interaction]:
        """Iterate over the interactions of the users in one part."""

    def products(self, merchant_id: str) -> Iterator[Product]:
        """Iterate over all products."""


class WorkQueue(Protocol):
    """The queue of work items."""

    def send(self, items: Iterable[WorkItem]) -> None:
        """Queue work items. Each is delivered at least once, in any order."""
