"""The shipped code with stores in memory: learned by DuckDB, ranked by `refresh_shortlist`."""

from __future__ import annotations

import gzip
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vitrine.catalog.model import UserKey
from vitrine.recommendations import duckdb
from vitrine.recommendations.choose_weights import choose_weights
from vitrine.recommendations.diversity import diversified
from vitrine.recommendations.model import (
    REPEATS,
    STRATEGIES,
    TYPE_WEIGHTS,
    Candidates,
    Measured,
    number_of,
    prior,
    seeds_of,
)
from vitrine.recommendations.model_files import (
    interaction_line,
    product_line,
    read_neighbours,
    read_popular,
    token_lines,
)
from vitrine.recommendations.ports import Model
from vitrine.recommendations.recent import MOST_OF_A_USER, counts_since, replaced, touches_of
from vitrine.recommendations.refresh_shortlists import refresh_shortlist

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from bench.recommendations_data import Split
    from vitrine.recommendations.model import Repeat, Shortlist


class Shop:
    """The ports of `refresh_shortlist`, and what it kept last."""

    def __init__(self, found: Split, learned_from: int | None = None) -> None:
        """Learn from the first `learned_from` interactions, or all; the shoppers did all of them."""
        past = found.past[:learned_from]
        learned = {(interaction.user_id, interaction.product_id) for interaction in past}
        self._newest: dict[str, list[Any]] = {}
        for interaction in reversed(found.past):
            self._newest.setdefault(interaction.user_id, []).append(interaction)
        touches = {
            number_of(user): [
                touch._replace(seen=(user, touch.product_id) not in learned)
                for touch in touches_of(newest[:MOST_OF_A_USER], found.past[-1].occurred_at)
            ]
            for user, newest in self._newest.items()
        }
        self._recent = replaced([], touches)
        self._touched = {
            user: {interaction.product_id for interaction in newest} for user, newest in self._newest.items()
        }
        self._kept: Any = None
        self._products = {product.product_id: product for product in found.products}
        with tempfile.TemporaryDirectory() as place:
            tables, results = Path(place, "tables"), Path(place, "results")
            results.mkdir()
            _write(tables / "interactions", map(interaction_line, past))
            _write(tables / "products", map(product_line, found.products))
            _write(tables / "tokens", (line for product in found.products for line in token_lines(product)))
            self.measured = choose_weights(tables, duckdb.learn) or Measured()
            self.weights, self.profile, self.repeats, half_life_days = self.measured
            now = past[-1].occurred_at.timestamp()
            results_of = list(duckdb.learn(tables, results, now_seconds=now, half_life_days=half_life_days))
            self._near: dict[str, Any] = {}
            for name in results_of:
                with (results / name).open() as lines:
                    if name.startswith("neighbours"):
                        self._near.update(read_neighbours(lines))
                    else:
                        self._popular = dict(read_popular(lines))[""]
        near = (neighbour for found in self._near.values() for neighbour in (*found.collaborative, *found.content))
        users = {product.product_id: product.users for product in self._popular}
        for product_id, count in counts_since(self._recent, 0).items():
            users[product_id] = users.get(product_id, 0.0) + count
        self._best = sorted(users, key=lambda product_id: (-users[product_id], product_id))
        self._users = {product.product_id: product.users for product in (*self._popular, *near)}

    def ranked(self, user_id: str) -> dict[str, list[str]]:
        """Each strategy's products for a shopper, the best first, none that was touched before."""
        touched = self._touched.get(user_id, set())
        popular = [product_id for product_id in self._best if product_id not in touched]
        if not touched:
            return dict.fromkeys(STRATEGIES, popular)
        self._refresh(user_id)
        lists = {
            strategy: [product.product_id for product in self._kept.candidates(strategy, "exclude")]
            for strategy in self._kept.ranked
        }
        return {**lists, "popular": popular}

    def with_repeats(self, user_id: str, now: float) -> dict[Repeat, list[str]]:
        """The products of `hybrid` for each treatment of those bought before, `now` as the shipped code ranks them."""
        self._refresh(user_id)
        rhythm = self.repeats.rhythm if self.repeats else 0.0
        return {
            repeat: [scored.product_id for scored in self._kept.candidates("hybrid", repeat, now=now, rhythm=rhythm)]
            for repeat in REPEATS
        }

    def diversified(self, user_id: str, percent: int) -> list[str]:
        """The products of `hybrid`, reordered so that those beside each other are less alike."""
        if user_id not in self._touched:
            return self.ranked(user_id)["hybrid"]
        self._refresh(user_id)
        items = [
            {"product_id": scored.product_id, "score": scored.score, "product": vars(self._products[scored.product_id])}
            for scored in self._kept.candidates("hybrid", "exclude")
        ]
        return [item["product_id"] for item in diversified(items, percent)]

    def _refresh(self, user_id: str) -> None:
        refresh_shortlist(self, self, self, UserKey("shop", user_id), self._recent)  # type: ignore[arg-type]

    def prior(self, product_id: str) -> float:
        """What popularity alone says for a product."""
        return prior(self._users.get(product_id, 0.0))

    def spoken_for(self, user_id: str, among: Collection[str]) -> dict[str, dict[str, float]]:
        """Each strategy's scores of all products that anything speaks for, not only of the best fifty."""
        touches = (
            (interaction.product_id, TYPE_WEIGHTS[interaction.type]) for interaction in self._newest[user_id][:200]
        )
        seeds = seeds_of(touches, self.profile)
        candidates = Candidates(seeds, self._near, self._popular)
        return {
            strategy: {
                candidate.product_id: candidate.score
                for candidate in candidates.ranked(strategy, self.weights)
                if candidate.product_id in among
            }
            for strategy in STRATEGIES
        }

    def newest_interactions(self, user: UserKey, limit: int, after: str | None) -> tuple[list[Any], None]:
        return self._newest.get(user.user_id, [])[:limit], None

    def model(self, merchant_id: str) -> Model:
        return Model(0, "a", self.weights, self.profile)

    def neighbourhoods(self, merchant_id: str, model: Model, product_ids: Collection[str]) -> dict[str, Any]:
        return {product_id: self._near[product_id] for product_id in product_ids if product_id in self._near}

    def popular(self, merchant_id: str, model: Model) -> list[Any]:
        return self._popular

    def bought(self, user: UserKey, product_ids: Collection[str]) -> set[str]:
        return self._touched[user.user_id].intersection(product_ids)

    def shortlist_version(self, user: UserKey) -> None:
        return None

    def put_shortlist(self, user: UserKey, model: Model, shortlist: Shortlist, version: None) -> None:
        self._kept = shortlist


def _write(folder: Path, lines: Iterable[str]) -> None:
    folder.mkdir(parents=True)
    with gzip.open(folder / "00.csv.gz", "wt", compresslevel=1) as file:
        file.writelines(lines)
