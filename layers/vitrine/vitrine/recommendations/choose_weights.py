"""How much collaborative and content-based evidence count for a merchant, chosen on what its shoppers did last.

A model is learned from all but the newest tenth of a sample; the weights under which it foretells that tenth best
are chosen, measured as NDCG at 10 of products new to the shopper. Nothing is left to chance: the same files give
the same weights.
"""

from __future__ import annotations

import gzip
import heapq
import math
import shutil
import tempfile
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from vitrine.recommendations.model import Candidates, Weights, seeds_of
from vitrine.recommendations.model_files import WEIGHT_UNIT, read_neighbours, read_popular

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Sequence

    from vitrine.recommendations.model import Neighbourhood, Popular

    Learn = Callable[..., Iterator[str]]

_GRID = tuple(product((0.0, 0.2, 0.4, 0.6, 0.8), repeat=2))
_MOST_INTERACTIONS = 500_000
_MOST_SHOPPERS = 1_000
_FEWEST_SHOPPERS = 100
_HELD_OUT = 0.1
_NEWEST = 200
_TOP = 10
_GAINS = [1 / math.log2(place + 2) for place in range(_TOP)]


class _Touch(NamedTuple):
    user: int
    product: int
    weight: int
    at_seconds: float


class _Shopper(NamedTuple):
    before: Sequence[_Touch]
    later: Collection[int]


def choose_weights(tables: Path, learn: Learn) -> Weights | None:
    """The weights for the interactions in these files; None where there are too few to tell.

    The defaults stay unless others are better by more than twice the error of the measurement.
    """
    touches = _sample(sorted((tables / "interactions").glob("*.csv.gz")))
    if not touches:
        return None
    touches.sort(key=lambda it: (it.at_seconds, it.user, it.product))
    end = len(touches) - math.ceil(_HELD_OUT * len(touches))
    shoppers = _shoppers(touches[:end], touches[end:])
    if len(shoppers) < _FEWEST_SHOPPERS:
        return None
    place = Path(tempfile.mkdtemp())
    try:
        past, results = place / "tables", place / "results"
        (past / "interactions").mkdir(parents=True)
        results.mkdir()
        for table in ("products", "tokens"):
            (past / table).symlink_to(tables.absolute() / table)
        with gzip.open(past / "interactions/00.csv.gz", "wt", compresslevel=1) as file:
            file.writelines(f"{it.user},{it.product},{it.weight},{it.at_seconds:.3f}\n" for it in touches[:end])
        files = [results / name for name in learn(past, results, now_seconds=touches[end].at_seconds)]
        return _best([_chances(*it) for it in _candidates(shoppers, tables, files)])
    finally:
        shutil.rmtree(place)


def _sample(files: Sequence[Path]) -> list[_Touch]:
    """All of so many users that about `_MOST_INTERACTIONS` are theirs."""
    every = max(1, sum(1 for _ in _rows(files)) // _MOST_INTERACTIONS)
    found = (_Touch(int(user), int(item), int(weight), float(at)) for user, item, weight, at in _rows(files))
    return [it for it in found if it.user % every == 0]


def _rows(files: Iterable[Path]) -> Iterator[list[str]]:
    for file in files:
        with gzip.open(file, "rt") as lines:
            for line in lines:
                yield line.rstrip("\n").split(",")


def _shoppers(past: Iterable[_Touch], last: Iterable[_Touch]) -> list[_Shopper]:
    """Those who did something before and touched something new afterwards, newest first."""
    before: dict[int, list[_Touch]] = {}
    for it in past:
        before.setdefault(it.user, []).append(it)
    known = {user: {it.product for it in touches} for user, touches in before.items()}
    later: dict[int, set[int]] = {}
    for it in last:
        if it.product not in known.get(it.user, {it.product}):
            later.setdefault(it.user, set()).add(it.product)
    return [_Shopper(before[user][::-1], later[user]) for user in sorted(later)[:_MOST_SHOPPERS]]


def _candidates(
    shoppers: Sequence[_Shopper], tables: Path, results: Sequence[Path]
) -> Iterator[tuple[Candidates, set[str], set[str]]]:
    """For each shopper the candidates, what was touched before and what was touched later."""
    wanted = {it.product for shopper in shoppers for it in shopper.before}.union(*(it.later for it in shoppers))
    ids = {
        int(row[0]): row[1] for row in _rows(sorted((tables / "products").glob("*.csv.gz"))) if int(row[0]) in wanted
    }
    seeds = [
        seeds_of((ids[it.product], it.weight / WEIGHT_UNIT) for it in shopper.before[:_NEWEST] if it.product in ids)
        for shopper in shoppers
    ]
    needed = {seed.product_id for some in seeds for seed in some}
    near: dict[str, Neighbourhood] = {}
    popular: Sequence[Popular] = ()
    for file in results:
        with file.open() as lines:
            if file.name.startswith("popular"):
                popular = dict(read_popular(lines)).get("", ())
            else:
                near.update(read_neighbours(line for line in lines if line.partition(",")[0] in needed))
    for shopper, some in zip(shoppers, seeds, strict=True):
        before = {ids[it.product] for it in shopper.before if it.product in ids}
        yield Candidates(some, near, popular), before, {ids[it] for it in shopper.later if it in ids}


def _chances(candidates: Candidates, before: set[str], later: set[str]) -> list[float]:
    """NDCG at 10 under each pair of weights."""
    terms = [it for it in candidates.terms() if it.product_id not in before]
    hits = [it.product_id in later for it in terms]
    if not any(hits):
        return [0.0] * len(_GRID)
    ideal = sum(_GAINS[: len(later)]) or 1.0
    found = []
    for collaborative, content in _GRID:
        scores = [prior + collaborative * users + content * features for _, prior, users, features in terms]
        best = heapq.nlargest(_TOP, range(len(terms)), scores.__getitem__)
        found.append(sum(gain for gain, place in zip(_GAINS, best, strict=False) if hits[place]) / ideal)
    return found


def _best(measured: Sequence[Sequence[float]]) -> Weights:
    default = Weights()
    base = _GRID.index((default.collaborative, default.content))
    totals = [sum(column) for column in zip(*measured, strict=True)]
    best = max(range(len(_GRID)), key=lambda it: totals[it])
    differences = [row[best] - row[base] for row in measured]
    mean = sum(differences) / len(differences)
    error = math.sqrt(sum((it - mean) ** 2 for it in differences)) / len(differences)
    return Weights(*_GRID[best]) if mean > 2 * error else default
