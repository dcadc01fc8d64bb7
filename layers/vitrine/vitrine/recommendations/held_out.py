"""What a merchant's shoppers did last, held out from a model of all that came before.

Choices that belong to a merchant are measured on it. Nothing is random: the same files give the same choices.
"""

from __future__ import annotations

import gzip
import math
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, NamedTuple

from vitrine.recommendations.model import TYPE_WEIGHTS, Candidates, seeds_of
from vitrine.recommendations.model_files import WEIGHT_UNIT, read_neighbours, read_popular

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence

    from vitrine.recommendations.model import Neighbourhood, Popular, Profile

    Learn = Callable[..., Iterator[str]]

FEWEST_SHOPPERS = 100
MOST_SHOPPERS = 1_000
TOP = 10
GAINS = [1 / math.log2(place + 2) for place in range(TOP)]
_MOST_INTERACTIONS = 500_000
_HELD_OUT = 0.1
NEWEST = 200
_PARSED = 5_000
_PURCHASE = round(WEIGHT_UNIT * TYPE_WEIGHTS["purchase"])


class Touch(NamedTuple):
    """A line of the table `interactions`."""

    user: int
    product: int
    weight: int
    at_seconds: float

    @property
    def is_purchase(self) -> bool:
        """Whether the product was bought."""
        return self.weight == _PURCHASE


class Shopper(NamedTuple):
    """Someone who was there before and came back. `before` is newest first, `later` oldest first."""

    before: Sequence[Touch]
    later: Sequence[Touch]


def new_to(shopper: Shopper) -> set[int]:
    """Return what the shopper touched later and not before."""
    return {touch.product for touch in shopper.later}.difference(touch.product for touch in shopper.before)


class HeldOut(NamedTuple):
    """The touches before the newest tenth, which begins at `until`, and its shoppers who were there before.

    `newest` is the time of the newest touch. Times are in seconds.
    """

    past: Sequence[Touch]
    shoppers: Sequence[Shopper]
    until: float
    newest: float


def hold_out(tables: Path) -> HeldOut | None:
    """Split the interactions under `tables`, or a sample of users if there are very many; None if there are none."""
    touches = _sample(sorted((tables / "interactions").glob("*.csv.gz")))
    if not touches:
        return None
    touches.sort(key=lambda touch: (touch.at_seconds, touch.user, touch.product))
    end = len(touches) - math.ceil(_HELD_OUT * len(touches))
    before: dict[int, list[Touch]] = {}
    for touch in touches[:end]:
        before.setdefault(touch.user, []).append(touch)
    later: dict[int, list[Touch]] = {}
    for touch in touches[end:]:
        if touch.user in before:
            later.setdefault(touch.user, []).append(touch)
    shoppers = [Shopper(before[user][::-1], later[user]) for user in sorted(later)]
    return HeldOut(touches[:end], shoppers, touches[end].at_seconds, touches[-1].at_seconds)


class PastModel:
    """A model of the time before: the candidates of its shoppers, and the ids and categories of their products."""

    def __init__(self, tables: Path, results: Sequence[Path], shoppers: Sequence[Shopper]) -> None:
        wanted = {touch.product for shopper in shoppers for touch in (*shopper.before, *shopper.later)}
        described = [row for row in _rows(sorted((tables / "products").glob("*.csv.gz"))) if int(row[0]) in wanted]
        self.ids = {int(row[0]): row[1] for row in described}
        self.categories = {row[1]: row[2] for row in described if row[2]}
        self._tables = tables
        self._popular: Mapping[str, Sequence[Popular]] = {}
        needed = {
            self.ids[touch.product]
            for shopper in shoppers
            for touch in shopper.before[:NEWEST]
            if touch.product in self.ids
        }
        rows: dict[str, str] = {}
        for file in results:
            with file.open() as lines:
                if file.name.startswith("popular"):
                    self._popular = dict(read_popular(lines))
                else:
                    rows.update((key, line) for line in lines if (key := line.partition(",")[0]) in needed)

        @lru_cache(_PARSED)
        def neighbourhood(product_id: str) -> Neighbourhood:
            [(_, found)] = read_neighbours([rows[product_id]])
            return found

        self._rows = rows
        self._neighbourhood = neighbourhood

    def candidates(self, shopper: Shopper, profile: Profile) -> Candidates:
        """Return the shopper's candidates at the end of that time."""
        touches = [
            (self.ids[touch.product], touch.weight / WEIGHT_UNIT)
            for touch in shopper.before[:NEWEST]
            if touch.product in self.ids
        ]
        seeds = seeds_of(touches, profile)
        near = {
            seed.product_id: self._neighbourhood(seed.product_id) for seed in seeds if seed.product_id in self._rows
        }
        return Candidates(seeds, near, self._popular.get("", ()))

    def popular_in(self, category: str) -> list[str]:
        """Return a category's popular products."""
        return [product.product_id for product in self._popular.get(category, ())]

    def products_in(self, categories: Collection[str]) -> dict[str, str]:
        """Return the category of each product of these categories."""
        rows = _rows(sorted((self._tables / "products").glob("*.csv.gz")))
        return {row[1]: row[2] for row in rows if row[2] in categories}


@contextmanager
def past_model(tables: Path, held_out: HeldOut, shoppers: Sequence[Shopper], learn: Learn) -> Iterator[PastModel]:
    """Learn a model of the time before; its files are deleted afterwards."""
    with TemporaryDirectory() as folder:
        past, results = Path(folder, "tables"), Path(folder, "results")
        (past / "interactions").mkdir(parents=True)
        results.mkdir()
        for table in ("products", "tokens"):
            (past / table).symlink_to(tables.absolute() / table)
        with gzip.open(past / "interactions/00.csv.gz", "wt", compresslevel=1) as file:
            file.writelines(
                f"{touch.user},{touch.product},{touch.weight},{touch.at_seconds:.3f}\n" for touch in held_out.past
            )
        files = [results / name for name in learn(past, results, now_seconds=held_out.until)]
        yield PastModel(tables, files, shoppers)


def is_better(differences: Sequence[float], errors: int = 2) -> bool:
    """Return whether the mean of paired differences is above 0 by more than so many standard errors."""
    mean = sum(differences) / len(differences)
    return mean > errors * math.sqrt(sum((difference - mean) ** 2 for difference in differences)) / len(differences)


def ndcg(ranked: Iterable[str], wanted: Collection[str]) -> float:
    """Return the NDCG at 10."""
    gains = sum(gain for gain, product_id in zip(GAINS, ranked, strict=False) if product_id in wanted)
    return gains / (sum(GAINS[: len(wanted)]) or 1.0)


def _sample(files: Sequence[Path]) -> list[Touch]:
    """Return all touches of a sample of users, about `_MOST_INTERACTIONS`."""
    every = max(1, sum(1 for _ in _rows(files)) // _MOST_INTERACTIONS)
    touches = (Touch(int(user), int(item), int(weight), float(at)) for user, item, weight, at in _rows(files))
    return [touch for touch in touches if touch.user % every == 0]


def _rows(files: Iterable[Path]) -> Iterator[list[str]]:
    for file in files:
        with gzip.open(file, "rt") as lines:
            for line in lines:
                yield line.rstrip("\n").split(",")
