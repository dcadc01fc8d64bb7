"""Models, builds, shortlists, cached responses, files and queues of recommendations in memory."""

from __future__ import annotations

import gzip
from collections import defaultdict
from dataclasses import dataclass, field
from threading import RLock
from typing import TYPE_CHECKING
from uuid import uuid4

from vitrine.recommendations.model import ChosenWeights, Measured, Scored, Shortlist, Weights, prior
from vitrine.recommendations.model_files import category_key
from vitrine.recommendations.ports import (
    Arrivals,
    InEffect,
    LaterBuild,
    Model,
    ModelBuild,
    PublishedModel,
    RecommendationInputs,
    Source,
    StaleRecent,
    StaleShortlist,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from tests.memory.catalog import InteractionsInMemory, ProductsInMemory
    from vitrine.catalog.model import Product, UserKey
    from vitrine.recommendations.model import Neighbourhood, Popular, Repeat
    from vitrine.recommendations.ports import WorkItem
    from vitrine.recommendations.recent import RecentTouch

_SLOTS = ("a", "b")
_TOP = 50
_MANY = 1_000_000
_NOTHING = Shortlist(again=[])


@dataclass
class _Shop:
    published: PublishedModel | None = None
    slot: str = ""
    build: ModelBuild | None = None
    measured: dict[str, tuple[int, Measured]] = field(default_factory=dict)
    chosen: ChosenWeights = field(default_factory=ChosenWeights)
    arrived: int = 0
    arrived_before: int = 0
    withdrawals: int = 0

    @property
    def what_was_measured(self) -> Measured:
        """Return what was measured for the published model."""
        number, measured = self.measured.get(self.slot, (0, Measured()))
        return measured if self.published and self.published.number == number else Measured()

    @property
    def model(self) -> Model | None:
        measured = self.what_was_measured
        weights = self.chosen.over(measured.weights)
        return self.published and Model(self.published.number, self.slot, weights, measured.profile)

    def repeat(self, category: str | None) -> Repeat:
        if category is not None and category in self.chosen.categories:
            return self.chosen.categories[category]
        repeats = self.what_was_measured.repeats
        if self.chosen.repeat or not repeats:
            return self.chosen.repeat or "exclude"
        return repeats.categories.get(category_key(category), repeats.shop).best


class ModelsInMemory:
    """ModelRepository, BuildRepository and Withdrawals. `now` is the clock (seconds)."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._lock = RLock()
        self.shops: defaultdict[str, _Shop] = defaultdict(_Shop)
        self._neighbourhoods: dict[tuple[str, str, str], tuple[int, Neighbourhood]] = {}
        self._popular: dict[tuple[str, str, str], tuple[int, Sequence[Popular]]] = {}

    def model(self, merchant_id: str) -> Model | None:
        return self.shops[merchant_id].model

    def neighbourhoods(self, merchant_id: str, model: Model, product_ids: Collection[str]) -> dict[str, Neighbourhood]:
        rows = {each: self._neighbourhoods.get((merchant_id, model.slot, each)) for each in product_ids}
        return {each: row[1] for each, row in rows.items() if row and row[0] == model.number}

    def popular(self, merchant_id: str, model: Model) -> Sequence[Popular]:
        return self.top(merchant_id, model.slot, "").get(model.number, ())

    def top(self, merchant_id: str, slot: str, category: str) -> dict[int, Sequence[Popular]]:
        """Return the popular products of a slot by the model that they are of."""
        return dict(row for row in [self._popular.get((merchant_id, slot, category))] if row)

    def put_neighbourhoods(
        self, merchant_id: str, model: Model, neighbourhoods: Iterable[tuple[str, Neighbourhood]]
    ) -> None:
        for product_id, neighbourhood in neighbourhoods:
            key = (merchant_id, model.slot, product_id)
            if self._neighbourhoods.get(key, (0,))[0] <= model.number:
                self._neighbourhoods[key] = (model.number, neighbourhood)

    def put_popular(self, merchant_id: str, model: Model, category: str, popular: Sequence[Popular]) -> None:
        key = (merchant_id, model.slot, category)
        if self._popular.get(key, (0,))[0] <= model.number:
            self._popular[key] = (model.number, popular)

    def put_measured(self, merchant_id: str, model: Model, measured: Measured) -> None:
        shop = self.shops[merchant_id]
        if shop.measured.get(model.slot, (0,))[0] <= model.number:
            shop.measured[model.slot] = (model.number, measured)

    def in_effect(self, merchant_id: str) -> InEffect:
        shop = self.shops[merchant_id]
        measured = shop.what_was_measured
        weights: Weights = shop.chosen.over(measured.weights)
        return InEffect(weights, shop.repeat(None), shop.chosen, measured)

    def set_weights(self, merchant_id: str, chosen: ChosenWeights) -> None:
        self.shops[merchant_id].chosen = chosen

    def note(self, merchant_id: str) -> None:
        self.shops[merchant_id].withdrawals += 1

    def publish(self, merchant_id: str, model: Model) -> None:
        with self._lock:
            shop = self.shops[merchant_id]
            if shop.build and shop.build.number == model.number:
                shop.published = PublishedModel(model.number, self._now(), shop.build.sources)
                shop.slot = model.slot
                shop.build = shop.build._replace(published=shop.published)

    def start(
        self, merchant_id: str, earliest: int, *, if_changed: bool = False, after: int | None = None
    ) -> ModelBuild:
        with self._lock:
            shop = self.shops[merchant_id]
            last = shop.build.number if shop.build else 0
            if after not in {None, last}:
                raise LaterBuild
            number, slot = max(earliest, last + 1), "b" if shop.slot == "a" else "a"
            shop.build = ModelBuild(
                number, slot, "running", frozenset(), self._now(), if_changed, published=shop.published
            )
            shop.arrived_before = shop.arrived
            return shop.build

    def find(self, merchant_id: str) -> ModelBuild | None:
        return self.shops[merchant_id].build

    def finish_part(self, item: WorkItem, source: Source | None = None) -> ModelBuild | None:
        with self._lock:
            shop = self.shops[item.merchant_id]
            if shop.build is None or shop.build.number != item.build:
                return None
            shop.build = shop.build._replace(
                done=shop.build.done | {f"{item.step}/{item.part}"},
                moved_at=self._now(),
                sources={**shop.build.sources, item.part: source} if source else shop.build.sources,
            )
            return shop.build

    def count_changes(self, merchant_id: str, changes: int) -> Arrivals:
        with self._lock:
            shop = self.shops[merchant_id]
            shop.arrived += changes
            return Arrivals(shop.build, shop.arrived - shop.arrived_before)

    def end(self, merchant_id: str, number: int, status: str) -> None:
        with self._lock:
            shop = self.shops[merchant_id]
            if shop.build and shop.build.number == number:
                shop.build = shop.build._replace(status=status, moved_at=self._now())


class InputsInMemory:
    """RecommendationInputsRepository, with the catalogue's repositories in memory."""

    def __init__(self, models: ModelsInMemory, products: ProductsInMemory, interactions: InteractionsInMemory) -> None:
        self._models = models
        self._products = products
        self._interactions = interactions
        self._shortlists: dict[UserKey, tuple[str, int, Shortlist]] = {}
        self._lock = RLock()

    def read(self, user: UserKey, category: str | None) -> RecommendationInputs:
        shop = self._models.shops[user.merchant_id]
        tops: dict[int, Sequence[Popular]] = {}
        for slot in _SLOTS:
            tops |= self._models.top(user.merchant_id, slot, category_key(category))
        published = shop.published.number if shop.published else 0
        _, shown, shortlist = self._shortlists.get(user, ("", published, _NOTHING))
        if shown != published and shown not in tops:
            shown, shortlist = published, _NOTHING
        repeats = shop.what_was_measured.repeats
        stamp = (published, shop.withdrawals, sorted(self._bought(user)), shown, shortlist)
        return RecommendationInputs(
            stamp=repr(stamp),
            model=shown if shop.published else None,
            shortlist=lambda: shortlist,
            popular=[Scored(each.product_id, prior(each.users), "popular", ()) for each in tops.get(shown, ())[:_TOP]],
            cached=None,
            repeat=shop.repeat(category),
            rhythm=repeats.rhythm if repeats else 0.0,
            lag=max(0.0, published / 1000 - repeats.newest) if repeats else 0.0,
        )

    def sellable(
        self, user: UserKey, product_ids: Sequence[str], *, include_bought: bool = False
    ) -> Mapping[str, Product]:
        left_out = set() if include_bought else self._bought(user)
        products = self._products.find_products(user.merchant_id, product_ids)
        return {each: product for each, product in products.items() if product.available and each not in left_out}

    def shortlist_version(self, user: UserKey) -> str | None:
        return self._shortlists[user][0] if user in self._shortlists else None

    def put_shortlist(self, user: UserKey, model: Model, shortlist: Shortlist, version: str | None) -> None:
        with self._lock:
            self._check(user, version)
            self._shortlists[user] = (uuid4().hex, model.number, shortlist)

    def drop_shortlist(self, user: UserKey, version: str | None) -> None:
        with self._lock:
            if version is not None:
                self._check(user, version)
                del self._shortlists[user]

    def erase(self, user: UserKey) -> None:
        self._shortlists.pop(user, None)

    def bought(self, user: UserKey, product_ids: Collection[str]) -> set[str]:
        return self._bought(user) & set(product_ids)

    def _check(self, user: UserKey, version: str | None) -> None:
        if self.shortlist_version(user) != version:
            raise StaleShortlist

    def _bought(self, user: UserKey) -> set[str]:
        newest, _ = self._interactions.newest_interactions(user, _MANY, None)
        return {interaction.product_id for interaction in newest if interaction.type == "purchase"}


class RecentInMemory:
    """RecentRepository."""

    def __init__(self) -> None:
        self._touches: dict[str, tuple[int, Sequence[RecentTouch]]] = {}
        self._lock = RLock()

    def find(self, merchant_id: str) -> tuple[int, Sequence[RecentTouch]]:
        return self._touches.get(merchant_id, (0, []))

    def put(self, merchant_id: str, touches: Sequence[RecentTouch], version: int) -> None:
        with self._lock:
            if self.find(merchant_id)[0] != version:
                raise StaleRecent
            self._touches[merchant_id] = (version + 1, touches)

    def drop(self, merchant_id: str) -> None:
        self._touches.pop(merchant_id, None)


class ResponsesInMemory:
    """ResponseCache that forgets nothing by itself."""

    def __init__(self) -> None:
        self._responses: dict[UserKey, bytes] = {}

    def get(self, user: UserKey, inputs: RecommendationInputs) -> bytes | None:
        del inputs
        return self._responses.get(user)

    def put(self, user: UserKey, response: bytes) -> None:
        self._responses[user] = response

    def drop(self, user: UserKey) -> None:
        self._responses.pop(user, None)


class FilesInMemory:
    """Files."""

    def __init__(self) -> None:
        self.lines: dict[str, list[str]] = {}

    def write_once(self, name: str, lines: Iterable[str]) -> None:
        self.lines.setdefault(name, list(lines))

    def read(self, name: str) -> Iterator[str]:
        return iter(self.lines[name])

    def delete(self, prefix: str, before: str) -> None:
        self.lines = {name: text for name, text in self.lines.items() if not name.startswith(prefix) or name >= before}

    def fetch(self, prefix: str, folder: Path) -> None:
        for name, lines in self.lines.items():
            if name.startswith(prefix):
                target = folder / name.removeprefix(prefix + "/")
                target.parent.mkdir(parents=True, exist_ok=True)
                with gzip.open(target, "wt") if name.endswith(".gz") else target.open("w") as file:
                    file.writelines(lines)

    def store(self, file: Path, name: str) -> None:
        self.lines[name] = file.read_text().splitlines(keepends=True)


class WorkInMemory:
    """WorkQueue."""

    def __init__(self) -> None:
        self.items: list[WorkItem] = []

    def send(self, items: Iterable[WorkItem]) -> None:
        self.items += items


class TasksInMemory:
    """Tasks."""

    def __init__(self) -> None:
        self.refreshed: list[UserKey] = []
        self.erased: list[UserKey] = []

    def refresh(self, users: Iterable[UserKey]) -> None:
        self.refreshed += users

    def erase(self, user: UserKey) -> None:
        self.erased.append(user)
