"""Peers: EASE, and implicit's item-kNN and ALS, with the settings that each is tried with."""

from __future__ import annotations

from collections import Counter
from functools import partial
from itertools import product
from typing import TYPE_CHECKING, Any

import implicit.als
import implicit.nearest_neighbours as knn
import numpy as np
import scipy.sparse as sp

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator

    from bench.recommendations_data import Split

    Ranked = dict[str, list[str]]
    Tries = Iterator[tuple[str, Callable[[], "Ranked"]]]

TOP = 10
_NEIGHBOURS = (50, 200, 1000, 5000)


class Matrix:
    """Shoppers by products: how often each was touched."""

    def __init__(self, found: Split) -> None:
        self.users = {
            user: row for row, user in enumerate(dict.fromkeys(interaction.user_id for interaction in found.past))
        }
        self.products = [product.product_id for product in found.products]
        columns = {product_id: column for column, product_id in enumerate(self.products)}
        past = [interaction for interaction in found.past if interaction.product_id in columns]
        rows = [self.users[interaction.user_id] for interaction in past]
        shape = (len(self.users), len(self.products))
        ones = np.ones(len(past), dtype=np.float32)
        self.counts = sp.csr_matrix((ones, (rows, [columns[interaction.product_id] for interaction in past])), shape)
        self.touched = self.counts.minimum(1).tocsr()
        places: dict[tuple[int, int], int] = {}
        seen: Counter[int] = Counter()
        for interaction in reversed(past):
            pair = self.users[interaction.user_id], columns[interaction.product_id]
            if pair not in places:
                places[pair] = seen[pair[0]]
                seen[pair[0]] += 1
        self.newest = sp.csr_matrix(
            ([0.5 ** (place / 5) for place in places.values()], tuple(zip(*places, strict=True))), shape
        )

    def best(self, wanted: Collection[str], scores: Callable[[int], Any], columns: Any) -> Ranked:
        """The ten best of some columns for each shopper, none that was touched."""
        found = {}
        for user in wanted:
            row = self.users[user]
            mine = np.where(self.touched[row, columns].toarray().ravel() > 0, -np.inf, scores(row))
            top = np.argpartition(-mine, TOP)[:TOP]
            found[user] = [self.products[columns[column]] for column in top[np.argsort(-mine[top], kind="stable")]]
        return found

    def by(self, model: Any, counts: Any, wanted: Collection[str]) -> Ranked:
        """What an implicit model recommends itself."""
        model.fit(counts, show_progress=False)
        rows = np.array([self.users[user] for user in wanted])
        found, scores = model.recommend(rows, counts[rows].tocsr(), N=TOP, filter_already_liked_items=True)
        return {
            user: [self.products[column] for column, score in zip(best, told, strict=True) if score > -1e30]
            for user, best, told in zip(wanted, found, scores, strict=True)
        }

    def columns(self) -> Any:
        """Those of products that anybody touched."""
        return np.flatnonzero(np.asarray(self.touched.sum(0)).ravel())


def popularity(matrix: Matrix, wanted: Collection[str]) -> Tries:
    """How many touched a product."""
    columns = matrix.columns()
    users = np.asarray(matrix.touched.sum(0)).ravel()[columns]
    yield "", lambda: matrix.best(wanted, lambda _: users, columns)


def ease(matrix: Matrix, profiles: Any, wanted: Collection[str]) -> Tries:
    """Steck 2019, solved over shoppers where they are fewer than products, which gives the same."""
    for penalty in (30, 100, 300, 1000, 3000, 10000):
        yield f"penalty {penalty}", partial(_ease, matrix, profiles, wanted, penalty)


def _ease(matrix: Matrix, profiles: Any, wanted: Collection[str], penalty: int) -> Ranked:
    columns = matrix.columns()
    past = matrix.touched[:, columns].astype(np.float64).tocsr()
    profiles = profiles[:, columns].astype(np.float64).tocsr()
    if len(columns) <= past.shape[0]:
        inverse = np.linalg.inv((past.T @ past).toarray() + penalty * np.eye(len(columns)))
        diagonal, seen = np.diag(inverse), profiles @ inverse
    else:
        inverse = np.linalg.inv((past @ past.T).toarray() + penalty * np.eye(past.shape[0]))
        diagonal = (1 - np.asarray(past.T.multiply(past.T @ inverse).sum(1)).ravel()) / penalty
        seen = (profiles.toarray() - (past.T @ ((profiles @ past.T) @ inverse).T).T) / penalty
    known = profiles.toarray() - seen / diagonal
    return matrix.best(wanted, lambda row: known[row], columns)


def item_knn(matrix: Matrix, kind: str, wanted: Collection[str]) -> Tries:
    """implicit's neighbours of products: `cosine`, `tfidf` or `bm25`."""
    kinds: dict[str, list[dict[str, float]]] = {
        "cosine": [{}],
        "tfidf": [{}],
        "bm25": [{"K1": k1, "B": b} for k1, b in ((1.2, 0.75), (1.2, 0.2), (0.2, 0.2), (100, 0.8))],
    }
    models = {"cosine": knn.CosineRecommender, "tfidf": knn.TFIDFRecommender, "bm25": knn.BM25Recommender}
    inputs = [("counts", matrix.counts)] if kind == "bm25" else [("counts", matrix.counts), ("once", matrix.touched)]
    for neighbours, more, (name, counts) in product(_NEIGHBOURS, kinds[kind], inputs):
        model = models[kind](K=neighbours, num_threads=1, **more)
        yield f"K {neighbours}, {name} {more or ''}", partial(matrix.by, model, counts, wanted)


def als(matrix: Matrix, wanted: Collection[str]) -> Tries:
    """implicit's ALS (Hu, Koren, Volinsky 2008)."""
    for factors, regularization, alpha in product((8, 16, 32, 64), (0.1, 1, 10, 30), (1, 10)):
        model = implicit.als.AlternatingLeastSquares(
            factors=factors, regularization=regularization, alpha=alpha, num_threads=1, random_state=0
        )
        name = f"{factors} factors, penalty {regularization}, alpha {alpha}"
        yield name, partial(matrix.by, model, matrix.touched, wanted)


PEERS: dict[str, Callable[[Matrix, Collection[str]], Tries]] = {
    "popularity": popularity,
    "EASE": lambda matrix, wanted: ease(matrix, matrix.touched, wanted),
    "item-kNN cosine": lambda matrix, wanted: item_knn(matrix, "cosine", wanted),
    "item-kNN TF-IDF": lambda matrix, wanted: item_knn(matrix, "tfidf", wanted),
    "item-kNN BM25": lambda matrix, wanted: item_knn(matrix, "bm25", wanted),
    "ALS": als,
    "EASE with our recency": lambda matrix, wanted: ease(matrix, matrix.newest, wanted),
}
