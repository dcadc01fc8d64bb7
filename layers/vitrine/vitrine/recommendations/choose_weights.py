"""Choose a merchant's weights of collaborative and content-based evidence, and its profile, on held-out interactions.

A model is learned from all but the newest tenth of a sample. The weights and profile with the highest NDCG at 10 on
that tenth, of products new to the shopper, are chosen. Nothing is random: the same files give the same weights.
"""

from __future__ import annotations

import gzip
import heapq
import math
from functools import lru_cache
from itertools import chain, product
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, NamedTuple

from vitrine.recommendations.model import PROFILES, Candidates, Measured, Weights, seeds_of
from vitrine.recommendations.model_files import WEIGHT_UNIT, read_neighbours, read_popular

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Sequence

    from vitrine.recommendations.model import Neighbourhood, Popular, Terms

    Learn = Callable[..., Iterator[str]]

_STEPS = (0.0, 0.2, 0.4, 0.6, 0.8)
_GRID = tuple(product(_STEPS, repeat=2))
_MOST_INTERACTIONS = 500_000
_MOST_SHOPPERS = 1_000
_FEWEST_SHOPPERS = 100
_HELD_OUT = 0.1
_NEWEST = 200
_PARSED = 5_000
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


def choose_weights(tables: Path, learn: Learn) -> Measured | None:
    """Return the best for the interactions in these files, or None if there are too few to measure.

    Keeps the defaults unless another combination is better by more than two standard errors.
    """
    touches = _sample(sorted((tables / "interactions").glob("*.csv.gz")))
    if not touches:
        return None
    touches.sort(key=lambda touch: (touch.at_seconds, touch.user, touch.product))
    end = len(touches) - math.ceil(_HELD_OUT * len(touches))
    shoppers = _shoppers(touches[:end], touches[end:])
    if len(shoppers) < _FEWEST_SHOPPERS:
        return None
    with TemporaryDirectory() as folder:
        past, results = Path(folder, "tables"), Path(folder, "results")
        (past / "interactions").mkdir(parents=True)
        results.mkdir()
        for table in ("products", "tokens"):
            (past / table).symlink_to(tables.absolute() / table)
        with gzip.open(past / "interactions/00.csv.gz", "wt", compresslevel=1) as file:
            file.writelines(
                f"{touch.user},{touch.product},{touch.weight},{touch.at_seconds:.3f}\n" for touch in touches[:end]
            )
        files = [results / name for name in learn(past, results, now_seconds=touches[end].at_seconds)]
        return _best([list(chain(*cases)) for cases in _measure(shoppers, tables, files)])


def _sample(files: Sequence[Path]) -> list[_Touch]:
    """Return all touches of a sample of users, about `_MOST_INTERACTIONS`."""
    every = max(1, sum(1 for _ in _rows(files)) // _MOST_INTERACTIONS)
    touches = (_Touch(int(user), int(item), int(weight), float(at)) for user, item, weight, at in _rows(files))
    return [touch for touch in touches if touch.user % every == 0]


def _rows(files: Iterable[Path]) -> Iterator[list[str]]:
    for file in files:
        with gzip.open(file, "rt") as lines:
            for line in lines:
                yield line.rstrip("\n").split(",")


def _shoppers(past: Iterable[_Touch], last: Iterable[_Touch]) -> list[_Shopper]:
    """Return the shoppers of both times who touched a new product later. `before` is newest first."""
    before: dict[int, list[_Touch]] = {}
    for touch in past:
        before.setdefault(touch.user, []).append(touch)
    known = {user: {touch.product for touch in touches} for user, touches in before.items()}
    later: dict[int, set[int]] = {}
    for touch in last:
        if touch.product not in known.get(touch.user, {touch.product}):
            later.setdefault(touch.user, set()).add(touch.product)
    return [_Shopper(before[user][::-1], later[user]) for user in sorted(later)[:_MOST_SHOPPERS]]


def _measure(shoppers: Sequence[_Shopper], tables: Path, results: Sequence[Path]) -> Iterator[Iterator[list[float]]]:
    """Yield the NDCGs of each shopper, by profile and pair of weights."""
    wanted = {touch.product for shopper in shoppers for touch in shopper.before}.union(
        *(shopper.later for shopper in shoppers)
    )
    ids = {
        int(row[0]): row[1] for row in _rows(sorted((tables / "products").glob("*.csv.gz"))) if int(row[0]) in wanted
    }
    needed = {ids[touch.product] for shopper in shoppers for touch in shopper.before[:_NEWEST] if touch.product in ids}
    rows: dict[str, str] = {}
    popular: Sequence[Popular] = ()
    for file in results:
        with file.open() as lines:
            if file.name.startswith("popular"):
                popular = dict(read_popular(lines)).get("", ())
            else:
                rows.update((key, line) for line in lines if (key := line.partition(",")[0]) in needed)

    @lru_cache(_PARSED)
    def neighbourhood(product_id: str) -> Neighbourhood:
        [(_, found)] = read_neighbours([rows[product_id]])
        return found

    for shopper in shoppers:
        before = {ids[touch.product] for touch in shopper.before if touch.product in ids}
        later = {ids[product] for product in shopper.later if product in ids}
        touches = [
            (ids[touch.product], touch.weight / WEIGHT_UNIT)
            for touch in shopper.before[:_NEWEST]
            if touch.product in ids
        ]
        profiles = (seeds_of(touches, profile) for profile in PROFILES)
        yield (
            _ndcgs(
                Candidates(
                    seeds,
                    {seed.product_id: neighbourhood(seed.product_id) for seed in seeds if seed.product_id in rows},
                    popular,
                ),
                before,
                later,
            )
            for seeds in profiles
        )


def _ndcgs(candidates: Candidates, before: set[str], later: set[str]) -> list[float]:
    """Return the NDCG at 10 under each pair of weights."""
    terms = [term for term in candidates.terms() if term.product_id not in before]
    if not any(term.product_id in later for term in terms):
        return [0.0] * len(_GRID)
    ideal = sum(_GAINS[: len(later)]) or 1.0
    ndcgs = []
    for collaborative in _STEPS:
        scored = _contenders([(term, term.prior + collaborative * term.from_users) for term in terms])
        for content in _STEPS:
            scores = [score + content * term.from_features for term, score in scored]
            best = heapq.nlargest(_TOP, range(len(scored)), scores.__getitem__)
            gains = (gain for gain, place in zip(_GAINS, best, strict=False) if scored[place][0].product_id in later)
            ndcgs.append(sum(gains) / ideal)
    return ndcgs


def _contenders(scored: Sequence[tuple[Terms, float]]) -> list[tuple[Terms, float]]:
    """Return those that can be among the first ten under some weight of features, in the same order."""
    most = _STEPS[-1]
    lowest = heapq.nlargest(_TOP, (score + min(0.0, most * term.from_features) for term, score in scored))
    return [(term, score) for term, score in scored if score + max(0.0, most * term.from_features) >= lowest[-1]]


def _best(measured: Sequence[Sequence[float]]) -> Measured:
    options = [Measured(Weights(*pair), profile) for profile in PROFILES for pair in _GRID]
    base = options.index(Measured())
    totals = [sum(column) for column in zip(*measured, strict=True)]
    best = max(range(len(options)), key=totals.__getitem__)
    differences = [row[best] - row[base] for row in measured]
    mean = sum(differences) / len(differences)
    error = math.sqrt(sum((difference - mean) ** 2 for difference in differences)) / len(differences)
    return options[best] if mean > 2 * error else options[base]
