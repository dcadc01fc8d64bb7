"""Peers: EASE, and implicit's item-kNN and ALS, with the settings that each is tried with."""

from __future__ import annotations

from collections import Counter
from itertools import product
from typing import TYPE_CHECKING, Any

import implicit.als
import implicit.nearest_neighbours as knn
import numpy as np
import scipy.sparse as sp

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from bench.recommendations_data import Split

    Rank = Callable[[str], list[str]]

TOP = 10
_NEIGHBOURS = (50, 200, 1000, 5000)


class Matrix:
    """Shoppers by products: how often each was touched."""

    def __init__(self, found: Split) -> None:
        self.users = {user: row for row, user in enumerate(dict.fromkeys(it.user_id for it in found.past))}
        self.products = [it.product_id for it in found.products]
        columns = {product_id: column for column, product_id in enumerate(self.products)}
        past = [it for it in found.past if it.product_id in columns]
        rows = [self.users[it.user_id] for it in past]
        shape = (len(self.users), len(self.products))
        ones = np.ones(len(past), dtype=np.float32)
        self.counts = sp.csr_matrix((ones, (rows, [columns[it.product_id] for it in past])), shape)
        self.touched = self.counts.minimum(1).tocsr()
        places: dict[tuple[int, int], int] = {}
        seen: Counter[int] = Counter()
        for it in reversed(past):
            pair = self.users[it.user_id], columns[it.product_id]
            if pair not in places:
                places[pair] = seen[pair[0]]
                seen[pair[0]] += 1
        self.newest = sp.csr_matrix(
            ([0.5 ** (place / 5) for place in places.values()], tuple(zip(*places, strict=True))), shape
        )

    def best(self, user: str, scores: Any) -> list[str]:
        row = self.users[user]
        scores[self.touched.indices[self.touched.indptr[row] : self.touched.indptr[row + 1]]] = -np.inf
        top = np.argpartition(-scores, TOP)[:TOP]
        return [self.products[column] for column in top[np.argsort(-scores[top], kind="stable")]]

    def by(self, model: Any, counts: Any) -> Rank:
        """What an implicit model recommends itself."""

        def rank(user: str) -> list[str]:
            row = self.users[user]
            found, scores = model.recommend(row, counts[row].tocsr(), N=TOP, filter_already_liked_items=True)
            return [self.products[column] for column, score in zip(found, scores, strict=True) if score > -1e30]

        return rank


def popularity(matrix: Matrix) -> Iterator[tuple[str, Rank]]:
    """How many touched a product."""
    users = np.asarray(matrix.touched.sum(0)).ravel()
    yield "", lambda user: matrix.best(user, users.copy())


def ease(matrix: Matrix, profiles: Any) -> Iterator[tuple[str, Rank]]:
    """Steck 2019, solved over shoppers where they are fewer than products, which gives the same."""
    past = matrix.touched.astype(np.float64)
    columns = np.flatnonzero(np.asarray(past.sum(0)).ravel())
    past, profiles = past[:, columns].tocsr(), profiles[:, columns].astype(np.float64).tocsr()
    for penalty in (30, 100, 300, 1000, 3000, 10000):
        if len(columns) <= past.shape[0]:
            inverse = np.linalg.inv((past.T @ past).toarray() + penalty * np.eye(len(columns)))
            diagonal, seen = np.diag(inverse), profiles @ inverse
        else:
            inverse = np.linalg.inv((past @ past.T).toarray() + penalty * np.eye(past.shape[0]))
            diagonal = (1 - np.asarray(past.T.multiply(past.T @ inverse).sum(1)).ravel()) / penalty
            seen = (profiles.toarray() - (past.T @ ((profiles @ past.T) @ inverse).T).T) / penalty
        known = profiles.toarray() - seen / diagonal

        def rank(user: str, known: Any = known) -> list[str]:
            scores = np.full(len(matrix.products), -1e9)
            scores[columns] = known[matrix.users[user]]
            return matrix.best(user, scores)

        yield f"penalty {penalty}", rank


def item_knn(matrix: Matrix, kind: str) -> Iterator[tuple[str, Rank]]:
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
        model.fit(counts, show_progress=False)
        yield f"K {neighbours}, {name} {more or ''}", matrix.by(model, counts)


def als(matrix: Matrix) -> Iterator[tuple[str, Rank]]:
    """implicit's ALS (Hu, Koren, Volinsky 2008)."""
    for factors, regularization, alpha in product((8, 16, 32, 64), (0.1, 1, 10, 30), (1, 10)):
        model = implicit.als.AlternatingLeastSquares(
            factors=factors, regularization=regularization, alpha=alpha, num_threads=1, random_state=0
        )
        model.fit(matrix.touched, show_progress=False)
        yield f"{factors} factors, penalty {regularization}, alpha {alpha}", matrix.by(model, matrix.touched)


PEERS: dict[str, Callable[[Matrix], Iterator[tuple[str, Rank]]]] = {
    "popularity": popularity,
    "EASE": lambda matrix: ease(matrix, matrix.touched),
    "item-kNN cosine": lambda matrix: item_knn(matrix, "cosine"),
    "item-kNN TF-IDF": lambda matrix: item_knn(matrix, "tfidf"),
    "item-kNN BM25": lambda matrix: item_knn(matrix, "bm25"),
    "ALS": als,
    "EASE with our recency": lambda matrix: ease(matrix, matrix.newest),
}
